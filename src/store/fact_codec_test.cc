#include "store/fact_codec.h"

#include <gtest/gtest.h>

#include "base/hash.h"

namespace clawtrace::store {
namespace {

// Says every name of every field, with a value in each so that nothing is left out.
Fact FullFact() {
  Fact fact;
  fact.kind = FactKind::kLlmCall;
  fact.source = "src", fact.session_id = "s", fact.id = "i", fact.node = "n", fact.parent_node = "p";
  fact.ordinal = 3, fact.start_ns = 4, fact.end_ns = 5;
  Usage usage{1, 2, 3, 4, 5, 6, 7};
  fact.session =
      SessionInfo{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", {"l", ""}, Usd::Pico(-1), usage};
  fact.user = UserTurn{"text", 4, true};
  fact.llm = LlmCall{.model = "m",
                     .provider = "p",
                     .usage = usage,
                     .reported_cost = Usd::Pico(1),
                     .stop_reason = "s",
                     .error = "e",
                     .service_tier = "t",
                     .billed = false,
                     .auxiliary = true,
                     .aliases = {"x"},
                     .web_searches = 2,
                     .other_reading = usage,
                     .attempts = 3,
                     .text_bytes = 4,
                     .thinking_bytes = 5,
                     .text = "answer"};
  fact.llm->requested_model = std::string();  // known to be empty is not unknown
  fact.tool = ToolUse{"call", "Read", 1, "{}", 2, ~uint64_t{0}, true, "/cwd"};
  fact.result = ToolResult{ToolStatus::kAborted, 1, "e", 2, 3, "out", true, "child"};
  fact.outcome = Outcome{Verdict::kPartial, OutcomeSource::kJudge, 5, "j"};
  fact.skill = SkillUse{"n", SkillStage::kOpened, "p", "c"};
  return fact;
}

Fact Decoded(const std::string& body, const Fact& original) {
  Fact fact;
  EXPECT_TRUE(DecodeFactBody(body, &fact));
  fact.kind = original.kind, fact.source = original.source, fact.session_id = original.session_id;
  return fact;
}

TEST(FactCodecTest, EveryFieldHasANumberAndComesBack) {
  Fact fact = FullFact();
  std::string body;
  EncodeFactBody(fact, &body);
  EXPECT_EQ(Decoded(body, fact), fact);
}

// Visits all that Describe names, whether it has a value or not.
struct NamesOfFields {
  std::vector<std::string>& names;
  template <class T>
  void Field(std::string_view name, T& value) {
    names.emplace_back(name);
    if constexpr (requires { value.emplace(); }) {
      Inside(value.emplace());
    } else {
      Inside(value);
    }
  }
  void CountField(std::string_view name, int64_t&) { names.emplace_back(name); }
  template <class T>
  void Inside(T& value) {
    if constexpr (requires { Describe(*this, value); }) Describe(*this, value);
  }
};

TEST(FactCodecTest, NoFieldIsWithoutANumber) {
  std::vector<std::string> names;
  Fact fact;
  NamesOfFields visitor{names};
  Describe(visitor, fact);
  EXPECT_GT(names.size(), 60u);
  for (const std::string& name : names)
    EXPECT_TRUE(HasFieldNumber(name)) << name << ": add it at the end of kNames in fact_codec.cc";
}

TEST(FactCodecTest, WhatIsWrittenDoesNotChange) {
  // Stores hold such bytes: when this fails, numbers of fields or of enumerators have moved.
  std::string body;
  EncodeFactBody(FullFact(), &body);
  EXPECT_EQ(HexOf(Hash64(body)), "7e95c88081f6a77b");
}

TEST(FactCodecTest, NothingTakesNoRoom) {
  Fact fact;
  fact.ordinal = 0;
  std::string body;
  EncodeFactBody(fact, &body);
  EXPECT_EQ(body, "");
  EXPECT_EQ(Decoded(body, fact), fact);
}

TEST(FactCodecTest, FieldsOfNewerBuildsAreLeftOut) {
  Fact fact = FullFact();
  std::string body, newer;
  EncodeFactBody(fact, &body);
  newer = std::string("\xfe\x03\x05\xff\x03\x02xy", 8) + body;  // 255: a number, and a text
  EXPECT_EQ(Decoded(newer, fact), fact);
}

TEST(FactCodecTest, DamageIsToldAndNeverReadAsAnotherKind) {
  std::string body;
  EncodeFactBody(FullFact(), &body);
  Fact fact;
  for (size_t cut = 1; cut < body.size(); ++cut) {
    Fact part;
    Status status = DecodeFactBody(std::string_view(body).substr(0, cut), &part);
    if (!status) {
      EXPECT_EQ(status.error().code, ErrorCode::kCorruptData);
    }
  }
  EXPECT_FALSE(DecodeFactBody("\x01", &fact));
  EXPECT_FALSE(DecodeFactBody(std::string("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 11), &fact));
  std::string many;
  for (int i = 0; i < 65; ++i) many += std::string("\xfe\x03\x01", 3);
  EXPECT_FALSE(DecodeFactBody(many, &fact));
}

TEST(FactCodecTest, KeysTellContentKindAndSourceApart) {
  Fact fact = FullFact(), other = fact;
  std::string body, other_body;
  EncodeFactBody(fact, &body);
  FactKey key = KeyOf(fact, body);
  EXPECT_EQ(key, KeyOf(other, body));
  other.source = "other";
  EXPECT_NE(key, KeyOf(other, body));
  other = fact, other.kind = FactKind::kLink;
  EXPECT_NE(key, KeyOf(other, body));
  other = fact, other.ordinal = 4;
  EncodeFactBody(other, &other_body);
  EXPECT_NE(key, KeyOf(other, other_body));
}

}  // namespace
}  // namespace clawtrace::store
