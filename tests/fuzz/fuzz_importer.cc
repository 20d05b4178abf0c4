// Any bytes through one importer, in pieces whose sizes follow from the bytes, then to sessions; what starts
// as a database is read as one, twice. Besides crashes and hangs it finds facts that depend on the pieces and
// facts that cannot be stored.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "capture/importer.h"
#include "model/session.h"
#include "support/database.h"

// The name of the importer: each program has its own.
extern const char* const kFuzzImporter;

namespace clawtrace::capture {
namespace {

struct Sink : FactSink {
  std::vector<Fact> facts;
  std::vector<Skipped> skips;
  void Add(Fact&& fact) override { facts.push_back(std::move(fact)); }
  void Skip(int64_t line, int64_t offset, std::string_view reason) override {
    skips.push_back({"", line, offset, std::string(reason)});
  }
};

// xorshift: the same bytes are always cut the same way.
uint64_t Next(uint64_t* state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

void FeedPieces(LogReader* reader, std::string_view text, uint64_t seed) {
  // Small pieces for some inputs, large ones for others.
  uint64_t most = uint64_t{1} << (1 + seed % 14);
  while (!text.empty()) {
    size_t piece = std::min<size_t>(text.size(), 1 + Next(&seed) % most);
    reader->Feed(text.substr(0, piece));
    text.remove_prefix(piece);
  }
}

void TestOne(std::string_view text) {
  static const Importer* const importer = FindImporter(kFuzzImporter);
  CT_CHECK(importer != nullptr);
  uint64_t seed = Hash64(text) | 1;
  (void)importer->sniff(text.substr(0, kHeadBytes));
  // Sidecar files are input like any other.
  FileContext file{"/tmp/fuzz/agents/main/sessions/log.jsonl",
                   seed % 8 < 2 ? std::string(text) : std::string()};
  if (importer->unit_key) (void)importer->unit_key(file.path, text.substr(0, kHeadBytes));

  Sink whole, pieces;
  if (importer->read_database && test::IsDatabase(text)) {
    test::BytesAsFile bytes(text);
    auto owner = SniffDatabase(bytes.path());
    (void)importer->read_database({bytes.path(), ""}, &whole);
    (void)importer->read_database({bytes.path(), ""}, &pieces);
  } else {
    auto reader = importer->open(file, &whole);
    reader->Feed(text);
    reader->Finish();
    reader = importer->open(file, &pieces);
    FeedPieces(reader.get(), text, seed);
    reader->Finish();
  }
  CT_CHECK(whole.facts == pieces.facts);
  CT_CHECK(whole.skips == pieces.skips);
  for (const Skipped& skip : whole.skips) {
    CT_CHECK(!skip.reason.empty() && skip.offset >= 0 && skip.offset <= static_cast<int64_t>(text.size()));
  }
  if (importer->resolve) importer->resolve(&whole.facts);
  // Facts that were exported come back as what they were.
  const bool of_others = importer->name == "clawtrace-facts";
  // Reading back costs far more than reading the log: a few facts an input, others in the next.
  constexpr size_t kReadBack = 4;
  size_t stride = whole.facts.size() / kReadBack + 1;
  for (size_t i = 0; i < whole.facts.size(); ++i) {
    const Fact& fact = whole.facts[i];
    CT_CHECK((fact.source == importer->name || of_others) && !fact.source.empty() &&
             !fact.session_id.empty());
    if ((i + seed) % stride != 0) continue;
    auto back = DecodeFact(EncodeFact(fact));
    CT_CHECK(back && *back == fact);
  }
  (void)AssembleSessions(std::move(whole.facts));
}

}  // namespace
}  // namespace clawtrace::capture

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  clawtrace::capture::TestOne({reinterpret_cast<const char*>(data), size});
  return 0;
}
