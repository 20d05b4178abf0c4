#include "capture/whole_texts.h"

#include <algorithm>

#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"

namespace clawtrace::capture {
namespace {

// Texts that stand within texts: arguments as a JSON string in a JSON string.
constexpr int kMostNested = 3;
constexpr int kDeepest = 24;

// Looks for one text of a known size and hash, or a known start, in a record.
class Search {
 public:
  Search(std::string_view start, int64_t bytes, uint64_t hash)
      : start_(start), bytes_(static_cast<size_t>(bytes)), hash_(hash) {}

  bool Text(std::string_view text) {
    if (!found_.empty() || text.size() < bytes_) return !found_.empty();
    for (size_t at = text.find(start_); at != std::string_view::npos && at + bytes_ <= text.size();
         at = text.find(start_, at + 1)) {
      std::string_view whole = text.substr(at, bytes_);
      if (hash_ == 0 ? whole.size() == text.size() : Hash64(whole) == hash_) {
        found_ = whole;
        return true;
      }
    }
    return false;
  }

  void Value(Json value, int depth, int nested) {
    if (!found_.empty() || depth > kDeepest) return;
    if (auto text = value.string()) {
      if (Text(*text) || nested >= kMostNested || text->size() < bytes_) return;
      size_t first = text->find_first_not_of(" \t\r\n");
      if (first == std::string_view::npos || ((*text)[first] != '{' && (*text)[first] != '[')) return;
      JsonParser parser;
      if (auto inner = parser.Parse(*text)) Value(*inner, depth + 1, nested + 1);
      return;
    }
    if (value.is_array()) {
      Joined(value);
      value.ForEachItem([&](Json item) { Value(item, depth + 1, nested); });
      return;
    }
    if (!value.is_object()) return;
    if (start_.starts_with('{')) Canonical(value);
    value.ForEachField([&](std::string_view, Json member) { Value(member, depth + 1, nested); });
  }

  // What a tool was given, or gave back, as a JSON value.
  void Canonical(Json value) {
    std::string canonical = value.Canonical();
    if (found_.empty() && canonical.size() == bytes_) Text(canonical);
  }

  // An answer in parts: texts one behind the other.
  void Joined(Json parts) {
    if (!found_.empty()) return;
    if (start_.starts_with('[')) Canonical(parts);
    std::string lines, run;
    size_t count = 0;
    parts.ForEachItem([&](Json part) {
      std::string_view text = part.string() ? part.text() : part["text"].text();
      if (text.empty()) return;
      if (count++ > 0) lines += '\n';
      lines += text, run += text;
    });
    if (count > 1 && !Text(lines)) Text(run);
  }

  std::string Take() { return std::move(found_); }

 private:
  std::string_view start_;
  size_t bytes_;
  uint64_t hash_;
  std::string found_;
};

std::string FindWhole(std::string_view record, std::string_view start, int64_t bytes, uint64_t hash) {
  if (bytes <= static_cast<int64_t>(start.size())) return {};
  Search search(start, bytes, hash);
  JsonParser parser;
  if (auto json = parser.Parse(record)) search.Value(*json, 0, 0);
  std::string found = search.Take();
  if (found.empty()) {
    Search plain(start, bytes, hash);
    if (plain.Text(record)) found = plain.Take();
  }
  return found;
}

bool IsCutText(const std::string& text, int64_t bytes) { return bytes > static_cast<int64_t>(text.size()); }

}  // namespace

void WholeTexts::LearnHash(std::string_view record, std::string_view start, int64_t bytes, uint64_t hash) {
  if (hash == 0 || bytes <= std::ssize(start) || by_hash_.contains(hash)) return;
  std::string whole = FindWhole(record, start, bytes, hash);
  if (!whole.empty()) by_hash_.emplace(hash, std::move(whole));
}

void WholeTexts::LearnBegun(std::string_view record, const std::string& start, int64_t bytes) {
  std::pair key(bytes, start);
  if (bytes <= std::ssize(start) || begun_.contains(key)) return;
  std::string whole = FindWhole(record, start, bytes, 0);
  if (!whole.empty()) begun_.emplace(std::move(key), std::move(whole));
}

void WholeTexts::Learn(const Fact& fact, std::string_view record) {
  if (record.empty() || !IsCut(fact)) return;
  if (fact.user) LearnBegun(record, fact.user->text, fact.user->text_bytes);
  if (fact.llm) LearnBegun(record, fact.llm->text, fact.llm->text_bytes);
  if (fact.tool) LearnHash(record, fact.tool->args, fact.tool->args_bytes, fact.tool->args_hash);
  if (fact.result)
    LearnHash(record, fact.result->output, fact.result->output_bytes, fact.result->output_hash);
}

void WholeTexts::Learn(const Step& step, std::string_view record) {
  if (step.kind == StepKind::kLlmCall) return LearnBegun(record, step.llm.text, step.llm.text_bytes);
  LearnHash(record, step.tool.args, step.tool.args_bytes, step.tool.args_hash);
  LearnHash(record, step.result.output, step.result.output_bytes, step.result.output_hash);
}

bool WholeTexts::Put(std::string* text, int64_t bytes, uint64_t hash) const {
  if (!IsCutText(*text, bytes)) return true;
  auto found = by_hash_.find(hash);
  if (found == by_hash_.end() || static_cast<int64_t>(found->second.size()) != bytes) return false;
  *text = found->second;
  return true;
}

bool WholeTexts::PutBegun(std::string* text, int64_t bytes) const {
  if (!IsCutText(*text, bytes)) return true;
  auto found = begun_.find(std::pair(bytes, *text));
  if (found == begun_.end()) return false;
  *text = found->second;
  return true;
}

int64_t WholeTexts::Fill(Session* session) const {
  int64_t cut = 0;
  // The size of a prompt is not kept in a session: the only one that begins so is it.
  const std::string* prompt = nullptr;
  for (const auto& [key, whole] : begun_) {
    if (session->prompt.size() < kMaxText - 4 || key.second != session->prompt) continue;
    prompt = prompt ? nullptr : &whole;
    if (!prompt) break;
  }
  if (prompt) session->prompt = *prompt;
  for (Step& step : session->steps) {
    if (step.kind == StepKind::kLlmCall) {
      cut += !PutBegun(&step.llm.text, step.llm.text_bytes);
    } else {
      cut += !Put(&step.tool.args, step.tool.args_bytes, step.tool.args_hash);
      cut += !Put(&step.result.output, step.result.output_bytes, step.result.output_hash);
    }
    for (Session& child : step.children) cut += Fill(&child);
  }
  return cut;
}

void WholeTextSink::Add(Fact&& fact) {
  if (IsCut(fact)) {
    if (!named_.empty()) {
      for (KeptRecord id : named_) whole_->Learn(fact, kept_[static_cast<size_t>(id) - 1]);
    } else {
      whole_->Learn(fact, element_ ? element_.Canonical() : std::string(bytes_));
    }
  }
  to().Add(std::move(fact));
}

void WholeTextSink::FromRecord(std::string_view bytes, int64_t offset) {
  bytes_ = bytes, element_ = Json(), current_ = 0;
  named_.clear();
  to().FromRecord(bytes, offset);
}

void WholeTextSink::FromElement(Json element) {
  bytes_ = {}, element_ = element, current_ = 0;
  named_.clear();
  to().FromElement(element);
}

KeptRecord WholeTextSink::KeepRecord() {
  if (current_ != 0) return current_;
  std::string record = element_ ? element_.Canonical() : std::string(bytes_);
  if (record.empty() || held_ + record.size() > kMostHeld) return 0;
  held_ += record.size();
  kept_.push_back(std::move(record));
  current_ = std::ssize(kept_);
  return current_;
}

void WholeTextSink::FromKept(std::span<const KeptRecord> records) {
  bytes_ = {}, element_ = Json(), current_ = 0;
  named_.clear();
  for (KeptRecord id : records) {
    if (id != 0) named_.push_back(id);
  }
}

}  // namespace clawtrace::capture
