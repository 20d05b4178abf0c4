// What the OpenClaw plugin posts to /v1/traces/events: one envelope, a list of them, or one a line. Read by
// the importer of saved bodies; beside its facts each event leaves a receipt, so that a retry is told.
#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/json.h"
#include "base/text.h"
#include "capture/importer.h"
#include "capture/importers/trajectory.h"
#include "capture/lenient_json.h"
#include "capture/receiver.h"

namespace clawtrace::capture {
namespace {

constexpr std::string_view kSource = "openclaw-plugin";
constexpr size_t kLongText = 512;
// What the importer says of records that it uses all the same, and of repairs.
constexpr auto kChanged = std::to_array<std::string_view>(
    {"missing:tsMs", "wrong-type:tsMs", "missing:toolName", "wrong-type:toolName", "invalid-utf8-repaired"});
constexpr auto kRejected = std::to_array<std::string_view>(
    {"missing:event", "wrong-type:event", "missing:eventType", "missing:traceId", "missing:spanId",
     "wrong-type:payload", "not-an-object", "unknown-kind"});

class Sink final : public FactSink {
 public:
  explicit Sink(Received* received) : received_(*received) {}
  void Add(Fact&& fact) override { received_.facts.push_back(std::move(fact)); }
  void Skip(int64_t, int64_t, std::string_view reason) override {
    auto is = [&](auto& list) { return std::ranges::find(list, reason) != list.end(); };
    bool rejected = is(kRejected), changed = is(kChanged) || reason.starts_with("wrong-type:");
    if (rejected)
      ++received_.rejected[std::string(reason)];
    else if (changed)
      ++received_.warnings[std::string(reason)];
    else if (why_.empty())
      why_ = reason;
  }
  void Link(std::string_view session_id, std::string_view other) override {
    if (seen_.emplace(session_id, other).second)
      received_.links.push_back({std::string(session_id), std::string(other)});
  }
  const std::string& why() const { return why_; }  // it is no such body

 private:
  Received& received_;
  std::set<std::pair<std::string, std::string>> seen_;
  std::string why_;
};

// The event came: told apart by the id that the client gave it.
void AddReceipt(Json event, std::string_view run, Received* received) {
  Fact receipt;
  receipt.kind = FactKind::kLink;
  receipt.source = kSource;
  receipt.session_id = run;
  receipt.id = "event:" + BoundedId(event["eventId"].text());
  received->facts.push_back(std::move(receipt));
}

void AddTexts(Json event, Json payload, std::string_view run, Received* received) {
  std::string_view type = event["eventType"].text();
  bool tool = type.starts_with("tool_");
  if (!tool && !type.starts_with("llm_")) return;
  std::string_view call = payload["toolCallId"].text();
  std::string id = BoundedId(tool && !call.empty() ? call : event["spanId"].text());
  payload.ForEachField([&](std::string_view key, Json value) {
    std::string bytes = value.is_string() ? std::string(value.text()) : value.Canonical();
    if (bytes.size() >= kLongText)
      received->texts.push_back(
          {std::string(kSource), std::string(run), id, std::string(PrefixUtf8(key, 200)), std::move(bytes)});
  });
}

void ReadEnvelope(Json envelope, JsonParser* payloads, Received* received) {
  ++received->items;
  Json event = envelope["event"];
  if (!event.is_object() || event["eventId"].text().empty() || event["traceId"].text().empty()) return;
  Json payload = event["payload"];
  if (auto text = payload.string()) {
    auto parsed = payloads->Parse(*text);
    payload = parsed ? *parsed : Json();
  }
  // As the importer names the run.
  std::string_view run = payload["runId"].text();
  if (run.empty()) run = payload["sessionKey"].text();
  if (run.empty() || run == "unknown") run = event["traceId"].text();
  std::string id = BoundedId(run);
  AddReceipt(event, id, received);
  AddTexts(event, payload, id, received);
}

int64_t ItemsOf(std::optional<Json> whole, std::string_view body) {
  if (!whole) return std::ranges::count(body, '\n') + 1;
  return whole->is_array() ? static_cast<int64_t>(whole->size()) : 1;
}

Result<Received> Receive(Encoding, std::string_view body) {
  LenientJson parser;
  auto whole = parser.Parse(body);
  if (ItemsOf(whole, body) > kMaxReceivedItems)
    return Fail(ErrorCode::kLimit, "the request holds more than 100000 events", "send smaller batches");
  Received received;
  Sink sink(&received);
  auto reader = FindImporter(kSource)->open({}, &sink);
  reader->Feed(body);
  reader->Finish();
  if (!sink.why().empty()) return Fail(ErrorCode::kInvalidInput, "no events: " + sink.why());
  JsonParser payloads;
  if (whole && whole->is_array()) {
    whole->ForEachItem([&](Json item) { ReadEnvelope(item, &payloads, &received); });
  } else if (whole) {
    ReadEnvelope(*whole, &payloads, &received);
  } else {
    for (std::string_view line : Split(body, '\n')) {
      // The importer takes more for blank than JSON does.
      if (auto record = parser.Parse(Trim(line))) ReadEnvelope(*record, &payloads, &received);
    }
  }
  return received;
}

}  // namespace

extern const Receiver kOpenClawEvents;
const Receiver kOpenClawEvents = {
    .name = "openclaw-events",
    .source = kSource,
    .unit = "events",
    .receive = Receive,
};

}  // namespace clawtrace::capture
