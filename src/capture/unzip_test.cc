#include "capture/unzip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <filesystem>
#include <fstream>

#include "base/temp_folder_test_util.h"
#include "capture/gather.h"
#include "capture/log_bytes.h"

namespace clawtrace::capture {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using End = UnzipStream::End;

std::string Gzip(std::string_view text, int level = 6) {
  z_stream state{};
  EXPECT_EQ(deflateInit2(&state, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string zipped(deflateBound(&state, text.size()), '\0');
  state.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  state.avail_in = static_cast<uInt>(text.size());
  state.next_out = reinterpret_cast<Bytef*>(zipped.data());
  state.avail_out = static_cast<uInt>(zipped.size());
  EXPECT_EQ(deflate(&state, Z_FINISH), Z_STREAM_END);
  zipped.resize(state.total_out);
  deflateEnd(&state);
  return zipped;
}

std::string Zstd(std::string_view text) {
  std::string zipped(ZSTD_compressBound(text.size()), '\0');
  zipped.resize(ZSTD_compress(zipped.data(), zipped.size(), text.data(), text.size(), 1));
  return zipped;
}

struct Unzipped {
  std::string text;
  End end = End::kWhole;
};
Unzipped All(std::string_view bytes, uint64_t limit = 1 << 30, size_t chunk = SIZE_MAX) {
  Unzipped result;
  UnzipStream stream(bytes, limit);
  for (size_t at = 0; at < bytes.size(); at += std::min(chunk, bytes.size() - at)) {
    bool more = stream.Feed(bytes.substr(at, chunk), [&](std::string_view piece) {
      result.text += piece;
      return true;
    });
    if (!more) break;
  }
  result.end = stream.end();
  return result;
}

std::string Lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i)
    text += "a line of a log: " + std::to_string(i * int64_t{7919} % 1'000'003) + "\n";
  return text;
}

TEST(UnzipTest, AnyChunkingGivesTheText) {
  std::string text = Lines(20'000);
  for (const std::string& zipped : {Gzip(text), Zstd(text), Gzip("") + Gzip(text), Zstd("") + Zstd(text)}) {
    ASSERT_TRUE(IsCompressedHead(zipped));
    for (size_t chunk : {size_t{1}, size_t{4096}, SIZE_MAX}) {
      Unzipped all = All(zipped, text.size(), chunk);
      EXPECT_TRUE(all.text == text) << chunk;
      EXPECT_EQ(all.end, End::kWhole) << chunk;
    }
  }
}

TEST(UnzipTest, MembersBehindOneAnotherAreOneText) {
  std::string a = Lines(10), b = Lines(30'000);
  for (size_t chunk : {size_t{1}, size_t{1000}, SIZE_MAX}) {
    for (auto& [zipped, text] :
         {std::pair(Gzip(a) + Gzip(b) + Gzip(a), a + b + a), std::pair(Zstd(a) + Zstd(b), a + b),
          std::pair(Gzip(a) + std::string(600, '\0'), a),
          std::pair(Gzip(a) + std::string(3, '\0') + Gzip(b), a + b)}) {
      Unzipped all = All(zipped, 1 << 30, chunk);
      EXPECT_TRUE(all.text == text);
      EXPECT_EQ(all.end, End::kWhole);
    }
  }
}

TEST(UnzipTest, SaysHowItEnds) {
  std::string text = Lines(50'000);
  for (const std::string& zipped : {Gzip(text), Zstd(text)}) {
    for (size_t less : {size_t{1}, size_t{100}}) {
      Unzipped cut = All(zipped.substr(0, zipped.size() - less));
      EXPECT_EQ(cut.end, End::kCutOff);
      EXPECT_TRUE(text.starts_with(cut.text));
      EXPECT_GT(cut.text.size(), text.size() / 4);
    }
    EXPECT_EQ(All(zipped + "behind").end, End::kDamaged);
    EXPECT_TRUE(All(zipped + "behind").text == text);
    std::string broken = zipped;
    for (size_t i = 30; i < broken.size(); ++i) broken[i] = '\xFF';
    EXPECT_EQ(All(broken).end, End::kDamaged);
    EXPECT_EQ(All(zipped, text.size()).end, End::kWhole);
    Unzipped limited = All(zipped, text.size() - 1);
    EXPECT_EQ(limited.end, End::kTooLong);
    EXPECT_LT(limited.text.size(), text.size());
  }
}

TEST(UnzipTest, ABombStopsAtTheLimit) {
  std::string zeros(size_t{8} << 20, '\0');
  for (const std::string& bomb : {Gzip(zeros, 9), Zstd(zeros)}) {
    EXPECT_LT(bomb.size(), 10'000u);
    Unzipped some = All(bomb, 300'000);
    EXPECT_LE(some.text.size(), 300'000u);
    EXPECT_EQ(some.end, End::kTooLong);
  }
  EXPECT_TRUE(DecompressZstd(Zstd(zeros), zeros.size()) == zeros);
  EXPECT_FALSE(DecompressZstd(Zstd(zeros), zeros.size() - 1));
  std::string cut = Zstd(zeros);
  cut.pop_back();
  EXPECT_FALSE(DecompressZstd(cut, zeros.size()));
  for (const char* bad : {"", "\x28\xb5\x2f\xfd", "no"}) EXPECT_FALSE(DecompressZstd(bad, 1000));
}

TEST(UnzipTest, StopsWhenThereIsEnough) {
  std::string zipped = Gzip(Lines(100'000));
  UnzipStream stream(zipped, 1 << 30);
  int pieces = 0;
  EXPECT_FALSE(stream.Feed(zipped, [&](std::string_view) { return ++pieces < 2; }));
  EXPECT_EQ(pieces, 2);
}

class CompressedLogTest : public testing::Test {
 protected:
  std::string Write(const std::string& name, std::string_view bytes) {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return folder_ / name;
  }
  static std::string Log() {
    return R"({"type":"user","uuid":"u1","sessionId":"s","timestamp":"2026-01-01T00:00:00Z",)"
           R"("message":{"role":"user","content":"hi"}})"
           "\n"
           R"({"type":"assistant","uuid":"a1","parentUuid":"u1","sessionId":"s","requestId":"r",)"
           R"("timestamp":"2026-01-01T00:00:01Z","message":{"id":"m","role":"assistant","model":"claude-opus-4-5",)"
           R"("content":[{"type":"text","text":"hello"}],"usage":{"input_tokens":5,"output_tokens":2}}})"
           "\n";
  }
  test::TempFolder folder_;
};

TEST_F(CompressedLogTest, IsReadLikeThePlainOne) {
  std::string plain = Write("plain.jsonl", Log());
  Plan plan = PlanInputs({plain});
  ASSERT_EQ(plan.units.size(), 1u);
  UnitResult expected = ReadUnit(plan.units[0], plan, {});
  for (auto& [name, bytes] :
       {std::pair("plain.jsonl.gz", Gzip(Log())), std::pair("plain.jsonl.zst", Zstd(Log())),
        std::pair("two.gz", Gzip(Log().substr(0, 90)) + Gzip(Log().substr(90)))}) {
    Plan zipped = PlanInputs({Write(name, bytes)});
    ASSERT_EQ(zipped.units.size(), 1u) << name;
    UnitResult read = ReadUnit(zipped.units[0], zipped, {});
    EXPECT_TRUE(read.unusable.empty());
    ASSERT_EQ(read.sessions.size(), 1u);
    EXPECT_EQ(EncodeSession(read.sessions[0], false), EncodeSession(expected.sessions.at(0), false)) << name;
  }
}

// The start of the file tells nothing of its format: its short lines do, and they come from what it unpacks
// to.
TEST_F(CompressedLogTest, IsKnownBehindAHugeFirstLine) {
  std::string huge = R"({"type":"attachment","text":")" + std::string(size_t{1} << 20, 'x') + "\"}\n";
  Plan plan = PlanInputs({Write("huge.jsonl.gz", Gzip(huge + Log()))});
  ASSERT_EQ(plan.units.size(), 1u);
  EXPECT_EQ(plan.units[0].importer->name, "claude-code");
  EXPECT_EQ(ReadUnit(plan.units[0], plan, {}).sessions.at(0).steps.size(), 1u);
}

TEST_F(CompressedLogTest, SaysWhatIsWrong) {
  auto reason = [&](const std::string& name, std::string_view bytes, std::string_view skipped) {
    Plan plan = PlanInputs({Write(name, bytes)});
    if (plan.units.size() != 1) return std::string("no unit");
    UnitResult read = ReadUnit(plan.units[0], plan, {});
    EXPECT_EQ(read.sessions.at(0).skipped.back().reason, skipped) << name;
    return read.unusable.empty() ? std::string() : read.unusable[0].reason;
  };
  std::string zipped = Gzip(Log());
  EXPECT_EQ(reason("cut.gz", zipped.substr(0, zipped.size() - 4), "compressed-damaged"),
            "compressed data is cut off");
  EXPECT_EQ(reason("behind.gz", zipped + "x", "compressed-damaged"), "compressed data is damaged");
  std::string blank = Log() + std::string(size_t{100} << 20, ' ');
  for (size_t i = Log().size(); i < blank.size(); i += size_t{1} << 20) blank[i] = '\n';
  EXPECT_THAT(reason("bomb.gz", Gzip(blank, 9), "compressed-too-large"), HasSubstr("over the limit of 8"));
  EXPECT_THAT(reason("bomb.zst", Zstd(blank), "compressed-too-large"), HasSubstr("over the limit of 6"));
  Plan plan = PlanInputs({Write("a.db.gz", Gzip(std::string("SQLite format 3\0and more", 24)))});
  ASSERT_EQ(plan.unusable.size(), 1u);
  EXPECT_THAT(plan.unusable[0].reason, HasSubstr("unpack it first"));
}

TEST(UnzipTest, ATextInMemory) {
  std::string text = Lines(10), plain = text, zipped = Gzip(text), cut = zipped.substr(0, 20);
  EXPECT_TRUE(Unzip(&plain, 10));
  EXPECT_EQ(plain, text);
  EXPECT_EQ(Unzip(&cut, 10'000).error().message, "compressed data is cut off");
  std::string limited = zipped;
  EXPECT_EQ(Unzip(&limited, 10).error().code, ErrorCode::kLimit);
  EXPECT_TRUE(Unzip(&zipped, 10'000));
  EXPECT_EQ(zipped, text);
}

}  // namespace
}  // namespace clawtrace::capture
