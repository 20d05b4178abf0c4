#pragma once
// A command is data plus one function: flags are declared once and serve parsing, help and shell completion.
// A command parses nothing itself, calls one or two module functions, and prints: data to out, talk to err.
#include <map>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace clawtrace::cli {

// Everything a command may know of the world.
struct World {
  std::string home;
  std::string data_dir;           // with prices.tsv; "" when not found
  std::string cache_dir;          // for what may be forgotten; "" = none
  std::string store_path;         // CLAWTRACE_STORE, else below the user's data folder; "" = none
  std::string program;            // what identifies this build: caches of another are not used
  std::string data_hint;          // where was looked
  std::string workplace_program;  // replay::SandboxHost's; "" when not known
  std::string scratch_dir;        // for temporary files: TMPDIR, else /tmp
  std::map<std::string, std::string, std::less<>> model_keys;  // of providers of models, by variable
  std::ostream* out = nullptr;
  std::ostream* err = nullptr;
  bool err_is_terminal = false;
  bool out_is_terminal = false;
  unsigned threads = 1;
};

enum class FlagKind { kSwitch, kValue, kPath };

struct Flag {
  std::string_view name;        // "--max-bytes"
  std::string_view value_name;  // "N"; "" for switches
  std::string_view help;
  FlagKind kind = FlagKind::kSwitch;
};

struct Arguments {
  std::vector<std::string> positional;
  std::map<std::string, std::string, std::less<>> values;  // switches hold "1"

  bool Has(std::string_view flag) const { return values.contains(flag); }
  std::string Value(std::string_view flag) const {
    auto found = values.find(flag);
    return found == values.end() ? "" : found->second;
  }
};

// 0 done, 1 the answer is no, 2 could not.
enum ExitCode : int { kDone = 0, kNo = 1, kCouldNot = 2 };

struct Command {
  std::string_view name;
  std::string_view summary;  // one line of --help
  std::string_view usage;    // "card [SESSION|PATH]..."
  std::string_view details;  // paragraphs of the command's own --help
  std::span<const Flag> flags;
  bool positional_paths = true;  // for completion
  int (*run)(const Arguments& arguments, const World& world);
};

std::span<const Command* const> Commands();

// First line names the thing; then the hint, if any.
int Report(const World& world, const Error& error);

// The whole program.
int Main(int argc, const char* const* argv, const World& world);

}  // namespace clawtrace::cli
