#include "capture/redact.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/growth_test_util.h"
#include "base/text.h"
#include "capture/otlp_record.h"

namespace clawtrace::capture {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

Redactor Default(std::string salt = "salt") {
  auto made = Redactor::Make(DefaultRedactionRules(), std::move(salt));
  CT_CHECK(made.has_value());
  return std::move(*made);
}

std::string After(const Redactor& redactor, std::string text, bool cut = false) {
  std::string before = text;
  EXPECT_EQ(redactor.Text(&text, cut), text != before);
  return text;
}
std::string After(std::string text, bool cut = false) { return After(Default(), std::move(text), cut); }

// Put together here so that no scanner takes this file for a leak.
std::string Key(std::string_view start, size_t length, char fill = 'a') {
  return std::string(start) + std::string(length, fill);
}

TEST(RedactTest, KnownKeysGoWhereverTheyStand) {
  struct Case {
    std::string key, rule;
  };
  for (const Case& c :
       std::vector<Case>{{Key("sk-ant-api03-", 40), "sk-key"},
                         {Key("sk-proj-", 40), "sk-key"},
                         {Key("ghp_", 36), "github-token"},
                         {Key("github_pat_", 60), "github-token"},
                         {Key("glpat-", 20), "gitlab-token"},
                         {Key("AKIA", 16, 'Q'), "aws-key-id"},
                         {Key("xoxb-", 30, '1'), "slack-token"},
                         {Key("AIza", 35), "google-key"},
                         {Key("npm_", 36), "npm-token"},
                         {Key("hf_", 34), "huggingface-token"},
                         {Key("sk_live_", 24), "stripe-key"},
                         {Key("eyJ", 30) + "." + Key("eyJ", 3000) + "." + Key("", 43), "jwt"}}) {
    for (std::string around :
         {"#", "export KEY=#\n", "{\"content\":\"a\\n#\\nb\"}", "key:#,", "\xc3\xa4#\xc3\xa4"}) {
      std::string text = around;
      text.replace(text.find('#'), 1, c.key);
      std::string after = After(text);
      EXPECT_THAT(after, Not(HasSubstr(c.key))) << around;
      EXPECT_THAT(after, HasSubstr("[redacted:" + c.rule + ":")) << around;
      EXPECT_EQ(after.size(), text.size() - c.key.size() + c.rule.size() + 20);
    }
  }
}

TEST(RedactTest, WhatOnlyLooksLikeAKeyStays) {
  for (std::string text :
       {"task-be290586599f0123456789abcdef0123", "risk-assessment-of-everything-there-is", "sk-short",
        "AKIAshort", "the bearer of bad news", "Bearer of tidings", "https://host/path?a=b@c",
        "mailto:me@host", "ghp_ is a prefix", "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----",
        "BAKIAQQQQQQQQQQQQQQQQ", ""})
    EXPECT_EQ(After(text), text);
}

TEST(RedactTest, HeadersAndAddressesKeepWhatIsNoSecret) {
  EXPECT_THAT(After("-H 'Authorization: Bearer abcdefghijklmnopqrstuvwxyz'"),
              MatchesRegex("-H 'Authorization: Bearer \\[redacted:bearer:[0-9a-f]{8}\\]'"));
  EXPECT_THAT(After("Authorization: Basic dXNlcjpwYXNz"),
              MatchesRegex("Authorization: Basic \\[redacted:authorization:[0-9a-f]{8}\\]"));
  EXPECT_THAT(After("git clone https://me:hunter2@host/x.git"),
              MatchesRegex("git clone https://me:\\[redacted:url-password:[0-9a-f]{8}\\]@host/x.git"));
}

TEST(RedactTest, PrivateKeysGoWithTheirEndOrWithoutIt) {
  std::string block = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----";
  EXPECT_THAT(After("a " + block + " b"), MatchesRegex("a \\[redacted:private-key:[0-9a-f]{8}\\] b"));
  EXPECT_THAT(After("a " + block.substr(0, 40)), MatchesRegex("a \\[redacted:private-key:[0-9a-f]{8}\\]"));
  EXPECT_THAT(After("{\"k\":\"" + block.substr(0, 36) + "\",\"b\":1}"), HasSubstr("\",\"b\":1}"));
}

TEST(RedactTest, ValuesUnderTellingNames) {
  std::string after = After(
      R"({"headers":{"Authorization":"tok","accept":"json"},"db_password":12345,"list":[{"api_key":["a","b"]}],)"
      R"("token_count":7,"secret":null,"password":""})");
  EXPECT_THAT(
      after, MatchesRegex(R"(\{"headers":\{"Authorization":"\[redacted:key:[0-9a-f]{8}\]","accept":"json"\},)"
                          R"("db_password":"\[redacted:key:[0-9a-f]{8}\]","list":\[\{"api_key":)"
                          R"(\["\[redacted:key:[0-9a-f]{8}\]","\[redacted:key:[0-9a-f]{8}\]"\]\}\],)"
                          R"("token_count":7,"secret":null,"password":""\})"));
  // Cut off inside of the value.
  EXPECT_THAT(After(R"({"a":1,"password":"hunt)", true),
              MatchesRegex(R"(\{"a":1,"password":"\[redacted:key:[0-9a-f]{8}\])"));
  EXPECT_EQ(After("password is hunter2"), "password is hunter2");
}

TEST(RedactTest, APathHoldsOnlyBelowItsNames) {
  RedactionRules rules;
  rules.keys = {"auth.pin"};
  auto redactor = Redactor::Make(rules, "s");
  ASSERT_TRUE(redactor);
  EXPECT_THAT(
      After(*redactor, R"({"pin":"1","auth":[{"pin":"2"}],"x":{"auth":{"pin":"3"}}})"),
      MatchesRegex(
          R"(\{"pin":"1","auth":\[\{"pin":"\[redacted.*\]"\}\],"x":\{"auth":\{"pin":"\[redacted.*\]"\}\}\})"));
}

TEST(RedactTest, AKeyThatIsCutOffAtTheEndOfTheTextIsOne) {
  EXPECT_EQ(After("see sk-abcd"), "see sk-abcd");
  EXPECT_THAT(After("see sk-abcd", true), MatchesRegex("see \\[redacted:sk-key:[0-9a-f]{8}\\]"));
  EXPECT_THAT(After("jwt eyJabc", true), MatchesRegex("jwt \\[redacted:jwt:[0-9a-f]{8}\\]"));
  EXPECT_EQ(After("sk-abcd and more", true), "sk-abcd and more");
}

TEST(RedactTest, EqualStaysEqualAndOnlyTheSaltTellsHow) {
  std::string key = Key("sk-", 30), other = Key("sk-", 31);
  EXPECT_EQ(After(key + " " + key), After(key) + " " + After(key));
  EXPECT_NE(After(key), After(other));
  EXPECT_NE(After(Default("one"), key), After(Default("two"), key));
  EXPECT_EQ(After(Default("one"), key), After(Default("one"), key));
}

TEST(RedactTest, WhatIsRedactedStays) {
  for (std::string text : {Key("sk-", 30), std::string(R"({"password":"x","u":"http://a:b@c"})"),
                           "Bearer " + Key("", 30), Key("-----BEGIN PRIVATE KEY-----", 9)}) {
    std::string once = After(text);
    EXPECT_NE(once, text);
    EXPECT_EQ(After(once), once);
  }
}

TEST(RedactTest, RandomRunsOnRequest) {
  std::string text = "value aB3dE6gH9jK2mN5pQ8sT1vW4yZ7xC0uR end";
  EXPECT_EQ(After(text), text);
  auto rules = ParseRedactionRules("entropy: {min_length: 24, min_bits: 4.0}", "r.yaml");
  ASSERT_TRUE(rules);
  auto redactor = Redactor::Make(*rules, "s");
  EXPECT_THAT(After(*redactor, text), MatchesRegex("value \\[redacted:entropy:[0-9a-f]{8}\\] end"));
  EXPECT_EQ(After(*redactor, "abcdefabcdef0123456789012345678901234567"),
            "abcdefabcdef0123456789012345678901234567");
}

TEST(RedactTest, RulesOfTheUser) {
  auto rules = ParseRedactionRules(
      "defaults: false\nkeys: ['*.pin']\npatterns:\n  - {name: acme, expression: 'acme_[a-z]{4}-[0-9]+'}\n",
      "r.yaml");
  ASSERT_TRUE(rules) << rules.error().message;
  auto redactor = Redactor::Make(*rules, "s");
  ASSERT_TRUE(redactor);
  EXPECT_THAT(After(*redactor, "x acme_abcd-123 y"), MatchesRegex("x \\[redacted:acme:[0-9a-f]{8}\\] y"));
  EXPECT_EQ(After(*redactor, Key("sk-", 30)), Key("sk-", 30));
  for (const char* bad :
       {"patterns: [{name: a, expression: 'ab[c]+'}]", "patterns: [{name: A, expression: 'abcd'}]",
        "patterns: [{name: a, expression: 'abc(d)'}]", "patterns: [{name: a, expression: 'abc[d'}]",
        "patterns: [{name: a, expression: 'abc[d]{2,1}'}]", "patterns: 3", "keys: ['*']", "what: 1",
        "entropy: {min_length: 4}", "patterns: [{name: a}]", "a: ["}) {
    auto refused = ParseRedactionRules(bad, "r.yaml");
    ASSERT_FALSE(refused) << bad;
    EXPECT_THAT(refused.error().message, HasSubstr("r.yaml")) << bad;
  }
}

TEST(RedactTest, EveryTextOfAFact) {
  std::string key = Key("sk-", 30);
  Fact fact;
  fact.session = SessionInfo{.cwd = "/" + key, .project = key, .user = key, .agent_name = key};
  fact.user = UserTurn{.text = key, .text_bytes = 33};
  LlmCall call;
  call.text = key, call.error = key;
  fact.llm = call;
  ToolUse tool;
  tool.args = "{\"a\":\"" + key + "\"}", tool.cwd = "/" + key, tool.args_hash = 7;
  fact.tool = tool;
  ToolResult result;
  result.output = key, result.error = key;
  fact.result = result;
  fact.skill = SkillUse{.path = "/" + key};
  fact.id = key;
  EXPECT_TRUE(Default().Apply(&fact));
  EXPECT_EQ(fact.id, key);
  fact.id.clear();
  EXPECT_THAT(EncodeFact(fact), Not(HasSubstr(key)));
  EXPECT_EQ(fact.tool->args_hash, 7u);
  EXPECT_FALSE(Default().Apply(&fact));
}

TEST(RedactTest, ThePromptOfASpanThatIsNotResolvedYet) {
  std::string key = Key("sk-", 30);
  SpanRecord record;
  record.trace_id = "t", record.span_id = "s", record.response_id = "keep";
  record.prompt = "use \"" + key + "\"", record.prompt_bytes = static_cast<int64_t>(record.prompt.size());
  record.tool = ToolUse{};
  record.tool->args = "{\"password\":\"p\"}", record.tool->args_bytes = 16;
  Fact fact = EncodeRecord(record);
  EXPECT_TRUE(Default().Apply(&fact));
  EXPECT_THAT(EncodeFact(fact), Not(HasSubstr(key)));
  JsonParser parser;
  auto back = DecodeRecord(&fact, &parser);
  ASSERT_TRUE(back);
  EXPECT_THAT(back->prompt, MatchesRegex("use \"\\[redacted:sk-key:[0-9a-f]{8}\\]\""));
  EXPECT_EQ(back->response_id, "keep");
  EXPECT_THAT(back->tool->args, MatchesRegex("\\{\"password\":\"\\[redacted:key:[0-9a-f]{8}\\]\"\\}"));
}

TEST(RedactTest, TextsKeepTheirSize) {
  Fact fact;
  std::string text(kMaxText - 4, 'x');
  fact.user = UserTurn{.text = text.replace(kMaxText - 10, 6, " sk-ab"), .text_bytes = 100'000};
  EXPECT_TRUE(Default().Apply(&fact));
  EXPECT_LE(fact.user->text.size(), kMaxText);
  EXPECT_THAT(fact.user->text, Not(HasSubstr("sk-ab")));
}

// Texts made to be read again and again: a megabyte would take minutes if any part of it were.
TEST(RedactTest, TimeGrowsWithTheText) {
  Redactor redactor = Default();
  for (std::string piece : {"-eyJ", "-----BEGIN PRIVATE KEY-----\"", "://a:", "sk-", ".eyJaaaaaaaaaa",
                            "{\"a\":", "[\"password\",", "Bearer "}) {
    auto hostile = [&](size_t bytes) { return test::Repeated(piece, bytes); };
    auto redact = [&](std::string text) { (void)redactor.Text(&text); };
    EXPECT_TRUE(test::GrowsWithText(hostile, 250'000, redact)) << piece;
  }
}

}  // namespace
}  // namespace clawtrace::capture
