#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/doc_writer.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/temp_folder_test_util.h"
#include "base/text.h"
#include "base/value.h"

namespace clawtrace {
namespace {

TEST(JsonTest, TotalAccessors) {
  JsonParser parser;
  auto json = parser.Parse(R"({"a":[1,2.5,"x",null,true],"n":9007199254740993,"s":"\u00e9","d":3.0})");
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["a"].at(0).integer(), 1);
  EXPECT_EQ((*json)["a"].at(1).integer(), std::nullopt);
  EXPECT_EQ((*json)["d"].integer(), 3);
  EXPECT_EQ((*json)["n"].integer(), 9007199254740993);
  EXPECT_EQ((*json)["s"].text(), "é");
  EXPECT_FALSE((*json)["missing"]["deeper"].at(4));
  EXPECT_EQ((*json)["a"].size(), 5u);
  EXPECT_TRUE((*json)["a"].at(3).is_null());
}

TEST(JsonTest, CanonicalSortsAndNormalises) {
  JsonParser parser;
  EXPECT_EQ(parser.Parse(R"({ "b":1.0, "a":{"z":[1 ,2],"y":"q\n"} })")->Canonical(),
            R"({"a":{"y":"q\n","z":[1,2]},"b":1})");
}

TEST(JsonTest, HiddenCharactersAreEscaped) {
  std::string out;
  AppendJsonString(
      "a\xC2\x9B"
      "b\xE2\x80\xAE"
      "c\xE2\x80\xA8"
      "d\x1b\xEF\xBB\xBF"
      "\xC3\xA9\xE2\x82\xAC\"\\",
      &out);
  EXPECT_EQ(out, "\"a\\u009bb\\u202ec\\u2028d\\u001b\\ufeff\xC3\xA9\xE2\x82\xAC\\\"\\\\\"");
}

TEST(JsonTest, BrokenInputIsAnError) {
  JsonParser parser;
  for (std::string_view bad : {"", "{", "{\"a\":}", "nul", "\"\xff\"", "{}{}"})
    EXPECT_FALSE(parser.Parse(bad)) << bad;
  EXPECT_TRUE(parser.Parse("{}"));
}

std::string Sample(DocWriter::Format format) {
  DocWriter w(format);
  w.BeginObject();
  w.Field("name", "plain text");
  w.Field("odd", "yes");
  w.Field("colon", "a: b");
  w.Key("empty"), w.BeginArray(), w.EndArray();
  w.Key("rows"), w.BeginArray();
  w.BeginObject(true), w.Field("id", 1), w.Field("t", "x,y"), w.EndObject();
  w.BeginObject(), w.Field("id", 2), w.Key("in"), w.BeginArray(), w.Int(3), w.String("4"), w.EndArray(),
      w.EndObject();
  w.EndArray();
  w.Key("none"), w.Null();
  w.Key("row"), w.BeginObject(true), w.Field("x", 1), w.EndObject();
  w.EndObject();
  return w.Take();
}

TEST(DocWriterTest, Yaml) {
  EXPECT_EQ(Sample(DocWriter::Format::kYaml), R"(name: plain text
odd: "yes"
colon: "a: b"
empty: []
rows:
  - {id: 1, t: "x,y"}
  - id: 2
    in:
      - 3
      - "4"
none: null
row: {x: 1}
)");
}

TEST(DocWriterTest, JsonAndYamlReadBackEqual) {
  auto yaml = ParseYaml(Sample(DocWriter::Format::kYaml), "y");
  auto json = ParseYaml(Sample(DocWriter::Format::kJson), "j");
  auto pretty = ParseYaml(Sample(DocWriter::Format::kJsonPretty), "p");
  ASSERT_TRUE(yaml) << yaml.error().message;
  ASSERT_TRUE(json) << json.error().message;
  ASSERT_TRUE(pretty) << pretty.error().message;
  for (auto* doc : {&*yaml, &*json, &*pretty}) {
    EXPECT_EQ(doc->Find("odd")->AsString(), "yes");
    EXPECT_EQ(doc->Find("rows")->items[1].Find("in")->items[0].AsInt(), 3);
    EXPECT_EQ(doc->Find("rows")->items[1].Find("in")->items[1].AsInt(), std::nullopt);
    EXPECT_TRUE(doc->Find("none")->is_null());
  }
  EXPECT_EQ(
      Sample(DocWriter::Format::kJson),
      R"({"name":"plain text","odd":"yes","colon":"a: b","empty":[],"rows":[{"id":1,"t":"x,y"},{"id":2,"in":[3,"4"]}],"none":null,"row":{"x":1}})");
}

TEST(ValueTest, ErrorsNameThePlace) {
  auto duplicate = ParseYaml("a: 1\na: 2\n", "card.yaml");
  ASSERT_FALSE(duplicate);
  EXPECT_THAT(duplicate.error().message, testing::StartsWith("card.yaml:2:1"));
  EXPECT_FALSE(ParseYaml("a: [1", "x"));
  EXPECT_FALSE(ParseYaml("&x [*x]", "x"));
  EXPECT_EQ(ParseYaml("a: &x 1\nb: *x\n", "x").error().code, ErrorCode::kUnsupported);
}

TEST(TextTest, Times) {
  EXPECT_EQ(ParseIsoTime("1970-01-01T00:00:01.5Z"), 1'500'000'000);
  EXPECT_EQ(ParseIsoTime("1970-01-01T01:00:00+01:00"), 0);
  EXPECT_EQ(ParseIsoTime("nonsense"), std::nullopt);
  EXPECT_EQ(FormatIsoTime(*ParseIsoTime("2026-11-21T04:40:00.123Z")), "2026-11-21T04:40:00.123Z");
  EXPECT_EQ(FormatIsoTime(*ParseIsoTime("2026-11-21T04:40:00.123000045Z")), "2026-11-21T04:40:00.123000045Z");
}

TEST(TextTest, Utf8) {
  EXPECT_EQ(PrefixUtf8("aé", 2), "a");
  EXPECT_TRUE(IsValidUtf8("aé\xF0\x9F\x98\x80"));
  EXPECT_FALSE(IsValidUtf8("\xED\xA0\x80"));
  EXPECT_EQ(ReplaceInvalidUtf8("a\xff"
                               "b"),
            "a\xEF\xBF\xBD"
            "b");
}

TEST(FileTest, AtomicWriteAndLimit) {
  test::TempFolder folder;
  std::string path = folder / "file";
  ASSERT_TRUE(WriteFileAtomically(path, "hello"));
  EXPECT_EQ(*ReadFile(path), "hello");
  EXPECT_EQ(ReadFile(path, 3).error().code, ErrorCode::kLimit);
  EXPECT_EQ(ReadFile(path + ".none").error().code, ErrorCode::kNotFound);
}

TEST(HashTest, Stable) {
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(HexOf(255), "00000000000000ff");
}

TEST(HashTest, InPiecesIsAsAtOnce) {
  std::string text(100'000, 'x');
  for (size_t size : {0, 1, 16, 17, 240, 241, 1024, 100'000}) {
    StreamHash hash;
    std::string_view rest = std::string_view(text).substr(0, size);
    for (size_t piece = 1; !rest.empty(); piece += 7) {
      hash.Add(rest.substr(0, piece));
      rest.remove_prefix(std::min(piece, rest.size()));
    }
    EXPECT_EQ(hash.value(), Hash64(text.substr(0, size))) << size;
  }
}

TEST(MemoryTest, FreedTextsHoldNothing) {
  std::string text(1 << 20, 'x');
  FreeText(&text);
  EXPECT_EQ(text, "");
  EXPECT_LT(text.capacity(), 64u);
}

}  // namespace
}  // namespace clawtrace
