#pragma once
// Failures that a session went on from without having mended them: steps that ended with an error, and
// commands that ended well although a program that they ran said that it could not do its work. From the log
// alone; pure.
#include <string>
#include <vector>

#include "distill/evidence_base.h"

namespace clawtrace::distill {

// What a step was for: whether a tool is there ("python --version"), what something says, or the work itself.
enum class Purpose { kAsk, kLook, kDo };

struct UnmendedFailure {
  const EvidenceStep* step = nullptr;  // of the session
  // Error class as in the card, also of what was printed: with the purpose it tells failures of two sessions
  // apart.
  std::string kind;
  Purpose purpose = Purpose::kDo;
};

// In step order. Mended is a failure when the card knows its repair, or when after it, without an error, the
// same call or one of its simple commands ran, the same file was written, or, after a check, a check. Not
// counted: the environment's failures, searches that found nothing, and questions whether a tool is there:
// they are answered.
std::vector<UnmendedFailure> UnmendedFailures(const EvidenceSession& session);

}  // namespace clawtrace::distill
