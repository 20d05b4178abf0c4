#pragma once
// Waits for files to change, or for the user to end the program.
#include <cstdint>
#include <string>
#include <vector>

namespace clawtrace::cli {

class Watch {
 public:
  // Takes SIGINT and SIGTERM from now on, so it must be made before other threads are.
  Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch();

  // Watches these files and all folders below them, in addition to those before.
  void Add(const std::vector<std::string>& paths);

  enum class Woken { kStop, kChange, kTime };
  // Until a change, a signal, or timeout_ms (-1: none). Where the system cannot watch (a limit, a network
  // drive) a change is said to have come every few seconds.
  Woken Wait(int timeout_ms);
  // Has a signal come?
  bool Stopped();

 private:
  void AddOne(const std::string& path);
  bool Drain();

  int signals_ = -1, events_ = -1;
  bool polling_ = false, stopped_ = false;
};

}  // namespace clawtrace::cli
