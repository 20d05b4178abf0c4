#include "capture/otlp_protobuf.h"

#include <gtest/gtest.h>

#include "capture/otlp_test_util.h"

namespace clawtrace::capture {
namespace {

// A writer by the protobuf specification, independent of the reader.
std::string Varint(uint64_t value) {
  std::string out;
  for (; value >= 128; value /= 128) out += static_cast<char>(value % 128 + 128);
  return out + static_cast<char>(value);
}
std::string Bytes(uint32_t field, const std::string& content) {
  return Varint(field * 8 + 2) + Varint(content.size()) + content;
}
std::string Number(uint32_t field, uint64_t value) { return Varint(field * 8) + Varint(value); }
std::string Fixed(uint32_t field, uint64_t value) {
  std::string out = Varint(field * 8 + 1);
  for (int i = 0; i < 8; ++i, value /= 256) out += static_cast<char>(value % 256);
  return out;
}
std::string Text(const std::string& key, const std::string& value) {
  return Bytes(1, key) + Bytes(2, Bytes(1, value));
}
std::string Int(const std::string& key, int64_t value) {
  return Bytes(1, key) + Bytes(2, Number(3, static_cast<uint64_t>(value)));
}

const std::string kTrace = "0123456789abcdef", kSpan = "ABCDEFGH";
constexpr uint64_t kStart = 1'800'000'000'000'000'000;

std::string Span(const std::string& trace, const std::string& id, const std::string& more) {
  return Bytes(1, trace) + Bytes(2, id) + Bytes(5, "chat m") + Fixed(7, kStart) + Fixed(8, kStart + 5) + more;
}
std::string Request(const std::string& spans) {
  return Bytes(1, Bytes(1, Bytes(1, Text("service.name", "svc"))) +
                      Bytes(2, Bytes(1, Bytes(1, "scope") + Bytes(2, "1.2")) + spans));
}

struct Seen : OtlpVisitor {
  std::vector<std::string> spans, logs, points, unusable;
  std::vector<int64_t> offsets;  // of what is unusable
  void OnSpan(const OtlpAttributes& resource, const OtlpScope& scope, const OtlpSpan& span) override {
    std::string line = std::string(TextOf(resource, "service.name")) + " " + std::string(scope.name) + " " +
                       std::string(scope.version) + " " + span.trace_id + " " + span.span_id + " '" +
                       span.parent_id + "' " + std::string(span.name) + " " + std::to_string(span.status) +
                       " " + std::string(span.status_message);
    for (auto& attribute : span.attributes) {
      line += " " + std::string(attribute.key) + "=";
      AppendJson(attribute.value, &line);
    }
    for (auto& event : span.events)
      line += " event " + std::string(event.name) + std::to_string(event.attributes.size());
    spans.push_back(line);
  }
  void OnLog(const OtlpAttributes& resource, const OtlpScope& scope, const OtlpLog& log) override {
    std::string line = std::string(TextOf(resource, "service.name")) + " " + std::string(scope.name) + " " +
                       log.trace_id + " " + log.span_id + " " + std::string(log.event_name) + " " +
                       std::to_string(log.time_ns.value_or(0)) + " ";
    AppendJson(log.body, &line);
    for (auto& attribute : log.attributes) {
      line += " " + std::string(attribute.key) + "=";
      AppendJson(attribute.value, &line);
    }
    logs.push_back(line);
  }
  void OnPoint(const OtlpAttributes&, const OtlpScope& scope, const OtlpPoint& point) override {
    std::string line = std::string(scope.name) + " " + std::string(point.metric) +
                       (point.cumulative ? " cumulative " : " delta ") +
                       std::to_string(point.start_ns.value_or(0)) + " " +
                       std::to_string(point.time_ns.value_or(0)) + " " + std::to_string(point.value);
    for (auto& attribute : point.attributes) {
      line += " " + std::string(attribute.key) + "=";
      AppendJson(attribute.value, &line);
    }
    points.push_back(line);
  }
  void OnUnusable(int64_t offset, std::string_view reason) override {
    unusable.emplace_back(reason);
    offsets.push_back(offset);
  }
};

Seen Read(const std::string& bytes) {
  Seen seen;
  ReadOtlpProtobuf(bytes, &seen);
  return seen;
}

TEST(OtlpProtobuf, EveryFieldAndValueKind) {
  std::string list = Bytes(5, Bytes(1, Number(2, 1)) + Bytes(1, Fixed(4, 0x3ff8000000000000)));
  std::string map = Bytes(6, Bytes(1, Text("k", "v")));
  std::string more = Bytes(4, "parentid") + Number(6, 3) + Bytes(9, Int("n", -7)) +
                     Bytes(9, Bytes(1, "list") + Bytes(2, list)) + Bytes(9, Bytes(1, "map") + Bytes(2, map)) +
                     Bytes(11, Fixed(1, kStart) + Bytes(2, "ev") + Bytes(3, Text("a", "b"))) +
                     Bytes(15, Bytes(2, "broke") + Number(3, 2)) + Number(16, 257) +
                     Bytes(900, "later version");
  auto seen = Read(Request(Bytes(2, Span(kTrace, kSpan, more))));
  ASSERT_EQ(seen.spans.size(), 1u);
  EXPECT_EQ(seen.spans[0],
            "svc scope 1.2 30313233343536373839616263646566 4142434445464748 '706172656e746964' chat m 2 "
            "broke n=-7 "
            R"(list=[true,1.5] map={"k":"v"} event ev1)");
  EXPECT_TRUE(seen.unusable.empty());
}

TEST(OtlpProtobuf, ResourceAndScopeMayStandBehind) {
  std::string scope_spans = Bytes(2, Span(kTrace, kSpan, "")) + Bytes(1, Bytes(1, "late"));
  auto seen = Read(Bytes(1, Bytes(2, scope_spans) + Bytes(1, Bytes(1, Text("service.name", "svc")))));
  ASSERT_EQ(seen.spans.size(), 1u);
  EXPECT_TRUE(seen.spans[0].starts_with("svc late"));
}

TEST(OtlpProtobuf, BadSpansAreReportedAndTheRestIsRead) {
  std::string good = Bytes(2, Span(kTrace, kSpan, ""));
  auto seen = Read(Request(good + Bytes(2, Span("short", kSpan, "")) +
                           Bytes(2, Span(kTrace, std::string(8, '\0'), "")) +
                           Bytes(2, Span(kTrace, kSpan, Number(9, 4))) + good));
  EXPECT_EQ(seen.spans.size(), 2u);
  EXPECT_EQ(seen.unusable, (std::vector<std::string>{"bad-span-id", "bad-span-id", "bad-span"}));
}

TEST(OtlpProtobuf, DepthIsLimited) {
  std::string value = Bytes(1, "leaf");
  for (int i = 0; i < 2000; ++i) value = Bytes(5, Bytes(1, value));
  auto seen = Read(Request(Bytes(2, Span(kTrace, kSpan, Bytes(9, Bytes(1, "deep") + Bytes(2, value))))));
  ASSERT_EQ(seen.spans.size(), 1u);
  EXPECT_EQ(seen.unusable, std::vector<std::string>{"span-over-limit"});
  EXPECT_EQ(seen.spans[0].find("leaf"), std::string::npos);
}

TEST(OtlpProtobuf, InvalidUtf8IsRepaired) {
  auto seen = Read(Request(Bytes(2, Span(kTrace, kSpan,
                                         Bytes(9, Text("k",
                                                       "a\xff"
                                                       "b"))))));
  ASSERT_EQ(seen.spans.size(), 1u);
  EXPECT_NE(seen.spans[0].find("a\xEF\xBF\xBD"
                               "b"),
            std::string::npos);
  EXPECT_EQ(seen.unusable, std::vector<std::string>{"invalid-utf8-repaired"});
}

TEST(OtlpProtobuf, EveryTruncationEndsAndSaysSo) {
  std::string whole = Request(Bytes(2, Span(kTrace, kSpan, Bytes(9, Int("n", 300)))) +
                              Bytes(2, Span(kTrace, "IJKLMNOP", "")));
  for (size_t size = 1; size < whole.size(); ++size) {
    auto seen = Read(whole.substr(0, size));
    EXPECT_FALSE(seen.unusable.empty()) << size;
    EXPECT_LE(seen.spans.size(), 1u);
  }
  EXPECT_EQ(Read(whole).spans.size(), 2u);
}

// Found by fuzzing: the offset was taken from a pointer that the failed read had cleared.
TEST(OtlpProtobuf, OffsetsOfBrokenFieldsLieInTheInput) {
  // A fixed64, a fixed32 and a length, each cut off by the end of its message.
  for (const std::string& cut :
       {Varint(7 * 8 + 1) + "ab", Varint(7 * 8 + 5) + "a", Varint(7 * 8 + 2) + "\xff"}) {
    std::string request = Request(Bytes(2, Span(kTrace, kSpan, "")) + cut);
    auto seen = Read(request);
    EXPECT_EQ(seen.unusable, std::vector<std::string>{"bad-protobuf"});
    ASSERT_EQ(seen.offsets.size(), 1u);
    EXPECT_EQ(seen.offsets[0], static_cast<int64_t>(request.size()));
  }
}

TEST(OtlpProtobuf, MalformedFieldsEnd) {
  for (const std::string& bad : {std::string(20, '\xff'), std::string("\x0b"), std::string("\x00", 1),
                                 std::string("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")}) {
    WireReader reader(bad);
    while (reader.Next()) {
    }
    EXPECT_TRUE(reader.failed() || reader.cut());
  }
}

std::string LogRecord(const std::string& more) {
  return Fixed(1, kStart) + Number(2, 9) + Bytes(3, "INFO") + Bytes(5, Bytes(1, "hello")) + more +
         Bytes(9, kTrace) + Bytes(10, kSpan);
}

TEST(OtlpProtobuf, LogRecords) {
  auto seen = Read(Request(Bytes(2, LogRecord(Bytes(6, Text("event.name", "x")) + Bytes(12, "named"))) +
                           Bytes(2, Fixed(11, 7) + Bytes(5, Bytes(1, "observed only")))));
  EXPECT_TRUE(seen.unusable.empty());
  std::string ids = OtlpIdFromBytes(kTrace, 16) + " " + OtlpIdFromBytes(kSpan, 8);
  ASSERT_EQ(seen.logs.size(), 2u);
  EXPECT_TRUE(
      seen.logs[0].ends_with(ids + " named " + std::to_string(kStart) + " \"hello\" event.name=\"x\""))
      << seen.logs[0];
  EXPECT_TRUE(seen.logs[1].ends_with("   7 \"observed only\"")) << seen.logs[1];
  // A broken record is named, the rest is read.
  seen = Read(Request(Bytes(2, LogRecord("")) + Bytes(2, Fixed(1, 5) + Bytes(6, "\x0a\x7f")) +
                      Bytes(2, LogRecord(""))));
  EXPECT_EQ(seen.logs.size(), 2u);
  EXPECT_EQ(seen.unusable, std::vector<std::string>{"bad-log-record"});
}

TEST(OtlpProtobuf, MetricPoints) {
  std::string whole = Fixed(2, 1) + Fixed(3, 2) + Fixed(6, 40) + Bytes(7, Text("type", "input"));
  std::string real = Fixed(3, 2) + Fixed(4, 0x3ff8000000000000);
  std::string sum = Bytes(1, "tokens") + Bytes(7, Bytes(1, whole) + Bytes(1, real) + Number(2, 2));
  std::string point = Fixed(3, 9) + Fixed(4, 3) + Fixed(5, 0x3ff8000000000000) + Bytes(9, Text("k", "v"));
  std::string histogram = Bytes(1, "sizes") + Bytes(9, Bytes(1, point) + Number(2, 1));
  std::string gauge = Bytes(1, "level") + Bytes(5, Bytes(1, whole));
  auto seen = Read(Request(Bytes(2, sum) + Bytes(2, histogram) + Bytes(2, gauge)));
  EXPECT_TRUE(seen.unusable.empty());
  ASSERT_EQ(seen.points.size(), 3u) << "gauges are no counters";
  EXPECT_TRUE(seen.points[0].ends_with("tokens cumulative 1 2 40.000000 type=\"input\"")) << seen.points[0];
  EXPECT_TRUE(seen.points[1].ends_with("tokens cumulative 0 2 1.500000")) << seen.points[1];
  EXPECT_TRUE(seen.points[2].ends_with("sizes delta 0 9 1.500000 k=\"v\"")) << seen.points[2];
}

TEST(OtlpProtobuf, SniffKnowsTheSignals) {
  std::string resource = Bytes(1, Bytes(1, Text("service.name", "svc"))), scope = Bytes(1, Bytes(1, "scope"));
  auto request = [&](const std::string& item) {
    return Bytes(1, resource + Bytes(2, scope + Bytes(2, item)));
  };
  EXPECT_TRUE(LooksLikeOtlpProtobuf(Request(Bytes(2, Span(kTrace, kSpan, "")))));
  // Cut inside a large attribute of the first item.
  std::string large = Bytes(9, Text("k", std::string(100'000, 'x')));
  std::string span = Request(Bytes(2, Span(kTrace, kSpan, large)));
  EXPECT_TRUE(LooksLikeOtlpProtobuf(std::string_view(span).substr(0, kHeadBytes)));
  std::string log = LogRecord(Bytes(6, Text("k", std::string(100'000, 'x'))));
  EXPECT_TRUE(LooksLikeOtlpProtobuf(std::string_view(request(log)).substr(0, kHeadBytes)));
  // A metric whose name and description have the sizes of a trace and a span id.
  std::string metric = Bytes(1, "gen_ai.some.name") + Bytes(2, "8 bytes!") + Bytes(3, "s") +
                       Bytes(5, Bytes(1, Fixed(3, kStart)));
  EXPECT_TRUE(LooksLikeOtlpProtobuf(request(metric)));
  EXPECT_TRUE(Read(request(metric)).spans.empty());
  // None of the three: a time of no time's type, a metric without data, ids without a start.
  for (const std::string& other :
       {Bytes(1, "time") + Bytes(5, "body"), Bytes(1, "name") + Bytes(2, "text"), Fixed(1, 0) + Bytes(5, ""),
        Bytes(1, kTrace) + Bytes(2, kSpan), Fixed(1, kStart) + Bytes(9, "no trace id")}) {
    EXPECT_FALSE(LooksLikeOtlpProtobuf(request(other)));
  }
  EXPECT_FALSE(LooksLikeOtlpProtobuf(""));
  EXPECT_FALSE(LooksLikeOtlpProtobuf("\n\n\n\n"));
  EXPECT_FALSE(LooksLikeOtlpProtobuf(Bytes(1, resource)));
}

// Both encodings of one span give one fact.
TEST(OtlpProtobuf, JsonSaysTheSame) {
  std::string more = Bytes(9, Text("gen_ai.operation.name", "chat")) +
                     Bytes(9, Int("gen_ai.usage.input_tokens", 5)) + Bytes(15, Number(3, 1));
  test::OtlpLog binary, json;
  test::FeedText(Request(Bytes(2, Span(kTrace, kSpan, more))), &binary);
  test::FeedText(
      R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"svc"}}]},
    "scopeSpans":[{"scope":{"name":"scope","version":"1.2"},"spans":[{"traceId":"30313233343536373839616263646566",
    "spanId":"4142434445464748","parentSpanId":"","flags":257,"name":"chat m","kind":1,"startTimeUnixNano":"1800000000000000000",
    "endTimeUnixNano":1800000000000000005,"attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},
    {"key":"gen_ai.usage.input_tokens","value":{"intValue":"5"}}],"status":{"code":1}}]}]}]})",
      &json);
  EXPECT_TRUE(binary.skips.empty());
  EXPECT_TRUE(json.skips.empty());
  ASSERT_EQ(binary.facts.size(), 1u);
  EXPECT_EQ(test::Encoded(binary.facts), test::Encoded(json.facts));
}

}  // namespace
}  // namespace clawtrace::capture
