#pragma once
// Takes secrets out of what is about to be stored: keys of known formats wherever they stand, values under
// telling names in JSON, and, on request, whatever looks random. docs/redaction.md has the list.
//
//  - A secret becomes "[redacted:RULE:8 hex digits]". The digits are a hash under the salt: the same secret
//    gives the same text, so what was equal stays equal, and nobody without the salt can try guesses.
//  - What is redacted already is left alone. Time grows linearly with the text, whatever it holds.
//  - Ids are never changed: facts are found and joined by them.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/fact.h"

namespace clawtrace::capture {

// One format of keys, in a subset of regular expressions: literal text, classes in brackets, counts
// "{n}", "{n,}", "{n,m}", "+" behind a class; at least three literal characters first. Each class takes as
// much as it can. A letter, digit or "_" before it is no match.
struct RedactionPattern {
  std::string name;  // lower case, digits, dashes
  std::string expression;
  bool keep_start = false;  // the literal text at its start is no secret: "Bearer "
};

struct EntropyRule {
  int64_t min_length = 0;  // of a run of letters, digits and "+/_-="; 0 = off
  double min_bits = 0;     // Shannon entropy for each character
};

struct RedactionRules {
  std::vector<RedactionPattern> patterns;
  // Names whose values in JSON are secret: "*" stands for anything, case does not count. A dot makes it a
  // path, of which the end must fit: "headers.authorization", "*.token".
  std::vector<std::string> keys;
  EntropyRule entropy;
};

// What is always known: keys of model providers, clouds, forges and chat services; tokens in headers and
// addresses; private keys.
RedactionRules DefaultRedactionRules();
// The defaults (unless "defaults: false") and what a user's YAML file adds. name: for messages.
Result<RedactionRules> ParseRedactionRules(std::string_view yaml, std::string_view name);

class Redactor {
 public:
  // kInvalidInput names the pattern that cannot be read.
  static Result<Redactor> Make(const RedactionRules& rules, std::string salt);
  Redactor(Redactor&&) noexcept;
  Redactor& operator=(Redactor&&) noexcept;
  ~Redactor();

  // cut: the text's end is missing, so the beginning of a key at its end counts as one. True when changed.
  bool Text(std::string* text, bool cut = false) const;
  // Every text of a fact. Hashes and sizes of what the texts are the start of stay: facts are joined by them.
  bool Apply(Fact* fact) const;

 private:
  struct Impl;
  explicit Redactor(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace clawtrace::capture
