#pragma once
// What the texts of one session try with whoever reads them. Noticed, not proven (model/untrusted.h).
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "distill/model/untrusted.h"

namespace clawtrace::distill {

inline constexpr size_t kMostPlaces = 3;
inline constexpr size_t kHugeLineBytes = 65536;  // data of one line is common, so much of it is not

struct SeenAttempt {
  Attempt attempt = Attempt::kInstruction;
  std::vector<std::string> where;  // the first: step ids, "prompt", "id"; at most kMostPlaces
  int64_t times = 0;               // places in all
};

class AttemptCounter {
 public:
  explicit AttemptCounter(std::string session_id) : session_id_(std::move(session_id)) {}

  // A whole text, however long. Time grows linearly with it; a text that was seen is not looked at again.
  void Look(const std::string& where, std::string_view text);
  // An id out of a log: also one that is no plain id because of where it leads.
  void LookAtId(const std::string& where, std::string_view id);

  std::vector<SeenAttempt> Take();  // by attempt

 private:
  const std::set<Attempt>& AttemptsOf(std::string_view text);
  void Note(const std::string& where, Attempt attempt);

  std::string session_id_;
  std::unordered_map<uint64_t, std::set<Attempt>> known_;  // by hash of the text
  std::map<Attempt, SeenAttempt> found_;
};

}  // namespace clawtrace::distill
