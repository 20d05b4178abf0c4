#pragma once
// Was what a step said used afterwards? By fingerprint of distinctive content, not by overlap of words in
// general.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "compile/detector.h"
#include "model/session.h"

namespace clawtrace::compile {

// Of one step's output: pieces that nothing had said before it.
struct OutputUse {
  int64_t distinctive = 0;  // identifiers with a digit, numbers, paths, quoted strings
  int64_t used = 0;         // of them, or of runs of three words, in a later argument, answer or output
  int64_t words_used = 0;   // plain words, new too, in a later argument or answer
  std::string example;      // one that was used; "" when none was
  bool known = false;       // false: the output or something later was not kept whole
};

// The names in the output of a listing, one a line: the last column of `ls -l`, otherwise the lines
// themselves. Without "." and "..", what version control keeps for itself, and clients'
// remarks.
std::string NamesListed(std::string_view output);

// Of one listing's names.
struct ListingUse {
  int64_t names = 0;
  int64_t told = 0;        // words and paths in them that nobody had said before
  int64_t used = 0;        // of them, that the agent said later, before another output told them too
  bool asked_for = false;  // the call itself gives one of the names
  bool known = false;      // as of OutputUse
};
std::vector<ListingUse> UsesOfListings(const Session& session, std::span<const size_t> candidates);

// For each candidate (a step index) in the same order. Every text is read once: O(size of the session's
// texts).
std::vector<OutputUse> UsesOfOutputs(const Session& session, std::span<const size_t> candidates);

// The candidates whose output said something new of which nothing was taken up, each a finding of its own.
std::vector<Finding> UnusedAmong(const Scene& scene, std::span<const size_t> candidates);

}  // namespace clawtrace::compile
