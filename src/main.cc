// Gathers what only the process knows (environment, terminal, place of the binary) and hands it to the
// command line.
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <system_error>
#include <thread>

#include "cli/command.h"
#include "llm/provider.h"
#include "replay/sandbox/program.h"

namespace {

namespace fs = std::filesystem;

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

// Installed: ../share/clawtrace beside bin/. In a build tree: data/ of the sources above it.
void FindData(clawtrace::cli::World* world) {
  std::string set = Environment("CLAWTRACE_DATA");
  std::error_code error;
  fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
  std::vector<fs::path> places;
  if (!set.empty()) places.emplace_back(set);
  for (const char* relative : {"../share/clawtrace", "../data", "../../data", "../../../data"})
    places.push_back(folder / relative);
  for (const fs::path& place : places) {
    world->data_hint += (world->data_hint.empty() ? "" : ", ") + place.lexically_normal().string();
    if (world->data_dir.empty() && fs::is_regular_file(place / "prices.tsv", error))
      world->data_dir = place.lexically_normal().string();
  }
}

// This very file, as what caches and compiled cards depend on.
std::string FindProgram() {
  std::error_code error;
  auto size = fs::file_size("/proc/self/exe", error);
  auto changed = error ? fs::file_time_type() : fs::last_write_time("/proc/self/exe", error);
  if (error) return CLAWTRACE_VERSION;
  return CLAWTRACE_VERSION " " + std::to_string(size) + " " +
         std::to_string(changed.time_since_epoch().count());
}

// Installed: ../libexec/clawtrace beside bin/. In a build tree: beside this file. Where neither is, as after
// copying this file alone, it does that work itself and takes longer to start.
std::string FindWorkplaceProgram() {
  std::error_code error;
  fs::path self = fs::read_symlink("/proc/self/exe", error);
  for (const char* relative : {"../libexec/clawtrace/clawtrace-workplace", "clawtrace-workplace"}) {
    fs::path place = (self.parent_path() / relative).lexically_normal();
    if (fs::is_regular_file(place, error)) return place.string();
  }
  return self.string();
}

// A folder of the XDG base directories; "" when there is none.
std::string BaseFolder(const char* variable, const std::string& home, const char* below_home) {
  std::string base = Environment(variable);
  if (!base.starts_with('/')) base = home.empty() ? "" : home + below_home;
  return base.starts_with('/') ? base : "";
}

void FindFolders(clawtrace::cli::World* world) {
  std::string cache = BaseFolder("XDG_CACHE_HOME", world->home, "/.cache");
  if (Environment("CLAWTRACE_NO_INDEX").empty() && !cache.empty()) world->cache_dir = cache + "/clawtrace";
  world->store_path = Environment("CLAWTRACE_STORE");
  std::string data = BaseFolder("XDG_DATA_HOME", world->home, "/.local/share");
  if (world->store_path.empty() && !data.empty()) world->store_path = data + "/clawtrace/history.db";
}

}  // namespace

int main(int argc, char** argv) {
  if (auto code = clawtrace::replay::RunAsWorkplaceProcess(argc, argv)) return *code;
  std::ios::sync_with_stdio(false);
  clawtrace::cli::World world;
  world.home = Environment("HOME");
  world.out = &std::cout;
  world.err = &std::cerr;
  world.err_is_terminal = ::isatty(STDERR_FILENO) == 1;
  world.out_is_terminal = ::isatty(STDOUT_FILENO) == 1;
  world.threads = std::max(1u, std::thread::hardware_concurrency());
  FindData(&world);
  world.program = FindProgram();
  world.workplace_program = FindWorkplaceProgram();
  FindFolders(&world);
  for (const clawtrace::llm::Provider* provider : clawtrace::llm::Providers()) {
    std::string variable(provider->key_variable);
    if (!variable.empty()) world.model_keys[variable] = Environment(variable.c_str());
  }
  world.scratch_dir = Environment("TMPDIR").starts_with('/') ? Environment("TMPDIR") : "/tmp";
  int code = clawtrace::cli::Main(argc, argv, world);
  std::cout.flush();
  if (std::cout) return code;
  std::cerr << "clawtrace: cannot write the output\n";
  return clawtrace::cli::kCouldNot;
}
