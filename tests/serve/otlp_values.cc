// Values that exporters should not send, or seldom do: both encodings give the same facts and texts, what
// cannot be read is unknown and counted, and nothing becomes another number.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "capture/importer.h"
#include "capture/receiver.h"
#include "support/split_request.h"

namespace clawtrace {
namespace {

using capture::Encoding;
using capture::Received;
using test::Field;
using testing::HasSubstr;

constexpr std::string_view kTraceHex = "30313233343536373839616263646566", kSpanHex = "4142434445464748";
constexpr std::string_view kTraceBytes = "0123456789abcdef", kSpanBytes = "ABCDEFGH";
constexpr uint64_t kStart = 1'800'000'000'000'000'000, kEnd = kStart + 5'000'000;

std::string Varint(uint32_t field, uint64_t value) {
  std::string out;
  test::AppendVarint(field << 3, &out);
  test::AppendVarint(value, &out);
  return out;
}
std::string Fixed64(uint32_t field, uint64_t value) {
  std::string out;
  test::AppendVarint(field << 3 | 1, &out);
  for (int i = 0; i < 8; ++i) out += static_cast<char>(value >> (8 * i));
  return out;
}
std::string Double(double value) { return Fixed64(4, std::bit_cast<uint64_t>(value)); }

// An attribute in both encodings: the value's JSON and its protobuf.
struct Attribute {
  std::string key, json, protobuf;
};
const Attribute kChat = {"gen_ai.operation.name", R"({"stringValue":"chat"})", Field(1, "chat")};

struct Span {
  std::string start_json = "\"" + std::to_string(kStart) + "\"",
              end_json = "\"" + std::to_string(kEnd) + "\"";
  uint64_t start = kStart, end = kEnd;
  std::vector<Attribute> attributes = {kChat};
};

std::string JsonOf(const Span& span) {
  std::string list;
  for (const Attribute& attribute : span.attributes)
    list += std::string(list.empty() ? "" : ",") + R"({"key":")" + attribute.key + R"(","value":)" +
            attribute.json + "}";
  return R"({"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":")" + std::string(kTraceHex) +
         R"(","spanId":")" + std::string(kSpanHex) + R"(","name":"chat m","startTimeUnixNano":)" +
         span.start_json + R"(,"endTimeUnixNano":)" + span.end_json + R"(,"attributes":[)" + list +
         "]}]}]}]}";
}

std::string ProtobufOf(const Span& span) {
  std::string bytes = Field(1, kTraceBytes) + Field(2, kSpanBytes) + Field(5, "chat m") +
                      Fixed64(7, span.start) + Fixed64(8, span.end);
  for (const Attribute& attribute : span.attributes)
    bytes += Field(9, Field(1, attribute.key) + Field(2, attribute.protobuf));
  return Field(1, Field(2, Field(2, bytes)));
}

Received Read(Encoding encoding, std::string_view body, std::string_view receiver = "otlp-traces") {
  auto received = capture::FindReceiver(receiver)->receive(encoding, body);
  EXPECT_TRUE(received) << body;
  return received ? std::move(*received) : Received();
}

// What both encodings give; they must agree in facts and texts.
Received Both(const Span& span) {
  Received json = Read(Encoding::kJson, JsonOf(span)), binary = Read(Encoding::kProtobuf, ProtobufOf(span));
  EXPECT_EQ(json.texts, binary.texts);
  EXPECT_EQ(json.facts.size(), 1u);
  EXPECT_EQ(binary.facts.size(), 1u);
  if (json.facts.size() == 1 && binary.facts.size() == 1) {
    EXPECT_EQ(EncodeFact(json.facts[0]), EncodeFact(binary.facts[0]));
  }
  return json;
}

std::string Texts(const Received& received) {
  std::string all;
  for (const capture::ReceivedText& text : received.texts) all += text.part + "=" + text.bytes + "\n";
  return all;
}

TEST(OtlpValues, TimesThatNoClockShowsAreUnknown) {
  for (const char* time :
       {"\"-5\"", "-5", "\"99999999999999999999999\"", "99999999999999999999999", "\"18446744073709551615\"",
        "18446744073709551615", "1.5e300", "\"soon\"", "1.5", "true", "[]"}) {
    Span span;
    span.end_json = time, span.end = UINT64_MAX;
    Received received = Both(span);
    EXPECT_EQ(received.facts.at(0).end_ns, std::nullopt) << time;
    EXPECT_EQ(received.facts.at(0).start_ns, kStart);
    EXPECT_EQ(received.warnings["unusable-value"], 1) << time;
    EXPECT_EQ(Read(Encoding::kProtobuf, ProtobufOf(span)).warnings["unusable-value"], 1);
  }
  for (const char* unset : {"0", "\"0\"", "null"}) {
    Span span;
    span.end_json = unset, span.end = 0;
    Received received = Both(span);
    EXPECT_EQ(received.facts.at(0).end_ns, std::nullopt) << unset;
    EXPECT_EQ(received.Message("spans"), "") << unset;
  }
  Span last;
  last.end_json = "\"9223372036854775807\"", last.end = INT64_MAX;
  EXPECT_EQ(Both(last).facts.at(0).end_ns, INT64_MAX);
}

TEST(OtlpValues, IntegersBeyond64BitsAreUnknown) {
  for (const char* number : {"\"99999999999999999999\"", "99999999999999999999", "9223372036854775808",
                             "\"9223372036854775808\"", "1e30", "12.5", "\"12x\"", "\"\"", "{}"}) {
    Span span;
    span.attributes.push_back(
        {"gen_ai.usage.input_tokens", R"({"intValue":)" + std::string(number) + "}", ""});
    span.attributes.push_back({"gen_ai.usage.output_tokens", R"({"intValue":"3"})", Varint(3, 3)});
    Received received = Both(span);
    EXPECT_EQ(received.warnings["unusable-value"], 1) << number;
    EXPECT_THAT(Texts(received), HasSubstr(R"("gen_ai.usage.input_tokens":null)")) << number;
    ASSERT_TRUE(received.facts.at(0).llm);
    const auto& usage = received.facts.at(0).llm->usage;
    EXPECT_TRUE(!usage || usage->prompt() == 0) << number;
  }
}

TEST(OtlpValues, LargestAndNegativeIntegersAreNoTokens) {
  for (int64_t number : {INT64_MAX, INT64_MIN, int64_t{-1}}) {
    Span span;
    std::string json = R"({"intValue":")" + std::to_string(number) + "\"}";
    span.attributes.push_back({"gen_ai.usage.input_tokens", json, Varint(3, static_cast<uint64_t>(number))});
    span.attributes.push_back({"gen_ai.usage.output_tokens", json, Varint(3, static_cast<uint64_t>(number))});
    Received received = Both(span);
    EXPECT_THAT(Texts(received), HasSubstr(R"("gen_ai.usage.input_tokens":)" + std::to_string(number) + ","));
    capture::FindImporter("otlp")->resolve(&received.facts);
    for (const Fact& fact : received.facts) {
      if (fact.llm && fact.llm->usage) {
        EXPECT_EQ(fact.llm->usage->total(), 0);
      }
    }
  }
}

TEST(OtlpValues, DoublesThatAreNoNumbers) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  Span span;
  span.attributes.push_back({"a.nan", R"({"doubleValue":"NaN"})", Double(std::nan(""))});
  span.attributes.push_back({"a.inf", R"({"doubleValue":"Infinity"})", Double(kInf)});
  span.attributes.push_back({"a.less", R"({"doubleValue":"-Infinity"})", Double(-kInf)});
  span.attributes.push_back({"a.text", R"({"doubleValue":"1.25"})", Double(1.25)});
  span.attributes.push_back({"gen_ai.usage.input_tokens", R"({"doubleValue":"NaN"})", Double(std::nan(""))});
  span.attributes.push_back({"gen_ai.usage.cost", R"({"doubleValue":"Infinity"})", Double(kInf)});
  Received received = Both(span);
  EXPECT_THAT(Texts(received),
              HasSubstr(R"("a.nan":"NaN","a.inf":"Infinity","a.less":"-Infinity","a.text":1.25)"));
  EXPECT_EQ(received.Message("spans"), "");
  ASSERT_TRUE(received.facts.at(0).llm);
  EXPECT_FALSE(received.facts.at(0).llm->usage);
  EXPECT_FALSE(received.facts.at(0).llm->reported_cost);
}

TEST(OtlpValues, BytesAreKeptInBase64) {
  std::string raw(
      "\0\xff\xfe"
      "abc",
      6),
      large(600, '\x80');
  Span span;
  span.attributes.push_back({"a.bytes", R"({"bytesValue":"AP/+YWJj"})", Field(7, raw)});
  span.attributes.push_back({"a.url", R"({"bytesValue":"AP_-YWJj"})", Field(7, raw)});
  span.attributes.push_back({"a.empty", R"({"bytesValue":""})", Field(7, "")});
  std::string coded;
  for (size_t i = 0; i < large.size() / 3; ++i) coded += "gICA";
  span.attributes.push_back({"a.large", R"({"bytesValue":")" + coded + "\"}", Field(7, large)});
  Received received = Both(span);
  EXPECT_THAT(Texts(received), HasSubstr(R"("a.bytes":"AP/+YWJj","a.url":"AP/+YWJj","a.empty":"")"));
  EXPECT_THAT(Texts(received), HasSubstr("a.large=" + coded + "\n"));
  Span broken;
  broken.attributes.push_back({"a.bytes", R"({"bytesValue":"A"})", ""});
  EXPECT_EQ(Both(broken).warnings["unusable-value"], 1);
}

TEST(OtlpValues, ValuesOfAnotherTypeThanTheirNameAreUnknown) {
  for (const char* value : {R"({"stringValue":5})", R"({"boolValue":"yes"})", R"({"doubleValue":"x"})",
                            R"({"doubleValue":"1e999"})", R"({"doubleValue":"inf"})"}) {
    Span span;
    span.attributes.push_back({"a", value, ""});
    Received received = Both(span);
    EXPECT_EQ(received.warnings["unusable-value"], 1) << value;
    EXPECT_THAT(Texts(received), HasSubstr(R"("a":null)")) << value;
  }
}

TEST(OtlpValues, OfAttributesWithOneNameTheFirstCounts) {
  Span span;
  span.attributes.push_back({"gen_ai.usage.input_tokens", R"({"intValue":"7"})", Varint(3, 7)});
  span.attributes.push_back({"gen_ai.usage.input_tokens", R"({"intValue":"8"})", Varint(3, 8)});
  Received received = Both(span);
  EXPECT_THAT(Texts(received), HasSubstr(R"("gen_ai.usage.input_tokens":7})"));
  ASSERT_TRUE(received.facts.at(0).llm && received.facts.at(0).llm->usage);
  EXPECT_EQ(received.facts.at(0).llm->usage->prompt(), 7);
}

// As protobuf reads fields that come twice: of lists all count, else the last. It is told from.
TEST(OtlpValues, RepeatedKeysLoseNothing) {
  std::string once = JsonOf({}), twice = once;
  std::string list = once.substr(1, once.size() - 2);
  list.replace(list.find(kSpanHex), kSpanHex.size(), "4142434445464749");
  twice.insert(twice.size() - 1, "," + list);
  Received received = Read(Encoding::kJson, twice);
  EXPECT_EQ(received.items, 2);
  EXPECT_EQ(received.facts.size(), 2u);
  EXPECT_EQ(received.warnings["repeated-key"], 1);
  std::string names = once;
  names.insert(names.find("\"name\""), "\"startTimeUnixNano\":\"12\",");
  Received last = Read(Encoding::kJson, names);
  EXPECT_EQ(EncodeFact(last.facts.at(0)), EncodeFact(Read(Encoding::kJson, once).facts.at(0)));
  EXPECT_EQ(last.warnings["repeated-key"], 1);
  EXPECT_FALSE(capture::FindReceiver("otlp-traces")
                   ->receive(Encoding::kJson, R"({"resourceSpans":[],"resourceSpans":5})"));
}

TEST(OtlpValues, PointsOfNoNumberAreNone) {
  auto json = [](std::string_view value) {
    return R"({"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"claude_code.token.usage","sum":{"dataPoints":[)"
           R"({"timeUnixNano":"5","attributes":[{"key":"type","value":{"stringValue":"input"}},)"
           R"({"key":"session.id","value":{"stringValue":"s"}}],)" +
           std::string(value) + "}]}}]}]}]}";
  };
  auto binary = [](std::string_view value) {
    std::string point = Fixed64(3, 5) + Field(7, Field(1, "type") + Field(2, Field(1, "input"))) +
                        Field(7, Field(1, "session.id") + Field(2, Field(1, "s"))) + std::string(value);
    return Field(1, Field(2, Field(2, Field(1, "claude_code.token.usage") + Field(7, Field(1, point)))));
  };
  auto facts = [](const Received& received) {
    std::string all;
    for (const Fact& fact : received.facts) all += EncodeFact(fact);
    return all;
  };
  for (auto [text, bytes, known] :
       {std::tuple<const char*, std::string, bool>{R"("asInt":"12")", Fixed64(6, 12), true},
        {R"("asDouble":12.0)", Double(12), true},
        {R"("asDouble":"NaN")", Double(std::nan("")), false},
        {R"("asDouble":-1)", Double(-1), false},
        {R"("asDouble":1e300)", Double(1e300), false}}) {
    Received one = Read(Encoding::kJson, json(text), "otlp-metrics"),
             other = Read(Encoding::kProtobuf, binary(bytes), "otlp-metrics");
    EXPECT_EQ(facts(one), facts(other)) << text;
    EXPECT_EQ(one.items, 1) << text;
    EXPECT_EQ(other.items, 1) << text;
    EXPECT_EQ(one.facts.size(), known ? 1u : 0u) << text;
  }
  Received none = Read(Encoding::kJson, json(R"("asInt":"99999999999999999999")"), "otlp-metrics");
  EXPECT_TRUE(none.facts.empty());
  EXPECT_EQ(none.warnings["unusable-value"], 1);
}

}  // namespace
}  // namespace clawtrace
