// Its lines have no ids and no times, so it is no fixture of the battery: nothing but their order orders
// them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "capture/importers/recording_test_util.h"

namespace clawtrace::capture {

extern const Importer kGeminiCli;

namespace {

using test::Collected;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view kRecording = R"({"method": "countTokens", "response": {"totalTokens": 900}}
{"method": "generateContentStream", "response": [{"candidates": [{"content": {"parts": [{"text": "Let me see.", "thought": true}], "role": "model"}}], "modelVersion": "gemini-2.5-pro", "usageMetadata": {"promptTokenCount": 1000, "totalTokenCount": 1000}}, {"candidates": [{"content": {"parts": [{"text": "I will "}, {"functionCall": {"name": "read_file", "args": {"path": "a.txt"}, "id": "f1"}}], "role": "model"}, "finishReason": "STOP"}], "modelVersion": "gemini-2.5-pro", "usageMetadata": {"promptTokenCount": 900, "cachedContentTokenCount": 400, "candidatesTokenCount": 20, "thoughtsTokenCount": 7, "totalTokenCount": 927}}]}
{"method": "generateContent", "response": {"candidates": [{"content": {"parts": [{"text": "Done."}], "role": "model"}, "finishReason": "STOP"}], "modelVersion": "gemini-2.5-pro", "usageMetadata": {"promptTokenCount": 950, "candidatesTokenCount": 3, "totalTokenCount": 953}}}
)";

TEST(GeminiResponsesTest, TheLastChunkCounts) {
  Collected log;
  EXPECT_TRUE(kGeminiCli.sniff(kRecording));
  test::ReadText(kGeminiCli, kRecording, &log, "/x/answers.responses");
  EXPECT_THAT(log.skips, IsEmpty());
  std::vector<const Fact*> calls;
  for (const Fact& fact : log.facts) {
    if (fact.kind == FactKind::kLlmCall) calls.push_back(&fact);
  }
  ASSERT_EQ(calls.size(), 2u) << "counting tokens is no answer";
  EXPECT_EQ(*calls[0]->llm->usage,
            (Usage{.uncached_input = 500, .cache_read = 400, .output = 27, .reasoning = 7}));
  EXPECT_EQ(calls[0]->llm->model, "gemini-2.5-pro");
  EXPECT_EQ(calls[0]->llm->text, "I will ");
  EXPECT_EQ(calls[0]->llm->thinking_bytes, 11);
  EXPECT_EQ(*calls[1]->llm->usage, (Usage{.uncached_input = 950, .output = 3}));
  const Fact* tool = log.Find(FactKind::kToolUse, "f1");
  ASSERT_TRUE(tool);
  EXPECT_EQ(tool->tool->llm_call, calls[0]->id);
  EXPECT_FALSE(calls[0]->start_ns);
}

TEST(GeminiResponsesTest, UnusableAnswersAreCounted) {
  Collected log;
  test::ReadText(kGeminiCli,
                 R"({"method":"generateContent","response":7}
{"response":{}}
{"method":"generateContentStream","response":[3,{"usageMetadata":{"promptTokenCount":"x"}}]})",
                 &log, "a.responses");
  EXPECT_THAT(log.skips,
              ElementsAre("wrong-type:response", "unknown-record", "not-an-object", "wrong-type:usage"));
  EXPECT_EQ(log.Count(FactKind::kLlmCall), 1u);
}

}  // namespace
}  // namespace clawtrace::capture
