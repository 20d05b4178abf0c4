// Facts as `clawtrace export --format jsonl` writes them: one a line, of any client, with the source that
// read them first. docs/formats/clawtrace-facts.md.
#include <fmt/core.h>

#include <cmath>

#include "base/text.h"
#include "base/value.h"
#include "capture/document_reader.h"
#include "capture/line_reader.h"
#include "model/archive.h"

namespace clawtrace::capture {
namespace {

constexpr size_t kMostId = 4096;

bool IsFact(Json record) {
  std::string_view kind = record["kind"].text();
  bool known = false;
  for (const auto& [each, name] : EnumNames(FactKind{})) known = known || kind == name;
  return known && !record["source"].text().empty() && !record["session_id"].text().empty() &&
         record["source"].text().size() <= kMostId && record["session_id"].text().size() <= kMostId;
}

// Amounts from here on may not be exact as numbers of the parser.
constexpr double kExactBelow = 4096;

// The tree that archives read. False: it holds a number that must be read from its spelling.
bool ToValue(Json from, Value* value) {
  if (from.is_object()) {
    value->kind = Value::Kind::kMap;
    bool good = true;
    from.ForEachField([&](std::string_view key, Json member) {
      value->members.push_back({std::string(key), {}});
      good = ToValue(member, &value->members.back().value) && good;
    });
    return good;
  }
  if (from.is_array()) {
    value->kind = Value::Kind::kList;
    bool good = true;
    from.ForEachItem([&](Json item) { good = ToValue(item, &value->items.emplace_back()) && good; });
    return good;
  }
  if (from.is_null()) return true;
  value->kind = Value::Kind::kScalar;
  if (auto text = from.string()) {
    value->scalar = *text, value->quoted = true;
  } else if (auto flag = from.boolean()) {
    value->scalar = *flag ? "true" : "false";
  } else if (auto whole = from.integer()) {
    value->scalar = std::to_string(*whole);
  } else {
    double number = from.number().value_or(kExactBelow);
    value->scalar = fmt::format("{:.12f}", number);
    return std::abs(number) < kExactBelow;
  }
  return true;
}

Result<Fact> FactOf(Json record, std::string_view raw) {
  Value value;
  if (!ToValue(record, &value)) return DecodeFact(raw);
  Status status;
  Fact fact;
  ReadArchive(nullptr, "", &status).Get(value, "fact", fact);
  if (!status) return std::unexpected(std::move(status.error()));
  return fact;
}

class Reader final : public JsonLineReader {
 public:
  using JsonLineReader::JsonLineReader;

 private:
  void OnRecord(Json record) override {
    if (!IsFact(record)) return Skip("not-a-fact");
    auto fact = FactOf(record, raw());
    if (!fact) return Skip("wrong-type:fact");
    // What a texts' limits and their readers rely on holds for facts of any origin.
    if (Bound(*fact)) Skip("text-too-long");
    // The line is the fact, not the record that the fact was read from.
    sink().FromRecord({}, -1);
    sink().Add(std::move(*fact));
  }

  static bool Shorten(std::string* text, size_t most) {
    if (text->size() <= most) return false;
    *text = Cut(*text, most);
    return true;
  }

  static bool Bound(Fact& fact) {
    bool cut = Shorten(&fact.id, kMostId);
    if (fact.user) cut = Shorten(&fact.user->text, kMaxText) || cut;
    if (fact.llm) cut = Shorten(&fact.llm->text, kMaxText) || cut;
    if (fact.tool) cut = Shorten(&fact.tool->args, kMaxArgs) || cut;
    if (fact.result) cut = Shorten(&fact.result->output, kMaxText) || cut;
    if (fact.result) cut = Shorten(&fact.result->error, kMaxError) || cut;
    return cut;
  }
};

bool Sniff(std::string_view head) {
  JsonParser parser;
  return IsFact(HeadDocument(head, &parser));
}

}  // namespace

extern const Importer kClawtraceFacts;
const Importer kClawtraceFacts = {
    .name = "clawtrace-facts",
    .summary = "facts that clawtrace exported (JSON lines)",
    .default_root = "",
    .file_suffixes = ".jsonl",
    .sniff = Sniff,
    .open = [](const FileContext&, FactSink* sink) -> std::unique_ptr<LogReader> {
      return std::make_unique<Reader>(sink);
    },
    .any_source = true,
};

}  // namespace clawtrace::capture
