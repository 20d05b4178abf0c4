#pragma once
// What earlier runs learnt of files that have not changed since: which format they have, and the summaries of
// the sessions in them. A cache and no more: without it, or when it is damaged, the files are read. One file
// in the user's cache folder, readable by the user alone.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "capture/gather.h"
#include "compile/compile.h"

namespace clawtrace::cli {

class Index final : public capture::FileMemory {
 public:
  // folder: "" = remember nothing. Everything in it is forgotten when program (what this build compiles to)
  // is another.
  Index(std::string folder, std::string program);

  std::optional<Known> Find(const std::string& path, const capture::LogStamp& stamp) override;
  void Learn(const std::string& path, const capture::LogStamp& stamp, const Known& known) override;

  // The summary of a unit of files, written at this depth with this price book; nullopt when any of the files
  // or of those that describe them has changed. Files that were changed within the last second are never
  // remembered, since a second change would leave the same stamp.
  std::optional<std::string_view> Summary(const capture::Unit& unit, std::string_view book,
                                          compile::Depth depth) const;
  // For the next run; does not show in Summary, which other threads may be in. Not thread-safe itself.
  void Remember(const capture::Unit& unit, std::string_view book, compile::Depth depth, std::string summary);

  // Writes what was learnt, if anything was; atomically, and without a word when that cannot be.
  void Save();

 private:
  struct File {
    capture::LogStamp stamp;
    std::string importer, unit_key;
  };
  struct Summarised {
    uint64_t key = 0;  // over the stamps of all files
    std::string bytes;
  };

  using Summaries = std::map<std::pair<compile::Depth, std::string>, Summarised>;  // by the unit's first file

  void Load();
  bool Settled(const capture::LogStamp& stamp) const;
  static std::optional<uint64_t> KeyOf(const capture::Unit& unit, std::string_view book);

  std::string folder_, program_;
  int64_t started_ns_ = 0;
  std::map<std::string, File, std::less<>> files_;
  Summaries summaries_, fresh_;
  bool changed_ = false;
};

}  // namespace clawtrace::cli
