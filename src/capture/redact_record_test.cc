#include "capture/redact_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "base/growth_test_util.h"
#include "base/json.h"
#include "base/text.h"

namespace clawtrace::capture {
namespace {

using testing::HasSubstr;
using testing::Not;

const Redactor& Rules() {
  static const Redactor redactor = *Redactor::Make(DefaultRedactionRules(), "a salt of sixteen");
  return redactor;
}

std::string Redacted(std::string record) {
  RedactRecord(Rules(), &record);
  return record;
}

std::string Quoted(std::string_view text) {
  std::string out;
  AppendJsonString(text, &out);
  return out;
}

TEST(RedactRecordTest, WhatHoldsNoSecretKeepsEveryByte) {
  for (const char* record :
       {R"({ "a" : "x\u00e9\/y\n", "b":[1, 2.50,"\ud83d\ude00"], "c":"{\"k\":\"v\\n\"}" })", "",
        "plain words", "{", "{\"a", R"({"a":"\)", R"({"a":"\u12"})", R"({"a":"\ud800"})",
        "#### say \"hi\n"}) {
    std::string text = record;
    EXPECT_FALSE(RedactRecord(Rules(), &text)) << record;
    EXPECT_EQ(text, record);
  }
}

TEST(RedactRecordTest, SecretsUnderNamesInJsonInJson) {
  std::string arguments = R"({"user":"me","password":"hunter2 and more","note":"line\nline"})";
  std::string outer = R"({"payload":{"type":"function_call","arguments":)" + Quoted(arguments) + "}}";
  std::string deeper = R"({"log":)" + Quoted(outer) + "}";
  for (const std::string& record : {outer, deeper}) {
    std::string got = Redacted(record);
    EXPECT_THAT(got, Not(HasSubstr("hunter2"))) << record;
    EXPECT_THAT(got, HasSubstr("[redacted:key:"));
    JsonParser parser;
    auto json = parser.Parse(got);
    ASSERT_TRUE(json) << got;
  }
  JsonParser outer_parser, inner_parser;
  std::string got = Redacted(outer);
  auto inner = inner_parser.Parse((*outer_parser.Parse(got))["payload"]["arguments"].text());
  ASSERT_TRUE(inner);
  EXPECT_EQ((*inner)["user"].text(), "me");
  EXPECT_EQ((*inner)["note"].text(), "line\nline");
}

TEST(RedactRecordTest, SecretsThatEscapesCutApart) {
  std::string token = "Bearer abcdefghij/klmnopqrst/uvwxyz0123456789";
  std::string escaped = token;
  for (size_t at = escaped.find('/'); at != std::string::npos; at = escaped.find('/', at + 2))
    escaped.insert(at, "\\");
  EXPECT_THAT(Redacted(R"({"header":")" + escaped + "\"}"), Not(HasSubstr("uvwxyz")));
  EXPECT_THAT(Redacted(R"({"url":"https://me:sec\u0026retword@host/x"})"), Not(HasSubstr("retword")));
  EXPECT_THAT(Redacted(R"({"out":"a\n\u0073k-ant-api03-AAAAAAAAAAAAAAAAAAAAAAAAAAAA"})"),
              Not(HasSubstr("AAAAAAAA")));
  std::string key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----\nbehind";
  std::string got = Redacted(R"({"out":)" + Quoted(key) + "}");
  EXPECT_THAT(got, Not(HasSubstr("MIIE")));
  EXPECT_THAT(got, HasSubstr("behind"));
}

// What a fact's text loses, the record's string of the same text loses.
TEST(RedactRecordTest, TakesOutWhatIsTakenOutOfFacts) {
  for (std::string text : {R"({"api_key":"0123456789abcdef","x":1})", "export A=1\nAKIAABCDEFGHIJKLMNOP\n",
                           "curl -H 'Authorization: Basic dXNlcjpwYXNz' \\\n https://a:b@c/\t\"q\""}) {
    std::string alone = text, record = R"({"content":)" + Quoted(text) + R"(,"n":2})";
    ASSERT_TRUE(Rules().Text(&alone)) << text;
    JsonParser parser;
    std::string got = Redacted(record);
    auto json = parser.Parse(got);
    ASSERT_TRUE(json) << got;
    EXPECT_EQ((*json)["content"].text(), alone);
  }
}

TEST(RedactRecordTest, TimeGrowsWithTheLengthAlone) {
  auto redact = [](std::string record) { RedactRecord(Rules(), &record); };
  for (const auto& [head, piece] :
       {std::pair("[", "\"\\n\","), std::pair("{\"a\":\"", "\\"), std::pair("{", "\"")}) {
    auto hostile = [&](size_t bytes) { return head + test::Repeated(piece, bytes); };
    EXPECT_TRUE(test::GrowsWithText(hostile, 250'000, redact)) << head << piece;
  }
  // Each layer doubles what escapes it: were all of them opened, this would never end.
  std::string nested = "1";
  for (int i = 0; i < 12; ++i) nested = "{\"a\":" + Quoted(nested + std::string(1000, '\n')) + "}";
  redact(nested);
}

}  // namespace
}  // namespace clawtrace::capture
