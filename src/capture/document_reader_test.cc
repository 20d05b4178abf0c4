#include "capture/document_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace clawtrace::capture {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Seen : FactSink {
  std::vector<std::string> documents, records, skips;
  void Add(Fact&&) override {}
  void Skip(int64_t line, int64_t offset, std::string_view reason) override {
    skips.push_back(std::string(reason) + "@" + std::to_string(line) + ":" + std::to_string(offset));
  }
};

class Document final : public JsonDocumentReader {
 public:
  explicit Document(Seen* seen) : JsonDocumentReader(seen), seen_(*seen) {}
  using JsonDocumentReader::Skip;

 private:
  void OnDocument(Json document) override { seen_.documents.push_back(document.Canonical()); }
  Seen& seen_;
};

class Records final : public JsonLineReader {
 public:
  explicit Records(Seen* seen) : JsonLineReader(seen), seen_(*seen) {}

 private:
  void OnRecord(Json record) override { seen_.records.push_back(record.Canonical()); }
  Seen& seen_;
};

void FeedAll(LogReader* reader, std::string_view text, size_t chunk) {
  for (size_t at = 0; at < text.size(); at += chunk) reader->Feed(text.substr(at, chunk));
  reader->Finish();
}

Seen ReadDocument(std::string_view text, size_t chunk = 1000) {
  Seen seen;
  Document reader(&seen);
  FeedAll(&reader, text, chunk);
  return seen;
}

Seen ReadEither(std::string_view text, size_t chunk) {
  Seen seen;
  auto reader = LinesOrDocument(std::make_unique<Records>(&seen), std::make_unique<Document>(&seen));
  FeedAll(reader.get(), text, chunk);
  return seen;
}

TEST(DocumentReaderTest, ReadsAnyLayoutInAnyChunks) {
  for (std::string_view text :
       {"{\"a\":[1,2]}", "{\n  \"a\": [\n 1, 2\n ]\n}\n", "\xEF\xBB\xBF \n{\"a\":[1,2]}\r\n"}) {
    for (size_t chunk : {size_t{1}, size_t{3}, size_t{100}}) {
      Seen seen = ReadDocument(text, chunk);
      EXPECT_THAT(seen.documents, ElementsAre("{\"a\":[1,2]}")) << text;
      EXPECT_THAT(seen.skips, IsEmpty()) << text;
    }
  }
  EXPECT_THAT(ReadDocument("[{\"a\":1}]").documents, ElementsAre("[{\"a\":1}]"));
  EXPECT_THAT(ReadDocument(" \n ").skips, IsEmpty());
}

TEST(DocumentReaderTest, UsesATruncatedDocumentAsFarAsItGoes) {
  Seen seen = ReadDocument("{\"id\":\"x\",\"list\":[{\"n\":1,\"text\":\"a \\\"b\"},{\"n\":23");
  EXPECT_THAT(seen.documents, ElementsAre("{\"id\":\"x\",\"list\":[{\"n\":1,\"text\":\"a \\\"b\"},{}]}"));
  EXPECT_THAT(seen.skips, ElementsAre("truncated-document@0:0"));
  // A number that was cut is another number, a key without its value is none.
  EXPECT_THAT(ReadDocument("{\"a\":1,\"b\":2").documents, ElementsAre("{\"a\":1}"));
  EXPECT_THAT(ReadDocument("{\"a\":1,\"b\"").documents, ElementsAre("{\"a\":1}"));
  EXPECT_THAT(ReadDocument("{\"a\":1,\"b\":").documents, ElementsAre("{\"a\":1}"));
  EXPECT_THAT(ReadDocument("{\"a\":\"x\\").documents, ElementsAre("{}"));
}

TEST(DocumentReaderTest, NamesWhatCannotBeUsed) {
  EXPECT_THAT(ReadDocument("{\"a\":1}\n{\"a\":2}").skips, ElementsAre("trailing-bytes@0:0"));
  EXPECT_THAT(ReadDocument("{\"a\":1}\n{\"a\":2}").documents, ElementsAre("{\"a\":1}"));
  EXPECT_THAT(ReadDocument("{\"a\" 1}").skips, ElementsAre("not-json@0:0"));
  EXPECT_THAT(ReadDocument("hello").skips, ElementsAre("not-json@0:0"));
  EXPECT_THAT(ReadDocument(std::string_view("{\"a\"\0:1}", 8)).skips, ElementsAre("nul-bytes@0:0"));
  EXPECT_THAT(ReadDocument("7").skips, ElementsAre("not-an-object@0:0"));
  EXPECT_THAT(ReadDocument("]}").skips, ElementsAre("not-json@0:0"));
  Seen repaired = ReadDocument("{\"a\":\"\xff\",\"n\":123456789012345678901234567890}");
  EXPECT_THAT(repaired.skips, ElementsAre("invalid-utf8-repaired@0:0"));
  EXPECT_EQ(repaired.documents.size(), 1u);
  EXPECT_THAT(ReadDocument("{\"a\":\"\xff\",\"b\":{\"c\":").skips,
              ElementsAre("truncated-document@0:0", "invalid-utf8-repaired@0:0"));
}

TEST(DocumentReaderTest, SkipsWhatIsTooLargeAndListsNoFloodOfSkips) {
  Seen seen;
  Document reader(&seen);
  std::string block(size_t{64} << 20, ' ');
  for (int i = 0; i < 9; ++i) reader.Feed(block);
  reader.Feed("{}");
  reader.Finish();
  EXPECT_THAT(seen.documents, IsEmpty());
  EXPECT_THAT(seen.skips, ElementsAre("too-large@0:0"));
  for (int i = 0; i < 500; ++i) reader.Skip("bad");
  EXPECT_EQ(seen.skips.size(), kMaxSkipsPerDocument);
  EXPECT_EQ(seen.skips.back(), "more-skips-not-listed@0:0");
}

TEST(DocumentReaderTest, TellsLinesFromADocument) {
  for (size_t chunk : {size_t{1}, size_t{2}, size_t{1000}}) {
    EXPECT_THAT(ReadEither("{\n \"a\": 1\n}\n", chunk).documents, ElementsAre("{\"a\":1}"));
    EXPECT_THAT(ReadEither("\xEF\xBB\xBF\n[{\"a\":1}]", chunk).documents, ElementsAre("[{\"a\":1}]"));
    EXPECT_THAT(ReadEither("\xEF\xBB\xBF{\"a\":1}\n{\"a\":2}\n", chunk).records,
                ElementsAre("{\"a\":1}", "{\"a\":2}"));
    EXPECT_THAT(ReadEither("{\"a\":1}", chunk).records, ElementsAre("{\"a\":1}"));
    Seen cut = ReadEither("cut\"}\n{\"a\":2}\n", chunk);
    EXPECT_THAT(cut.records, ElementsAre("{\"a\":2}"));
    EXPECT_THAT(cut.skips, ElementsAre("not-json@1:0"));
    EXPECT_THAT(ReadEither("", chunk).skips, IsEmpty());
    EXPECT_THAT(ReadEither("{", chunk).skips, ElementsAre("truncated-line@1:0"));
  }
}

TEST(DocumentReaderTest, HeadsShowTheirFirstMembers) {
  JsonParser parser;
  EXPECT_EQ(HeadDocument("{\n \"id\": \"x\", \"messages\": [{\"a", &parser)["id"].text(), "x");
  EXPECT_TRUE(HeadDocument("{\n \"id\": \"x\", \"messages\": [{\"a", &parser)["messages"].is_array());
  EXPECT_EQ(HeadDocument("{\"n\":1}\n{\"n\":2}", &parser)["n"].integer(), 1);
  EXPECT_FALSE(HeadDocument("hello", &parser));
  EXPECT_FALSE(HeadDocument("", &parser));
}

}  // namespace
}  // namespace clawtrace::capture
