// Whoever keeps the records that readers name has the whole of every text that a fact holds the start of.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "conformance/fixtures.h"
#include "conformance/mutate.h"

namespace clawtrace::capture {
namespace {

using test::Fixture;
using test::JsonSpot;
using test::JsonSpots;

// Facts with the records that they come from.
struct Read : FactSink {
  struct Found {
    Fact fact;
    std::vector<std::string> records;
  };
  std::vector<Found> found;
  std::vector<std::string> kept, named;

  void Add(Fact&& fact) override { found.push_back({std::move(fact), named}); }
  void Skip(int64_t, int64_t, std::string_view) override {}
  void FromRecord(std::string_view bytes, int64_t) override { named.assign(1, std::string(bytes)); }
  void FromElement(Json element) override { named.assign(1, element.Canonical()); }
  KeptRecord KeepRecord() override {
    kept.push_back(named.empty() ? "" : named.front());
    return std::ssize(kept);
  }
  using FactSink::FromKept;
  void FromKept(std::span<const KeptRecord> records) override {
    named.clear();
    for (KeptRecord id : records) named.push_back(id == 0 ? "" : kept[static_cast<size_t>(id) - 1]);
  }
};

std::vector<Read::Found> ReadText(const Importer& importer, const Fixture& fixture, std::string_view text) {
  Read read;
  if (fixture.database) {
    test::BytesAsFile bytes(text);
    (void)importer.read_database({bytes.path(), fixture.file.sidecar}, &read);
  } else {
    auto reader = importer.open(fixture.file, &read);
    reader->Feed(text);
    reader->Finish();
  }
  return std::move(read.found);
}

constexpr std::string_view kBegin = "qbeginq", kEnd = "qendq";

// Longer than any text that facts keep, with a mark at either end.
std::string Filler() {
  std::string text(kBegin);
  while (text.size() < kMaxArgs + 500) text += " some words";
  return text.append(" ").append(kEnd);
}

// What the fact holds the start of begins in it.
bool HoldsBegin(const Fact& fact) {
  auto in = [](const std::string& text) { return Contains(text, kBegin); };
  return (fact.user && in(fact.user->text)) || (fact.llm && in(fact.llm->text)) ||
         (fact.tool && in(fact.tool->args)) || (fact.result && in(fact.result->output));
}

// Resolved facts that are cut, where no fact of that id or that becomes it has the whole.
std::vector<std::string> Unreachable(const Importer& importer, const std::vector<Read::Found>& found) {
  std::vector<std::string> ids;
  if (!importer.resolve) return ids;
  std::vector<Fact> facts;
  for (const auto& each : found) facts.push_back(each.fact);
  importer.resolve(&facts);
  for (const Fact& fact : facts) {
    if (!IsCut(fact) || !HoldsBegin(fact)) continue;
    // One part of several that are one record's: what that becomes will do.
    auto part = std::ranges::find_if(found, [&](const Read::Found& each) { return each.fact.id == fact.id; });
    std::string_view whole = part == found.end() ? std::string_view() : part->fact.parent_node;
    bool reachable = std::ranges::any_of(found, [&](const Read::Found& from) {
      bool told =
          from.fact.id == fact.id ||
          (importer.becomes && (importer.becomes(from.fact, fact.id) || importer.becomes(from.fact, whole)));
      return told && std::ranges::any_of(from.records,
                                         [](const std::string& record) { return Contains(record, kEnd); });
    });
    if (!reachable) ids.push_back(EncodeFact(fact).substr(0, 300));
  }
  return ids;
}

class RecordsTest : public testing::TestWithParam<const Importer*> {
 protected:
  const Importer& importer() const { return *GetParam(); }
  void Check(const std::vector<Read::Found>& found, const std::string& what) {
    for (const std::string& id : Unreachable(importer(), found)) {
      if (++lost_ <= kShown) ADD_FAILURE() << what << ": no record under the id of " << id;
    }
    for (const auto& [fact, records] : found) {
      if (!IsCut(fact) || !HoldsBegin(fact)) continue;
      ++cut_;
      bool whole =
          std::ranges::any_of(records, [](const std::string& record) { return Contains(record, kEnd); });
      if (whole) continue;
      if (++lost_ <= kShown) ADD_FAILURE() << what << ": no record of " << EncodeFact(fact).substr(0, 400);
    }
  }
  static constexpr int64_t kShown = 3;
  int64_t cut_ = 0, lost_ = 0;
};

// The fixture with one text of each kind of record made long, in as many versions.
using Versions = std::vector<std::string>;
constexpr size_t kMost = 400, kMostOfDatabase = 100;
// Attributes of telemetry all have one path.
constexpr size_t kMostAlike = 30;

bool IsText(std::string_view text, const JsonSpot& spot) {
  return spot.end - spot.begin >= 2 && text[spot.begin] == '"';
}

Versions OfDatabase(const Fixture& fixture) {
  Versions versions;
  std::set<std::string> seen;
  test::EditedDatabase original(fixture.text);
  for (const test::Cell& cell : original.Cells()) {
    for (const JsonSpot& spot : JsonSpots::Of(cell.text)) {
      if (versions.size() >= kMostOfDatabase) return versions;
      if (!IsText(cell.text, spot)) continue;
      if (!seen.insert(cell.table + cell.column + cell.text.substr(0, 30) + spot.path).second) continue;
      test::EditedDatabase edited(fixture.text);
      std::string longer = cell.text;
      longer.insert(spot.end - 1, " " + Filler());
      if (edited.Replace(cell, longer)) versions.push_back(edited.Bytes());
    }
  }
  return versions;
}

Versions OfPlainText(const Fixture& fixture) {
  Versions versions;
  std::vector<std::string> lines = test::Lines(fixture.text);
  for (size_t i = 0; i < lines.size() && versions.size() < kMost; ++i) {
    std::vector<std::string> all = lines;
    all[i] += " " + Filler();
    versions.push_back(test::Join(all));
  }
  return versions;
}

Versions OfJson(const Fixture& fixture) {
  Versions versions;
  std::map<std::string, size_t> met;
  std::vector<std::string> lines = test::Lines(fixture.text);
  JsonParser parser;
  bool each = std::ranges::all_of(lines, [&](const std::string& line) { return bool(parser.Parse(line)); });
  if (!each) lines.assign(1, fixture.text);
  for (size_t i = 0; i < lines.size(); ++i) {
    for (const JsonSpot& spot : JsonSpots::Of(lines[i])) {
      if (versions.size() >= kMost) return versions;
      if (!IsText(lines[i], spot) || ++met[lines[i].substr(0, 40) + spot.path] > kMostAlike) continue;
      std::vector<std::string> all = lines;
      all[i].insert(spot.end - 1, " " + Filler());
      versions.push_back(test::Join(all));
    }
  }
  return versions;
}

Versions VersionsOf(const Fixture& fixture) {
  if (fixture.database) return OfDatabase(fixture);
  if (!IsValidUtf8(fixture.text)) return {};  // protobuf
  bool json = fixture.text.starts_with('{') || fixture.text.starts_with('[');
  return json ? OfJson(fixture) : OfPlainText(fixture);
}

TEST_P(RecordsTest, ACutFactComesFromARecordThatHoldsAllOfIt) {
  for (const Fixture& fixture : test::FixturesOf(importer())) {
    for (const std::string& text : VersionsOf(fixture))
      Check(ReadText(importer(), fixture, text), fixture.name);
  }
  // The lines of that are facts, which hold nothing but the starts.
  if (importer().name == "clawtrace-facts") return;
  EXPECT_GT(cut_, 0) << "no text of any fixture could be made long";
  EXPECT_EQ(lost_, 0) << "of " << cut_;
}

INSTANTIATE_TEST_SUITE_P(Importers, RecordsTest, testing::ValuesIn(Importers()), [](const auto& param) {
  std::string name(param.param->name);
  std::ranges::replace(name, '-', '_');
  return name;
});

}  // namespace
}  // namespace clawtrace::capture
