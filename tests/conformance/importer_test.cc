// The battery: what every importer must do with its own fixtures (tests/golden/<importer>/<case>/) and with
// damaged ones. A new importer is in it as soon as it is in importers.def and has a fixture.
#include "capture/importer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "conformance/fixtures.h"
#include "conformance/mutate.h"
#include "model/session.h"
#include "support/database.h"

namespace clawtrace::capture {
namespace {

namespace fs = std::filesystem;
using test::Fixture;
using test::FixturesOf;
using test::Join;
using test::JsonSpot;
using test::JsonSpots;
using test::Lines;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
#else
constexpr bool kSanitized = false;
#endif

// Damaged inputs tried per fixture at most, and bytes read per importer and test, which bounds the battery's
// time.
constexpr size_t kCuts = 120;
constexpr size_t kMutations = 1200;
constexpr size_t kByteBudget = size_t{kSanitized ? 3 : 12} << 20;

struct Place {
  int64_t line, offset;
  std::string reason;
  bool operator==(const Place&) const = default;
};

struct Read : FactSink {
  std::vector<Fact> facts;
  std::vector<Place> skips;
  void Add(Fact&& fact) override { facts.push_back(std::move(fact)); }
  void Skip(int64_t line, int64_t offset, std::string_view reason) override {
    skips.push_back({line, offset, std::string(reason)});
  }
};

bool Owns(const Importer& importer, std::string_view text) {
  if (!test::IsDatabase(text)) return importer.sniff(text.substr(0, kHeadBytes));
  auto owner = SniffDatabase(test::BytesAsFile(text).path());
  return owner && *owner == &importer;
}

Read ReadDatabase(const Importer& importer, const FileContext& file, std::string_view text, bool resolve) {
  Read read;
  test::BytesAsFile bytes(text);
  if (!importer.read_database) return read;
  (void)importer.read_database({bytes.path(), file.sidecar}, &read);
  if (resolve && importer.resolve) importer.resolve(&read.facts);
  return read;
}

Read ReadChunks(const Importer& importer, const FileContext& file, std::string_view text, size_t chunk,
                bool resolve = true) {
  if (test::IsDatabase(text)) return ReadDatabase(importer, file, text, resolve);
  Read read;
  auto reader = importer.open(file, &read);
  for (size_t at = 0; at < text.size(); at += chunk) reader->Feed(text.substr(at, chunk));
  reader->Finish();
  if (resolve && importer.resolve) importer.resolve(&read.facts);
  return read;
}

Read ReadAll(const Importer& importer, const FileContext& file, std::string_view text) {
  return ReadChunks(importer, file, text, SIZE_MAX / 2);
}

// A read of anything must end, and whatever it gave must make sessions and survive being stored.
Read Survive(const Importer& importer, const FileContext& file, std::string_view text) {
  Read read = ReadAll(importer, file, text);
  for (const Fact& fact : read.facts) {
    auto back = DecodeFact(EncodeFact(fact));
    if (!back || !(*back == fact)) ADD_FAILURE() << "does not round-trip: " << EncodeFact(fact);
  }
  for (const Place& place : read.skips) {
    EXPECT_GE(place.offset, 0);
    EXPECT_LE(place.offset, static_cast<int64_t>(text.size())) << place.reason;
    EXPECT_FALSE(place.reason.empty());
  }
  (void)AssembleSessions(read.facts);
  return read;
}

std::set<std::string> SetOf(const std::vector<Fact>& facts) {
  std::set<std::string> set;
  for (const Fact& fact : facts) set.insert(EncodeFact(fact));
  return set;
}

class ImporterTest : public testing::TestWithParam<const Importer*> {
 protected:
  const Importer& importer() const { return *GetParam(); }
  void SetUp() override {
    Read read;
    ASSERT_NE(importer().open({}, &read), nullptr);
    fixtures_ = FixturesOf(importer());
    ASSERT_FALSE(fixtures_.empty()) << "no fixture under tests/golden/" << importer().name << "/<case>/";
  }
  // How often this fixture may be read within the test's share of time.
  size_t Rounds(size_t bytes, size_t most) const {
    return std::clamp<size_t>(kByteBudget / fixtures_.size() / std::max<size_t>(bytes, 1), 8, most);
  }
  std::vector<Fixture> fixtures_;
};

TEST_P(ImporterTest, EveryFixtureGivesFacts) {
  std::set<FactKind> kinds;
  for (const Fixture& fixture : fixtures_) {
    Read read = ReadAll(importer(), fixture.file, fixture.text);
    EXPECT_FALSE(read.facts.empty()) << fixture.name;
    for (const Fact& fact : read.facts) {
      kinds.insert(fact.kind);
      if (!importer().any_source) EXPECT_EQ(fact.source, importer().name) << fixture.name;
      EXPECT_FALSE(fact.session_id.empty()) << fixture.name << " " << EncodeFact(fact);
      EXPECT_FALSE(fact.id.empty()) << fixture.name << " " << EncodeFact(fact);
    }
  }
  for (FactKind kind : {FactKind::kLlmCall, FactKind::kToolUse, FactKind::kToolResult}) {
    EXPECT_TRUE(kinds.contains(kind)) << "no fixture shows kind " << static_cast<int>(kind);
  }
}

TEST_P(ImporterTest, ChunkingChangesNothing) {
  for (const Fixture& fixture : fixtures_) {
    Read whole = ReadAll(importer(), fixture.file, fixture.text);
    for (size_t chunk : {size_t{1}, size_t{7}, size_t{64}, size_t{4096}}) {
      Read read = ReadChunks(importer(), fixture.file, fixture.text, chunk);
      EXPECT_TRUE(read.facts == whole.facts) << fixture.name << " in chunks of " << chunk;
      EXPECT_TRUE(read.skips == whole.skips) << fixture.name << " in chunks of " << chunk;
    }
  }
}

TEST_P(ImporterTest, RepeatedLinesAddNothing) {
  for (const Fixture& fixture : fixtures_) {
    if (!fixture.lines) continue;
    auto once = SetOf(ReadAll(importer(), fixture.file, fixture.text).facts);
    std::vector<std::string> twice;
    for (const std::string& line : Lines(fixture.text)) twice.insert(twice.end(), 2, line);
    EXPECT_EQ(SetOf(ReadAll(importer(), fixture.file, Join(twice)).facts), once)
        << fixture.name << ", each line twice";
    std::string whole = Join(Lines(fixture.text));
    EXPECT_EQ(SetOf(ReadAll(importer(), fixture.file, whole + whole).facts), once)
        << fixture.name << ", all lines twice";
  }
}

TEST_P(ImporterTest, LineOrderChangesNothing) {
  std::mt19937 random(11);
  for (const Fixture& fixture : fixtures_) {
    if (!fixture.lines) continue;
    auto original = SetOf(ReadAll(importer(), fixture.file, fixture.text).facts);
    std::vector<std::string> lines = Lines(fixture.text);
    for (int round = 0; round < 10; ++round) {
      std::ranges::shuffle(lines, random);
      auto shuffled = SetOf(ReadAll(importer(), fixture.file, Join(lines)).facts);
      std::vector<std::string> difference;
      std::ranges::set_symmetric_difference(original, shuffled, std::back_inserter(difference));
      ASSERT_THAT(difference, testing::IsEmpty()) << fixture.name;
    }
  }
}

TEST_P(ImporterTest, SniffsOnlyItsOwn) {
  for (const Fixture& fixture : fixtures_) {
    EXPECT_TRUE(Owns(importer(), fixture.text)) << fixture.name;
    if (fixture.database) continue;
    std::string_view head = std::string_view(fixture.text).substr(0, kHeadBytes);
    EXPECT_EQ(SniffImporter(head), &importer()) << fixture.name;
    if (!fixture.lines) continue;
    EXPECT_EQ(SniffImporter("\xEF\xBB\xBF" + std::string(head)), &importer())
        << fixture.name << " with a byte order mark";
  }
  for (const Importer* other : Importers()) {
    if (other == &importer()) continue;
    for (const Fixture& fixture : FixturesOf(*other)) {
      EXPECT_FALSE(Owns(importer(), fixture.text)) << other->name << " " << fixture.name;
    }
  }
  std::string noise(kHeadBytes, '\0');
  std::mt19937 random(3);
  for (char& c : noise) c = static_cast<char>(random());
  for (std::string_view garbage :
       {std::string_view(""), std::string_view("\n\n"), std::string_view("hello\nworld\n"),
        std::string_view("{}"), std::string_view("{}\n{}\n"), std::string_view("[]"),
        std::string_view("null"), std::string_view("{\"type\":1}"),
        std::string_view("{\"message\":\"x\",\"level\":\"info\"}\n"), std::string_view("# Title\n\ntext\n"),
        std::string_view("\0\0\0", 3), std::string_view(noise)}) {
    EXPECT_FALSE(importer().sniff(garbage)) << garbage.substr(0, 40);
  }
}

TEST_P(ImporterTest, FactsRoundTrip) {
  for (const Fixture& fixture : fixtures_) {
    for (const Fact& fact : ReadAll(importer(), fixture.file, fixture.text).facts) {
      auto back = DecodeFact(EncodeFact(fact));
      ASSERT_TRUE(back) << back.error().message << "\n" << EncodeFact(fact);
      EXPECT_TRUE(*back == fact) << EncodeFact(fact);
    }
  }
}

TEST_P(ImporterTest, SurvivesTruncation) {
  for (const Fixture& fixture : fixtures_) {
    size_t cuts = Rounds(fixture.text.size() / 2, kCuts);
    size_t step = std::max<size_t>(1, fixture.text.size() / cuts) | 1;
    for (size_t end = 0; end < fixture.text.size(); end += step) {
      Read read = Survive(importer(), fixture.file, std::string_view(fixture.text).substr(0, end));
      if (!fixture.lines || end == 0) continue;
      // A line cut inside is counted, with its place.
      size_t start = fixture.text.rfind('\n', end - 1) + 1;
      size_t full = fixture.text.find('\n', end);
      bool inside = start < end && end < std::min(full, fixture.text.size()) && fixture.text[end - 1] != '\n';
      if (!inside) continue;
      Place cut{static_cast<int64_t>(std::ranges::count(fixture.text.substr(0, start), '\n')) + 1,
                static_cast<int64_t>(start), "truncated-line"};
      EXPECT_THAT(read.skips, testing::Contains(cut)) << fixture.name << " cut at " << end;
    }
  }
}

TEST_P(ImporterTest, CountsUnusableLinesWithTheirPlace) {
  const std::string bad[] = {std::string("\0\x01 not json", 11), "{\"a\":",   "[1,2]", "7",
                             std::string(100'000, '['),          "\xff\xfe{}"};
  for (const Fixture& fixture : fixtures_) {
    if (!fixture.lines) continue;
    auto original = SetOf(ReadAll(importer(), fixture.file, fixture.text).facts);
    for (const std::string& line : bad) {
      std::vector<std::string> lines = Lines(fixture.text);
      size_t middle = lines.size() / 2;
      size_t offset = Join({lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(middle)}).size();
      lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(middle), line);
      Read read = Survive(importer(), fixture.file, Join(lines));
      bool found = std::ranges::any_of(read.skips, [&](const Place& place) {
        return place.line == static_cast<int64_t>(middle) + 1 && place.offset == static_cast<int64_t>(offset);
      });
      EXPECT_TRUE(found) << fixture.name << ": " << line.substr(0, 20);
      EXPECT_EQ(SetOf(read.facts), original) << fixture.name << ": good records next to a bad one";
    }
  }
}

// A log that another client's was appended to: what is not read is counted.
TEST_P(ImporterTest, AnotherClientsLinesAreNotLostInSilence) {
  for (const Fixture& fixture : fixtures_) {
    if (!fixture.lines) continue;
    const std::string own = Join(Lines(fixture.text));
    const Read alone = ReadAll(importer(), fixture.file, own);
    const auto last = std::ranges::count(own, '\n');
    for (const Importer* other : Importers()) {
      for (const Fixture& foreign : FixturesOf(*other)) {
        if (other == &importer() || !foreign.lines) continue;
        Read both = ReadAll(importer(), fixture.file, own + foreign.text);
        bool told = std::ranges::any_of(both.skips, [&](const Place& place) { return place.line > last; });
        EXPECT_TRUE(told || SetOf(both.facts) != SetOf(alone.facts))
            << fixture.name << " and then " << other->name << " " << foreign.name;
        break;
      }
    }
    break;
  }
}

TEST_P(ImporterTest, SurvivesDamagedBytes) {
  std::mt19937 random(5);
  for (const Fixture& fixture : fixtures_) {
    for (size_t round = 0, rounds = Rounds(fixture.text.size(), kCuts); round < rounds; ++round) {
      std::string text = fixture.text;
      for (int i = 0; i < 3; ++i) text[random() % text.size()] = "\0\xff\xc3\"{}[]\n,:0-"[random() % 13];
      Survive(importer(), fixture.file, text);
    }
  }
}

// Every value of every kind of line, replaced by each of these.
std::vector<std::string> Strangers() {
  std::string array(600, '['), object;
  array += std::string(600, ']');
  for (int i = 0; i < 600; ++i) object += "{\"a\":";
  object += "1" + std::string(600, '}');
  return {"null",
          "7",
          "-3",
          "1.5",
          "1e300",
          "18446744073709551615",
          "true",
          "\"text\"",
          "\"\"",
          "[]",
          "[null,1,\"x\",{}]",
          "{}",
          "{\"type\":\"text\",\"text\":5,\"id\":{}}",
          array,
          object};
}

TEST_P(ImporterTest, SurvivesWrongTypes) {
  std::vector<std::string> strangers = Strangers();
  for (const Fixture& fixture : fixtures_) {
    if (fixture.database) continue;
    std::vector<std::string> lines =
        fixture.lines ? Lines(fixture.text) : std::vector<std::string>{fixture.text};
    struct Change {
      size_t line;
      JsonSpot spot;
    };
    std::vector<Change> changes;
    std::set<std::string> seen;
    for (size_t i = 0; i < lines.size(); ++i) {
      if (!IsValidUtf8(lines[i])) continue;  // protobuf
      for (JsonSpot& spot : JsonSpots::Of(lines[i])) {
        // Lines are of one kind when their type is; a value's meaning is its path.
        std::string kind = lines[i].substr(0, 40) + spot.path;
        if (seen.insert(std::move(kind)).second) changes.push_back({i, std::move(spot)});
      }
    }
    std::mt19937 random(17);
    std::ranges::shuffle(changes, random);
    // Each value meets every stranger if the budget allows, else an even share of them.
    size_t most = Rounds(8 * fixture.text.size() / lines.size(), kMutations);
    size_t stride = changes.size() * strangers.size() / most + 1;
    for (size_t c = 0; c < changes.size(); ++c) {
      for (size_t s = 0; s < strangers.size(); ++s) {
        if ((c * strangers.size() + s) % stride != 0) continue;
        // A few lines around are context enough, and keep this fast.
        size_t from = changes[c].line > 3 ? changes[c].line - 2 : 0;
        size_t to = std::min(lines.size(), changes[c].line + 3);
        std::vector<std::string> part(lines.begin(),
                                      lines.begin() + static_cast<std::ptrdiff_t>(std::min<size_t>(from, 2)));
        for (size_t i = from; i < to; ++i) {
          part.push_back(i == changes[c].line ? test::Replaced(lines[i], changes[c].spot, strangers[s])
                                              : lines[i]);
        }
        Survive(importer(), fixture.file, Join(part));
      }
    }
  }
}

// The same for the texts in a database's rows, and for whole values of another type.
TEST_P(ImporterTest, SurvivesWrongTypesInRows) {
  std::vector<std::string> strangers = Strangers();
  for (const Fixture& fixture : fixtures_) {
    if (!fixture.database) continue;
    test::EditedDatabase original(fixture.text);
    std::set<std::string> seen;
    std::vector<std::pair<test::Cell, std::string>> changes;
    for (const test::Cell& cell : original.Cells()) {
      for (const JsonSpot& spot : JsonSpots::Of(cell.text)) {
        if (!seen.insert(cell.table + cell.column + cell.text.substr(0, 20) + spot.path).second) continue;
        for (const std::string& stranger : strangers)
          changes.emplace_back(cell, test::Replaced(cell.text, spot, stranger));
      }
      if (!seen.insert(cell.table + cell.column).second) continue;
      for (const char* value : {"", "x", "[]", "{}", "\xff\xfe", "{\"type\":"})
        changes.emplace_back(cell, value);
    }
    ASSERT_GT(changes.size(), 100u) << fixture.name;
    std::mt19937 random(29);
    std::ranges::shuffle(changes, random);
    changes.resize(std::min(changes.size(), Rounds(fixture.text.size(), kMutations)));
    for (const auto& [cell, text] : changes) {
      test::EditedDatabase edited(fixture.text);
      ASSERT_TRUE(edited.Replace(cell, text));
      Survive(importer(), fixture.file, edited.Bytes());
    }
  }
}

bool HasWord(const std::string& key, std::string_view word) { return ContainsIgnoreCase(key, word); }

TEST_P(ImporterTest, SurvivesCyclicParents) {
  for (const Fixture& fixture : fixtures_) {
    if (!fixture.lines) continue;
    std::vector<std::string> lines = Lines(fixture.text);
    std::vector<std::string> ids;
    auto id_of = [](const std::string& line) -> std::string {
      for (const JsonSpot& spot : JsonSpots::Of(line)) {
        if (spot.path == ".id" || spot.path == ".uuid" || spot.path == ".spanId")
          return line.substr(spot.begin, spot.end - spot.begin);
      }
      return "null";
    };
    for (const std::string& line : lines) ids.push_back(id_of(line));
    for (size_t hop : {size_t{0}, size_t{1}, lines.size() / 2}) {
      std::vector<std::string> changed = lines;
      for (size_t i = 0; i < lines.size(); ++i) {
        auto spots = JsonSpots::Of(lines[i]);
        std::ranges::reverse(spots);  // from the back, so that places stay true
        for (const JsonSpot& spot : spots) {
          if (HasWord(spot.key, "parent") && lines[i][spot.begin] != '{') {
            changed[i] = test::Replaced(changed[i], spot, ids[(i + hop) % ids.size()]);
          }
        }
      }
      Survive(importer(), fixture.file, Join(changed));
    }
  }
}

TEST_P(ImporterTest, SurvivesClocksThatRunBackwards) {
  for (const Fixture& fixture : fixtures_) {
    if (fixture.database || !IsValidUtf8(fixture.text)) continue;
    std::vector<JsonSpot> times;
    std::vector<std::string> values;
    std::vector<std::string> lines = Lines(fixture.text);
    std::vector<std::pair<size_t, JsonSpot>> places;
    for (size_t i = 0; i < lines.size(); ++i) {
      for (JsonSpot& spot : JsonSpots::Of(lines[i])) {
        if (!HasWord(spot.key, "time") || lines[i][spot.begin] == '{' || lines[i][spot.begin] == '[')
          continue;
        values.push_back(lines[i].substr(spot.begin, spot.end - spot.begin));
        places.emplace_back(i, std::move(spot));
      }
    }
    for (size_t p = places.size(); p-- > 0;) {
      auto& [line, spot] = places[p];
      lines[line] = test::Replaced(lines[line], spot, values[values.size() - 1 - p]);
    }
    Survive(importer(), fixture.file, Join(lines));
  }
}

int64_t PeakKib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:"))
      return ParseInt(Trim(std::string_view(line).substr(6, line.size() - 9))).value_or(0);
  }
  return 0;
}

// Runs in a process of its own, so that its peak memory is its own. Exit code: 0 fine, 1 no skip, 2 memory, 3
// facts lost.
int ReadHugeLine(const Importer& importer, const Fixture& fixture, int64_t* grown) {
  std::vector<std::string> lines = Lines(fixture.text);
  std::string first = lines[0] + "\n", rest = Join({lines.begin() + 1, lines.end()});
  size_t facts = ReadAll(importer, fixture.file, first + rest).facts.size();
  std::ofstream("/proc/self/clear_refs") << "5";  // start a new peak
  int64_t before = PeakKib();
  Read read;
  auto reader = importer.open(fixture.file, &read);
  reader->Feed(first);
  std::string block(64 * 1024, 'x');
  reader->Feed("{\"a\":\"");
  for (int i = 0; i < 1600; ++i) reader->Feed(block);  // 100 MiB
  reader->Feed("\"}\n");
  reader->Feed(rest);
  reader->Finish();
  if (importer.resolve) importer.resolve(&read.facts);
  *grown = PeakKib() - before;
  bool found = std::ranges::any_of(read.skips, [&](const Place& place) {
    return place.line == 2 && place.offset == static_cast<int64_t>(first.size()) &&
           (place.reason == "line-too-long" || place.reason == "too-large");
  });
  if (!found) return 1;
  if (!kSanitized && *grown > 70 * 1024) return 2;
  return read.facts.size() == facts ? 0 : 3;
}

TEST_P(ImporterTest, HugeLineIsSkippedWithoutBeingHeld) {
  auto fixture = std::ranges::find_if(fixtures_, &Fixture::lines);
  if (fixture == fixtures_.end()) GTEST_SKIP() << importer().name << " has no fixture of several lines";
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    int64_t grown = 0;
    int code = ReadHugeLine(importer(), *fixture, &grown);
    (void)!write(pipe_ends[1], &grown, sizeof grown);
    _exit(code);
  }
  int64_t grown = 0;
  close(pipe_ends[1]);
  (void)!read(pipe_ends[0], &grown, sizeof grown);
  close(pipe_ends[0]);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_NE(WEXITSTATUS(status), 1) << "not counted as line-too-long (too-large) at line 2";
  EXPECT_NE(WEXITSTATUS(status), 2) << "memory grew by " << grown << " KiB";
  EXPECT_NE(WEXITSTATUS(status), 3) << "the records around it were lost";
}

INSTANTIATE_TEST_SUITE_P(Importers, ImporterTest, testing::ValuesIn(Importers()), [](const auto& param) {
  std::string name(param.param->name);
  std::ranges::replace(name, '-', '_');
  return name;
});

}  // namespace
}  // namespace clawtrace::capture
