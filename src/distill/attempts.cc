#include "distill/attempts.h"

#include <utility>

#include "base/hash.h"
#include "base/secrets.h"
#include "base/text.h"

namespace clawtrace::distill {
namespace {

bool HasHugeLine(std::string_view text) {
  if (text.size() < kHugeLineBytes) return false;
  for (std::string_view line : Split(text, '\n')) {
    if (line.size() >= kHugeLineBytes) return true;
  }
  return false;
}

}  // namespace

const std::set<Attempt>& AttemptCounter::AttemptsOf(std::string_view text) {
  auto [known, fresh] = known_.try_emplace(Hash64(text));
  if (!fresh) return known->second;
  known->second = AttemptsIn(text, session_id_);
  if (!FindSecrets(text).empty()) known->second.insert(Attempt::kCredential);
  if (HasHugeLine(text)) known->second.insert(Attempt::kLongLine);
  return known->second;
}

void AttemptCounter::Look(const std::string& where, std::string_view text) {
  if (text.empty()) return;
  for (Attempt attempt : AttemptsOf(text)) Note(where, attempt);
}

void AttemptCounter::LookAtId(const std::string& where, std::string_view id) {
  Look(where, id);
  if (id.contains("..")) Note(where, Attempt::kPath);
}

void AttemptCounter::Note(const std::string& where, Attempt attempt) {
  SeenAttempt& seen = found_[attempt];
  seen.attempt = attempt;
  ++seen.times;
  if (seen.where.size() < kMostPlaces) seen.where.push_back(where);
}

std::vector<SeenAttempt> AttemptCounter::Take() {
  std::vector<SeenAttempt> out;
  for (auto& [attempt, seen] : std::exchange(found_, {})) out.push_back(std::move(seen));
  return out;
}

}  // namespace clawtrace::distill
