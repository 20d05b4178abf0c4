#pragma once
// Facts hold the start of a text (model/fact.h). Replay needs all of it: what a step said, what a tool was
// given. This finds the whole again in the records that the facts were read from, told by size and hash, so
// that it needs to know no format.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "capture/importer.h"
#include "model/session.h"

namespace clawtrace::capture {

class WholeTexts {
 public:
  // A fact and the record it came from: a JSON document, or the text itself. Does nothing for facts that are
  // not cut.
  void Learn(const Fact& fact, std::string_view record);
  // The same for a step that was assembled of facts.
  void Learn(const Step& step, std::string_view record);

  // Puts whole texts in the place of cut ones, sub-agents included. Arguments and outputs are told by their
  // hash, prompts and answers by size and start. Returns how many texts are still cut.
  int64_t Fill(Session* session) const;

 private:
  bool Put(std::string* text, int64_t bytes, uint64_t hash) const;
  bool PutBegun(std::string* text, int64_t bytes) const;
  void LearnHash(std::string_view record, std::string_view start, int64_t bytes, uint64_t hash);
  void LearnBegun(std::string_view record, const std::string& start, int64_t bytes);

  std::unordered_map<uint64_t, std::string> by_hash_;                          // arguments, outputs
  std::map<std::pair<int64_t, std::string>, std::string, std::less<>> begun_;  // by size and start
};

// Passes facts on and learns of the records that they name.
class WholeTextSink final : public PassingSink {
 public:
  WholeTextSink(FactSink* to, WholeTexts* whole) : PassingSink(to), whole_(whole) {}

  void Add(Fact&& fact) override;
  void FromRecord(std::string_view bytes, int64_t offset) override;
  void FromElement(Json element) override;
  KeptRecord KeepRecord() override;
  using FactSink::FromKept;
  void FromKept(std::span<const KeptRecord> records) override;

 private:
  // Records that facts refer to later are held up to this many bytes.
  static constexpr size_t kMostHeld = size_t{256} << 20;

  WholeTexts* whole_;
  std::string_view bytes_;
  Json element_;
  KeptRecord current_ = 0;  // of bytes_ or element_, once it is kept
  std::vector<KeptRecord> named_;
  std::vector<std::string> kept_;
  size_t held_ = 0;
};

}  // namespace clawtrace::capture
