// The three signals of OTLP, protobuf and JSON. What is malformed by the encoding refuses the whole request;
// items without valid ids are refused alone. docs/collector.md has the rules.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/json.h"
#include "base/text.h"
#include "capture/lenient_json.h"
#include "capture/otlp_json.h"
#include "capture/otlp_protobuf.h"
#include "capture/otlp_record.h"
#include "capture/receiver.h"

namespace clawtrace::capture {
namespace {

using Kind = SpanRecord::Kind;

// Shorter texts stay together in one part; a fact holds their start anyway.
constexpr size_t kLongText = 512;
constexpr size_t kMaxParts = 64;  // of one call; what is beyond goes to the common part
// Commas, colons and brackets of a JSON request bound what its parse needs.
constexpr size_t kMaxJsonTokens = size_t{8} << 20;

constexpr auto kRejected = std::to_array<std::string_view>({"bad-span-id"});
constexpr auto kChanged = std::to_array<std::string_view>(
    {"span-over-limit", "log-record-over-limit", "invalid-utf8-repaired", kUnusableValue, kRepeatedKey});

// A trace of its own that ran while a tool call of the same process did was perhaps started by that call:
// they have to be resolved together. Sees what comes in one request.
class Nesting {
 public:
  void See(const SpanRecord& record) {
    if (record.event || record.instance.empty() || !record.start_ns || !record.end_ns) return;
    Trace& trace = traces_[record.trace_id];
    trace.start = std::min(trace.start, *record.start_ns), trace.end = std::max(trace.end, *record.end_ns);
    trace.named = trace.named || !record.conversation.empty();
    trace.calls = trace.calls || record.kind == Kind::kLlm;
    trace.instance = record.instance;
    if (record.kind == Kind::kTool && tools_.size() < kMost)
      tools_.push_back({record.trace_id, record.instance, *record.start_ns, *record.end_ns});
  }
  void AddLinks(std::vector<ReceivedLink>* links) const {
    size_t looked = 0;
    for (const auto& [id, trace] : traces_) {
      if (trace.named || !trace.calls || ++looked > kMost) continue;
      for (const Tool& tool : tools_) {
        bool around = tool.start <= trace.start && tool.end >= trace.end;
        if (around && tool.trace_id != id && tool.instance == trace.instance)
          links->push_back({id, tool.trace_id});
      }
    }
  }

 private:
  static constexpr size_t kMost = 1000;  // of each that are compared
  struct Trace {
    std::string instance;
    int64_t start = INT64_MAX, end = INT64_MIN;
    bool named = false, calls = false;
  };
  struct Tool {
    std::string trace_id, instance;
    int64_t start, end;
  };
  std::map<std::string, Trace> traces_;
  std::vector<Tool> tools_;
};

class Collector final : public OtlpVisitor {
 public:
  Received& received() { return received_; }
  Received Take() {
    nesting_.AddLinks(&received_.links);
    return std::move(received_);
  }
  bool malformed() const { return malformed_; }
  const std::string& why() const { return why_; }
  bool too_many() const { return received_.items > kMaxReceivedItems; }

  void OnSpan(const OtlpAttributes& resource, const OtlpScope& scope, const OtlpSpan& span) final {
    if (Count()) Add(ReadSpan(resource, scope, span, &parser_), span.attributes, nullptr);
  }

  void OnLog(const OtlpAttributes& resource, const OtlpScope& scope, const OtlpLog& log) final {
    if (!Count()) return;
    if (auto record = ReadEvent(resource, scope, log, &parser_))
      Add(std::move(*record), log.attributes, &log.body);
  }

  // Counters check what spans and events tell of a session; one that names none checks nothing.
  void OnPoint(const OtlpAttributes& resource, const OtlpScope& scope, const OtlpPoint& point) final {
    if (!Count()) return;
    auto record = ReadPoint(resource, scope, point);
    if (!record) return;
    if (record->conversation.empty())
      ++received_.warnings["point-without-session"];
    else
      Add(std::move(*record), {}, nullptr);
  }

  void OnUnusable(int64_t, std::string_view reason) final {
    if (std::ranges::find(kRejected, reason) != kRejected.end()) {
      if (Count()) ++received_.rejected[std::string(reason)];
    } else if (std::ranges::find(kChanged, reason) != kChanged.end()) {
      ++received_.warnings[std::string(reason)];
    } else if (!malformed_) {
      malformed_ = true;
      why_ = reason;
    }
  }

 private:
  bool Count() { return ++received_.items <= kMaxReceivedItems; }

  void Add(SpanRecord record, const OtlpAttributes& attributes, const OtlpValue* body) {
    if (!record.conversation.empty() && record.conversation != record.trace_id) {
      ReceivedLink link{record.trace_id, record.conversation};
      if (received_.links.empty() || received_.links.back() != link)
        received_.links.push_back(std::move(link));
    }
    nesting_.See(record);
    AddTexts(record, attributes, body);
    received_.facts.push_back(EncodeRecord(std::move(record)));
  }

  void AddTexts(const SpanRecord& record, const OtlpAttributes& attributes, const OtlpValue* body) {
    std::string id = ResolvedId(record);
    if (id.empty()) return;
    auto add = [&](std::string part, std::string bytes) {
      received_.texts.push_back(
          {std::string(kOtlpSource), record.trace_id, id, std::move(part), std::move(bytes)});
    };
    std::string rest;
    size_t parts = 0;
    std::set<std::string_view> seen;
    for (const OtlpAttribute& attribute : attributes) {
      const OtlpValue& value = attribute.value;
      // As in the facts: of attributes with one name the first counts.
      if (!seen.insert(attribute.key).second) continue;
      bool tree = value.kind == OtlpValue::Kind::kList || value.kind == OtlpValue::Kind::kMap;
      bool apart = parts < kMaxParts && (tree || value.text.size() >= kLongText);
      if (apart) {
        ++parts;
        std::string bytes;
        if (tree)
          AppendJson(value, &bytes);
        else
          bytes = value.text;
        add(Part(attribute.key), std::move(bytes));
        continue;
      }
      rest += rest.empty() ? '{' : ',';
      AppendJsonString(attribute.key, &rest);
      rest += ':';
      AppendJson(value, &rest);
    }
    if (body && body->kind != OtlpValue::Kind::kNone) {
      std::string bytes;
      AppendJson(*body, &bytes);
      if (bytes.size() >= kLongText) add("body", std::move(bytes));
    }
    if (!rest.empty()) add("attributes", rest + '}');
  }

  static std::string Part(std::string_view key) { return OtlpName(key); }

  Received received_;
  Nesting nesting_;
  JsonParser parser_;  // of JSON inside attributes
  bool malformed_ = false;
  std::string why_;
};

std::unexpected<Error> NotARequest(std::string_view why) {
  return Fail(ErrorCode::kInvalidInput, "no OTLP request: " + std::string(why));
}

bool TooManyTokens(std::string_view json) {
  size_t tokens = 0;
  for (char c : json) tokens += c == ',' || c == ':' || c == '[' || c == '{';
  return tokens > kMaxJsonTokens;
}

// Another signal's request, sent to the wrong path: it is no error by the protocol, and all of it is lost.
constexpr std::string_view kOnlyOther = "nothing-of-this-signal";

bool HoldsOnlyOther(Json request, OtlpSignal signal) {
  std::string_view list = signal == OtlpSignal::kSpans  ? "resourceSpans"
                          : signal == OtlpSignal::kLogs ? "resourceLogs"
                                                        : "resourceMetrics";
  bool own = false, other = false;
  request.ForEachField([&](std::string_view key, Json value) {
    if (key == list)
      value.ForEachItem([&](Json) { own = true; });
    else
      other = true;
  });
  return other && !own;
}

Status ReadJson(std::string_view body, OtlpSignal signal, Collector* collector) {
  if (TooManyTokens(body)) return Fail(ErrorCode::kLimit, "the request holds too many values");
  LenientJson parser;
  auto json = parser.Parse(body);
  if (!json) return NotARequest(parser.why());
  if (!json->is_object()) return NotARequest("not an object");
  if (parser.repaired()) ++collector->received().warnings["invalid-utf8-repaired"];
  if (!ReadOtlpJson(*json, signal, collector)) return NotARequest("its list is none");
  if (HoldsOnlyOther(*json, signal)) ++collector->received().warnings[std::string(kOnlyOther)];
  return {};
}

Result<Received> Receive(Encoding encoding, std::string_view body, OtlpSignal signal) {
  Collector collector;
  if (encoding == Encoding::kProtobuf) {
    if (!ReadOtlpProtobuf(body, signal, &collector))
      return NotARequest(collector.why().empty() ? "bad-protobuf" : collector.why());
    if (collector.received().items == 0 && HoldsOnlyOther(body, signal))
      ++collector.received().warnings[std::string(kOnlyOther)];
  } else if (!Trim(body).empty()) {
    CT_RETURN_IF_ERROR(ReadJson(body, signal, &collector));
  }
  if (collector.malformed()) return NotARequest(collector.why());
  if (collector.too_many())
    return Fail(ErrorCode::kLimit, "the request holds more than 100000 items", "send smaller batches");
  return collector.Take();
}

}  // namespace

extern const Receiver kOtlpTraces, kOtlpLogs, kOtlpMetrics;
const Receiver kOtlpTraces = {
    .name = "otlp-traces",
    .source = kOtlpSource,
    .unit = "spans",
    .protobuf = true,
    .receive = [](Encoding encoding,
                  std::string_view body) { return Receive(encoding, body, OtlpSignal::kSpans); },
};
const Receiver kOtlpLogs = {
    .name = "otlp-logs",
    .source = kOtlpSource,
    .unit = "log records",
    .protobuf = true,
    .receive = [](Encoding encoding,
                  std::string_view body) { return Receive(encoding, body, OtlpSignal::kLogs); },
};
const Receiver kOtlpMetrics = {
    .name = "otlp-metrics",
    .source = kOtlpSource,
    .unit = "data points",
    .protobuf = true,
    .receive = [](Encoding encoding,
                  std::string_view body) { return Receive(encoding, body, OtlpSignal::kMetrics); },
};

}  // namespace clawtrace::capture
