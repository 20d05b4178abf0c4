#include "llm/provider.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "llm/server_events.h"

namespace clawtrace::llm {
namespace {

Request SomeRequest() {
  Request request{
      .model = "demo", .system = "Be brief.", .turns = {}, .tools = {{"read", {"limit", "path"}}}};
  request.max_tokens = 300, request.temperature_milli = 250;
  request.turns.push_back(
      {.speaker = Speaker::kUser, .text = "What is in \"a\"?", .calls = {}, .outputs = {}});
  request.turns.push_back({.speaker = Speaker::kAssistant,
                           .text = "",
                           .calls = {{.id = "call_2", .name = "read", .args = R"({"path":"a"})"}},
                           .outputs = {}});
  request.turns.push_back({.speaker = Speaker::kTools,
                           .text = "",
                           .calls = {},
                           .outputs = {{.id = "call_2", .text = "no such file", .failed = true}}});
  return request;
}

// What each sends, to the byte.
TEST(Provider, Encodes) {
  struct Sample {
    std::string_view provider, path, body;
  };
  const Sample samples[] = {
      {"anthropic", "/v1/messages",
       R"({"model":"demo","max_tokens":300,"temperature":0.250,"system":"Be brief.",)"
       R"("tools":[{"name":"read","input_schema":{"type":"object","properties":{"limit":{},"path":{}},"additionalProperties":true}}],)"
       R"("messages":[{"role":"user","content":"What is in \"a\"?"},)"
       R"({"role":"assistant","content":[{"type":"tool_use","id":"call_2","name":"read","input":{"path":"a"}}]},)"
       R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"call_2","content":"no such file","is_error":true}]}]})"},
      {"openai-chat", "/v1/chat/completions",
       R"({"model":"demo","max_completion_tokens":300,"temperature":0.250,)"
       R"("messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"What is in \"a\"?"},)"
       R"({"role":"assistant","content":null,"tool_calls":[{"id":"call_2","type":"function","function":{"name":"read","arguments":"{\"path\":\"a\"}"}}]},)"
       R"({"role":"tool","tool_call_id":"call_2","content":"no such file"}],)"
       R"("tools":[{"type":"function","function":{"name":"read","parameters":{"type":"object","properties":{"limit":{},"path":{}},"additionalProperties":true}}}]})"},
      {"openai-responses", "/v1/responses",
       R"({"model":"demo","max_output_tokens":300,"temperature":0.250,"store":false,"instructions":"Be brief.",)"
       R"("input":[{"type":"message","role":"user","content":"What is in \"a\"?"},)"
       R"({"type":"function_call","call_id":"call_2","name":"read","arguments":"{\"path\":\"a\"}"},)"
       R"({"type":"function_call_output","call_id":"call_2","output":"no such file"}],)"
       R"("tools":[{"type":"function","name":"read","parameters":{"type":"object","properties":{"limit":{},"path":{}},"additionalProperties":true},"strict":false}]})"},
      {"command", "",
       R"({"model":"demo","max_tokens":300,"temperature":0.250,"system":"Be brief.",)"
       R"("tools":[{"name":"read","parameters":{"type":"object","properties":{"limit":{},"path":{}},"additionalProperties":true}}],)"
       R"("messages":[{"role":"user","text":"What is in \"a\"?"},)"
       R"({"role":"assistant","text":"","calls":[{"id":"call_2","name":"read","arguments":{"path":"a"}}]},)"
       R"({"role":"tools","results":[{"id":"call_2","text":"no such file","failed":true}]}]})"},
      {"gemini", "/v1beta/models/demo:generateContent",
       R"({"systemInstruction":{"parts":[{"text":"Be brief."}]},"contents":[{"role":"user","parts":[{"text":"What is in \"a\"?"}]},)"
       R"({"role":"model","parts":[{"functionCall":{"id":"call_2","name":"read","args":{"path":"a"}},"thoughtSignature":"skip_thought_signature_validator"}]},)"
       R"({"role":"user","parts":[{"functionResponse":{"id":"call_2","name":"read","response":{"error":"no such file"}}}]}],)"
       R"("tools":[{"functionDeclarations":[{"name":"read","parametersJsonSchema":{"type":"object","properties":{"limit":{},"path":{}},"additionalProperties":true}}]}],)"
       R"("generationConfig":{"maxOutputTokens":300,"temperature":0.250}})"},
  };
  EXPECT_EQ(std::size(samples), Providers().size());
  for (const Sample& sample : samples) {
    const Provider* provider = FindProvider(sample.provider);
    ASSERT_NE(provider, nullptr) << sample.provider;
    WireRequest wire = provider->encode(SomeRequest());
    EXPECT_EQ(wire.path, sample.path);
    EXPECT_EQ(wire.body, sample.body);
  }
  Request compatible = SomeRequest();
  compatible.compatible = true;
  EXPECT_NE(FindProvider("openai-chat")->encode(compatible).body.find(R"("max_tokens":300)"),
            std::string::npos);
}

struct Answered {
  std::string_view provider, body;
  Usage usage;
  std::string_view stop_reason;
};

// As the services answer.
const Answered kAnswers[] = {
    {"anthropic",
     R"({"id":"msg_1","type":"message","role":"assistant","model":"demo-1","content":[{"type":"thinking","thinking":"hm","signature":"x"},)"
     R"({"type":"text","text":"Look."},{"type":"tool_use","id":"toolu_1","name":"read","input":{"path":"a","limit":2.0}}],"stop_reason":"tool_use",)"
     R"("stop_sequence":null,"usage":{"input_tokens":10,"cache_creation_input_tokens":7,"cache_read_input_tokens":5,)"
     R"("cache_creation":{"ephemeral_5m_input_tokens":4,"ephemeral_1h_input_tokens":3},"output_tokens":20,"service_tier":"standard"}})",
     {.uncached_input = 10, .cache_read = 5, .cache_write_5m = 4, .cache_write_1h = 3, .output = 20},
     "tool_use"},
    {"openai-chat",
     R"({"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"demo-1","choices":[{"index":0,"message":{"role":"assistant",)"
     R"("content":"Look.","tool_calls":[{"id":"call_1","type":"function","function":{"name":"read","arguments":"{\"path\": \"a\", \"limit\": 2}"}}]},)"
     R"("finish_reason":"tool_calls"}],"usage":{"prompt_tokens":15,"completion_tokens":20,"total_tokens":35,)"
     R"("prompt_tokens_details":{"cached_tokens":5},"completion_tokens_details":{"reasoning_tokens":8}}})",
     {.uncached_input = 10, .cache_read = 5, .output = 20, .reasoning = 8},
     "tool_calls"},
    {"openai-responses",
     R"({"id":"resp_1","object":"response","status":"completed","model":"demo-1","error":null,"incomplete_details":null,"output":[)"
     R"({"id":"rs_1","type":"reasoning","summary":[]},{"id":"msg_1","type":"message","role":"assistant","content":[{"type":"output_text","text":"Look.","annotations":[]}]},)"
     R"({"id":"fc_1","type":"function_call","call_id":"call_1","name":"read","arguments":"{\"limit\":2,\"path\":\"a\"}"}],)"
     R"("usage":{"input_tokens":15,"input_tokens_details":{"cached_tokens":5},"output_tokens":20,"output_tokens_details":{"reasoning_tokens":8},"total_tokens":35}})",
     {.uncached_input = 10, .cache_read = 5, .output = 20, .reasoning = 8},
     "completed"},
    {"gemini",
     R"({"candidates":[{"content":{"role":"model","parts":[{"text":"hm","thought":true},{"text":"Look."},)"
     R"({"functionCall":{"id":"c1","name":"read","args":{"path":"a","limit":2}},"thoughtSignature":"c2ln"}]},"finishReason":"STOP","index":0}],)"
     R"("usageMetadata":{"promptTokenCount":15,"cachedContentTokenCount":5,"candidatesTokenCount":12,"thoughtsTokenCount":8,"totalTokenCount":35},)"
     R"("modelVersion":"demo-1","responseId":"r"})",
     {.uncached_input = 10, .cache_read = 5, .output = 20, .reasoning = 8},
     "STOP"},
    {"command",
     R"({"text":"Look.","model":"demo-1","calls":[{"id":"x","name":"read","arguments":{"path":"a","limit":2}}],"stop_reason":"tools",)"
     R"("usage":{"uncached_input":10,"cache_read":5,"output":20,"reasoning":8}})",
     {.uncached_input = 10, .cache_read = 5, .output = 20, .reasoning = 8},
     "tools"},
};

TEST(Provider, DecodesRepliesOfAll) {
  EXPECT_EQ(std::size(kAnswers), Providers().size());
  for (const Answered& answered : kAnswers) {
    Answer answer =
        FindProvider(answered.provider)->decode({.status = 200, .body = std::string(answered.body)});
    ASSERT_TRUE(answer.has_value()) << answered.provider << ": " << answer.error().message;
    EXPECT_EQ(answer->text, "Look.") << answered.provider;
    ASSERT_EQ(answer->calls.size(), 1U) << answered.provider;
    EXPECT_EQ(answer->calls[0].name, "read");
    EXPECT_EQ(answer->calls[0].args, R"({"limit":2,"path":"a"})") << answered.provider;
    EXPECT_FALSE(answer->calls[0].broken);
    EXPECT_EQ(answer->usage, answered.usage) << answered.provider;
    EXPECT_EQ(answer->stop_reason, answered.stop_reason);
    EXPECT_EQ(answer->model, "demo-1");
    EXPECT_FALSE(answer->cut);
  }
}

TEST(Provider, TellsErrorsByStatus) {
  const std::pair<int, CallErrorKind> kinds[] = {
      {429, CallErrorKind::kRateLimited}, {529, CallErrorKind::kRateLimited}, {500, CallErrorKind::kServer},
      {503, CallErrorKind::kServer},      {401, CallErrorKind::kRejected},    {400, CallErrorKind::kRejected},
      {302, CallErrorKind::kRejected},    {0, CallErrorKind::kRejected}};
  for (const Provider* provider : Providers()) {
    for (auto [status, kind] : kinds) {
      Answer answer =
          provider->decode({.status = status, .body = R"({"error":{"type":"x","message":"why\nmore"}})"});
      ASSERT_FALSE(answer.has_value());
      EXPECT_EQ(answer.error(), (CallError{kind, fmt::format("status {}: why", status), status}));
      EXPECT_EQ(provider->decode({.status = status, .body = "<html>"}).error().kind, kind);
    }
  }
}

TEST(Provider, ArgumentsThatAreNoJsonAreTheModelsFault) {
  Answer answer =
      FindProvider("openai-chat")
          ->decode(
              {.status = 200,
               .body =
                   R"({"choices":[{"message":{"content":null,"tool_calls":[{"id":"1","function":{"name":"f","arguments":"{\"a\":"}}]}}]})"});
  ASSERT_TRUE(answer.has_value());
  EXPECT_TRUE(answer->calls.at(0).broken);
  EXPECT_EQ(answer->calls.at(0).args, "{\"a\":");
}

// A model may end without a word; a reply that does not even say that it ended is none.
TEST(Provider, SilenceIsAnAnswerWhereItIsSaid) {
  const Provider& chat = *FindProvider("openai-chat");
  std::string body = R"({"choices":[{"message":{"content":""},"finish_reason":"stop"}]})";
  Answer silent = chat.decode({.status = 200, .body = body});
  ASSERT_TRUE(silent.has_value()) << silent.error().message;
  EXPECT_EQ(silent->stop_reason, "stop");
  EXPECT_FALSE(
      chat.decode({.status = 200, .body = R"({"choices":[{"message":{"content":""}}]})"}).has_value());
}

// The same replies in pieces, as the services stream them.
const std::pair<std::string_view, std::string_view> kStreams[] = {
    {"anthropic", R"(event: message_start
data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"demo-1","content":[],"stop_reason":null,"usage":{"input_tokens":10,"cache_creation_input_tokens":7,"cache_read_input_tokens":5,"cache_creation":{"ephemeral_5m_input_tokens":4,"ephemeral_1h_input_tokens":3},"output_tokens":1}}}

event: ping
data: {"type":"ping"}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Lo"}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"ok."}}

event: content_block_start
data: {"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_1","name":"read","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"path\":\"a\","}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"\"limit\":2.0}"}}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":20}}

event: message_stop
data: {"type":"message_stop"}

)"},
    {"openai-chat",
     R"(data: {"id":"c","model":"demo-1","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}

data: {"id":"c","model":"demo-1","choices":[{"index":0,"delta":{"content":"Look"},"finish_reason":null}]}

data: {"id":"c","model":"demo-1","choices":[{"index":0,"delta":{"content":"."},"finish_reason":null}]}

data: {"id":"c","model":"demo-1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"read","arguments":""}}]}}]}

data: {"id":"c","model":"demo-1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"path\": \"a\","}}]}}]}

data: {"id":"c","model":"demo-1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":" \"limit\": 2}"}}]}}]}

data: {"id":"c","model":"demo-1","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}],"usage":null}

data: {"id":"c","model":"demo-1","choices":[],"usage":{"prompt_tokens":15,"completion_tokens":20,"total_tokens":35,"prompt_tokens_details":{"cached_tokens":5},"completion_tokens_details":{"reasoning_tokens":8}}}

data: [DONE]

)"},
    {"openai-responses", R"(event: response.created
data: {"type":"response.created","response":{"status":"in_progress","output":[],"usage":null}}

event: response.output_text.delta
data: {"type":"response.output_text.delta","output_index":1,"delta":"Look."}

event: response.completed
data: {"type":"response.completed","response":{"id":"resp_1","object":"response","status":"completed","model":"demo-1","error":null,"incomplete_details":null,"output":[{"id":"rs_1","type":"reasoning","summary":[]},{"id":"msg_1","type":"message","role":"assistant","content":[{"type":"output_text","text":"Look.","annotations":[]}]},{"id":"fc_1","type":"function_call","call_id":"call_1","name":"read","arguments":"{\"limit\":2,\"path\":\"a\"}"}],"usage":{"input_tokens":15,"input_tokens_details":{"cached_tokens":5},"output_tokens":20,"output_tokens_details":{"reasoning_tokens":8},"total_tokens":35}}}

)"},
    {"gemini",
     "data: "
     "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"hm\",\"thought\":true}]},"
     "\"index\":0}],\"modelVersion\":\"demo-1\"}\r\n\r\n"
     "data: "
     "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"Lo\"}]},\"index\":0}]}\r\n\r\n"
     "data: "
     "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"ok.\"}]},\"index\":0}]}"
     "\r\n\r\n"
     "data: "
     "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"id\":\"c1\",\"name\":"
     "\"read\",\"args\":{\"path\":\"a\",\"limit\":2}},\"thoughtSignature\":\"c2ln\"}]},\"finishReason\":"
     "\"STOP\"}],"
     "\"usageMetadata\":{\"promptTokenCount\":15,\"cachedContentTokenCount\":5,\"candidatesTokenCount\":12,"
     "\"thoughtsTokenCount\":8},\"modelVersion\":\"demo-1\"}\r\n\r\n"},
};

std::optional<WireReply> Streamed(const Provider& provider, std::string_view bytes) {
  auto reader = provider.stream();
  ServerEvents events([&](std::string_view event, std::string_view data) { reader->Add(event, data); });
  events.Feed(bytes);
  return reader->Whole();
}

TEST(Provider, StreamsAreTheSameReply) {
  size_t streaming = 0;
  for (const Provider* provider : Providers()) streaming += provider->stream != nullptr;
  EXPECT_EQ(std::size(kStreams), streaming);
  for (auto [name, stream] : kStreams) {
    const Provider& provider = *FindProvider(name);
    auto whole = Streamed(provider, stream);
    ASSERT_TRUE(whole.has_value()) << name;
    Answer streamed = provider.decode(*whole);
    ASSERT_TRUE(streamed.has_value()) << name << ": " << streamed.error().message << whole->body;
    for (const Answered& answered : kAnswers) {
      if (answered.provider != name) continue;
      Answer at_once = provider.decode({.status = 200, .body = std::string(answered.body)});
      EXPECT_TRUE(*streamed == *at_once) << name << whole->body;
    }
  }
}

TEST(Provider, StreamsThatBreakOffAreNoReply) {
  for (auto [name, stream] : kStreams) {
    for (size_t size = 0; size + 2 < stream.size(); ++size)
      ASSERT_FALSE(Streamed(*FindProvider(name), stream.substr(0, size)).has_value()) << name << " " << size;
  }
}

TEST(Provider, ErrorsInAStreamAreErrorsOfTheirStatus) {
  const std::tuple<std::string_view, std::string_view, CallErrorKind> samples[] = {
      {"anthropic", R"({"type":"error","error":{"type":"overloaded_error","message":"why"}})",
       CallErrorKind::kRateLimited},
      {"anthropic", R"({"type":"error","error":{"type":"api_error","message":"why"}})",
       CallErrorKind::kServer},
      {"openai-chat", R"({"error":{"code":429,"message":"why"}})", CallErrorKind::kRateLimited},
      {"openai-responses",
       R"({"type":"response.failed","response":{"error":{"code":"server_error","message":"why"}}})",
       CallErrorKind::kServer},
      {"openai-responses", R"({"type":"error","code":"rate_limit_exceeded","message":"why"})",
       CallErrorKind::kRateLimited},
      {"gemini", R"({"error":{"code":503,"status":"UNAVAILABLE","message":"why"}})", CallErrorKind::kServer}};
  for (auto [name, data, kind] : samples) {
    const Provider& provider = *FindProvider(name);
    auto whole = Streamed(provider, fmt::format("data: {}\n\n", data));
    ASSERT_TRUE(whole.has_value()) << name;
    EXPECT_EQ(provider.decode(*whole).error().kind, kind) << name;
  }
}

// What a call is signed with goes back with it; the model's name cannot leave its place in the path.
TEST(Provider, GeminiSpeaksOfItsOwnThings) {
  const Provider& gemini = *FindProvider("gemini");
  Request request = SomeRequest();
  request.model = "models/a/../b?c", request.stream = true;
  request.turns[1].calls[0].mark = "c2ln";
  WireRequest wire = gemini.encode(request);
  EXPECT_EQ(wire.path, "/v1beta/models/a%2F..%2Fb%3Fc:streamGenerateContent?alt=sse");
  EXPECT_NE(wire.body.find(R"("thoughtSignature":"c2ln")"), std::string::npos) << wire.body;
  Answer refused = gemini.decode({.status = 200, .body = R"({"promptFeedback":{"blockReason":"SAFETY"}})"});
  EXPECT_EQ(refused.error().message, "the prompt was refused: SAFETY");
}

TEST(Provider, AskForStreams) {
  for (const Provider* provider : Providers()) {
    Request plain = SomeRequest(), streaming = SomeRequest();
    streaming.stream = true;
    WireRequest one = provider->encode(plain), other = provider->encode(streaming);
    EXPECT_EQ(one.path == other.path && one.body == other.body, provider->stream == nullptr)
        << provider->name;
  }
}

// The battery: every entry of the list, hostile bytes.
class Battery : public testing::TestWithParam<const Provider*> {};

TEST_P(Battery, EncodesTheSameTwiceAsOneDocument) {
  Request request = SomeRequest();
  request.turns[0].text = "\x80 \"\\ \n \x01 \xe2\x80\xa8";
  WireRequest first = GetParam()->encode(request), second = GetParam()->encode(request);
  EXPECT_EQ(first.body, second.body);
  JsonParser parser;
  EXPECT_TRUE(parser.Parse(first.body).has_value()) << first.body;
  for (const auto& [name, value] : first.headers) EXPECT_NE(name, "Authorization");
}

std::string_view BodyOf(const Provider* provider) {
  for (const Answered& answered : kAnswers) {
    if (answered.provider == provider->name) return answered.body;
  }
  return {};
}

TEST_P(Battery, TruncatedRepliesAreErrors) {
  std::string_view whole = BodyOf(GetParam());
  ASSERT_FALSE(whole.empty());
  for (size_t size = 0; size < whole.size(); ++size) {
    Answer answer = GetParam()->decode({.status = 200, .body = std::string(whole.substr(0, size))});
    ASSERT_FALSE(answer.has_value()) << whole.substr(0, size);
    EXPECT_EQ(answer.error().kind, CallErrorKind::kMalformed);
  }
}

// Each value by each other kind of value: a reply or an error, never a crash, and no usage that cannot be.
TEST_P(Battery, WrongTypesAreTaken) {
  std::string_view whole = BodyOf(GetParam());
  size_t errors = 0;
  for (size_t at = whole.find(':'); at != whole.npos; at = whole.find(':', at + 1)) {
    for (std::string_view other :
         {"null", "true", "-1", "9223372036854775807", "-9223372036854775808", "1e300", "\"x\"", "[]", "{}",
          "[[]]", "[1]", "[null]", "[{}]", "{\"type\":1}"}) {
      std::string changed =
          fmt::format("{}{},\"rest\":{}", whole.substr(0, at + 1), other, whole.substr(at + 1));
      Answer answer = GetParam()->decode({.status = 200, .body = changed});
      errors += !answer.has_value();
      if (answer && answer->usage) {
        EXPECT_TRUE(IsPlausible(*answer->usage)) << changed;
      }
      if (!answer) {
        EXPECT_LE(answer.error().message.size(), kMostErrorText);
      }
    }
  }
  EXPECT_GT(errors, 0U);
}

// A server may repeat what it was sent, or what others sent it.
TEST_P(Battery, ErrorsHoldNoSecrets) {
  std::string secret = "sk-ant-api03-" + std::string(93, 'b') + "AA";
  for (size_t before : {size_t{0}, kMostErrorText - 40}) {
    std::string body =
        R"({"error":{"message":")" + std::string(before, 'x') + " " + secret + R"( said no"}})";
    Answer answer = GetParam()->decode({.status = 400, .body = body});
    ASSERT_FALSE(answer.has_value());
    EXPECT_EQ(answer.error().message.find("bbbb"), std::string::npos) << answer.error().message;
    EXPECT_TRUE(answer.error().message.starts_with("status 400: "));
  }
}

TEST_P(Battery, EmptyAndForeignRepliesAreErrors) {
  std::string deep(100'000, '[');
  for (const std::string& body : {std::string("{}"), std::string("[]"), std::string("null"), std::string("1"),
                                  deep, std::string("{\"choices\":[]}"), std::string("{\"output\":{}}"),
                                  std::string("{\"content\":\"x\"}"), std::string("\0\xff", 2)}) {
    Answer answer = GetParam()->decode({.status = 200, .body = body});
    ASSERT_FALSE(answer.has_value()) << body.substr(0, 40);
    EXPECT_EQ(answer.error().kind, CallErrorKind::kMalformed);
  }
}

// Each value by another kind of value, within the events of a stream.
TEST_P(Battery, WrongTypesInStreamsAreTaken) {
  for (auto [name, stream] : kStreams) {
    if (name != GetParam()->name) continue;
    size_t decoded = 0;
    for (size_t at = stream.find("\":"); at != stream.npos; at = stream.find("\":", at + 1)) {
      for (std::string_view other : {"null", "-1", "1e300", "\"x\"", "[]", "{}", "[null]"}) {
        auto whole = Streamed(*GetParam(), fmt::format("{}{},\"rest\":{}", stream.substr(0, at + 2), other,
                                                       stream.substr(at + 2)));
        if (!whole) continue;
        Answer answer = GetParam()->decode(*whole);
        ++decoded;
        if (answer && answer->usage) {
          EXPECT_TRUE(IsPlausible(*answer->usage));
        }
      }
    }
    EXPECT_GT(decoded, 0U);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Battery, testing::ValuesIn(Providers()), [](const auto& provider) {
  std::string name(provider.param->name);
  for (char& c : name) c = c == '-' ? '_' : c;
  return name;
});

}  // namespace
}  // namespace clawtrace::llm
