// What comes in: read, redacted, given to the store; answered when it is on the disk.
#include <fmt/core.h>

#include <atomic>
#include <memory>
#include <utility>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "capture/receiver.h"
#include "serve/gzip.h"
#include "serve/otlp_reply.h"
#include "serve/service.h"

namespace clawtrace::serve {
namespace {

constexpr size_t kLarge = size_t{8} << 20;

using capture::Encoding;
using capture::Received;
using capture::Receiver;

Problem Unsupported(std::string message) {
  return {415, RpcCode::kInvalidArgument, std::move(message), 0, {}};
}

// The body as it was before compression, charged to the budget.
Result<std::string> Plain(Call& call, std::string_view bytes, std::string_view coding) {
  if (coding.empty() || coding == "identity") {
    if (bytes.size() > call.service.options().max_body)
      return Fail(ErrorCode::kLimit, "the body is too large");
    return std::string(bytes);
  }
  return Gunzip(bytes, call.service.options().max_body, call.service.options().budget, &call.request.charge);
}

bool IsKnownCoding(std::string_view coding) {
  return coding.empty() || coding == "identity" || coding == "gzip";
}

// A problem of the memory budget asks for less speed, one of the store for patience.
Problem ProblemOfBody(const Error& error) {
  Problem problem = ProblemOf(error);
  if (error.code == ErrorCode::kUnavailable) problem.status = 429, problem.code = RpcCode::kResourceExhausted;
  return problem;
}

store::Batch BatchOf(Service& service, std::string_view tenant, Received received) {
  store::Batch batch;
  batch.tenant = tenant;
  batch.now_ns = service.options().now_ns();
  int64_t redacted = 0;
  if (const capture::Redactor* redactor = service.options().redactor) {
    for (Fact& fact : received.facts) redacted += redactor->Apply(&fact);
    for (capture::ReceivedText& text : received.texts) redacted += redactor->Text(&text.bytes);
  }
  if (redacted > 0) service.metrics().Redacted(redacted);
  batch.facts = std::move(received.facts);
  for (capture::ReceivedText& text : received.texts)
    batch.payloads.push_back({std::move(text.source), std::move(text.session_id), std::move(text.id),
                              std::move(text.part), std::move(text.bytes)});
  for (capture::ReceivedLink& link : received.links)
    batch.links.push_back({std::move(link.session_id), std::move(link.other)});
  return batch;
}

void Count(Service& service, const Receiver& receiver, const Received& received) {
  service.metrics().Accepted(receiver.name, received.items - received.rejected_items());
  for (const auto& [reason, items] : received.rejected) service.CountRejected(receiver.name, reason, items);
  for (const auto& [reason, items] : received.warnings)
    service.metrics().Changed(receiver.name, reason, items);
}

void Refuse(Request* request, const Problem& problem, const Reply& reply) {
  request->Release();
  reply(ProblemFor(*request, problem));
}

// What cannot be stored at all says nothing of the store.
bool SaysWell(const Result<store::Appended>& appended) {
  return appended.has_value() || appended.error().code == ErrorCode::kInvalidInput;
}

// Of what was received the counts.
Received CountsOf(const Received& received) {
  Received counts;
  counts.items = received.items, counts.rejected = received.rejected, counts.warnings = received.warnings;
  return counts;
}

// What is remembered of a request until the store has spoken.
struct Waiting {
  Service& service;
  Request request;  // with its charge
  const Receiver& receiver;
  Received outcome;  // counts only
  std::string body;  // of the answer if all goes well
  Encoding encoding;
  Reply reply;

  void Done(const Result<store::Appended>& appended) {
    service.store_well = SaysWell(appended);
    if (!appended) return Refuse(&request, ProblemOf(appended.error()), reply);
    Answer();
  }
  // The store was not asked where there was nothing to store.
  void Answer() {
    request.Release();
    Count(service, receiver, outcome);
    service.metrics().AcknowledgedAfter(service.options().steady_ns() - request.received_ns);
    reply(IsGrpc(request) ? GrpcReply(body) : ExportReply(std::move(body), encoding));
  }
};

void Store(Call call, const Receiver& receiver, Encoding encoding, Received received, Reply reply) {
  Service& service = call.service;
  Received outcome = CountsOf(received);
  std::string body = EncodeExport(receiver, outcome, encoding);
  bool nothing = received.facts.empty();
  FreeText(&call.request.body);  // before its texts are copied once more
  store::Batch batch = BatchOf(service, call.caller.tenant, std::move(received));
  auto waiting =
      std::make_shared<Waiting>(Waiting{service, std::move(call.request), receiver, std::move(outcome),
                                        std::move(body), encoding, std::move(reply)});
  if (nothing) return waiting->Answer();
  service.options().store->Append(
      std::move(batch), [waiting](const Result<store::Appended>& appended) { waiting->Done(appended); });
}

// How the request is encoded and compressed, or why it cannot be read.
struct Form {
  Encoding encoding = Encoding::kProtobuf;
  std::string coding;
  std::string_view bytes;
};

Result<Form> GrpcForm(const Request& request) {
  std::string type = MediaType(request.Header("content-type"));
  if (type != "application/grpc" && type != "application/grpc+proto")
    return Fail(ErrorCode::kUnsupported, fmt::format("{} is not read, application/grpc+proto is", type));
  auto message = ReadGrpcFrame(request.body);
  if (!message) return std::unexpected(message.error());
  std::string coding = message->compressed ? ToLower(request.Header("grpc-encoding")) : "";
  if (message->compressed && coding != "gzip")
    return Fail(ErrorCode::kUnsupported, fmt::format("grpc-encoding \"{}\" is not read, gzip is", coding));
  return Form{Encoding::kProtobuf, std::move(coding), message->bytes};
}

Result<Form> HttpForm(const Request& request) {
  std::string type = MediaType(request.Header("content-type"));
  bool json = type == "application/json";
  if (!json && type != "application/x-protobuf")
    return Fail(
        ErrorCode::kUnsupported,
        fmt::format("content type \"{}\" is not read, application/x-protobuf and application/json are",
                    type));
  std::string coding = ToLower(Trim(request.List("content-encoding")));
  if (!IsKnownCoding(coding))
    return Fail(ErrorCode::kUnsupported, fmt::format("content encoding \"{}\" is not read, gzip is", coding));
  return Form{json ? Encoding::kJson : Encoding::kProtobuf, std::move(coding), request.body};
}

Problem ProblemOfForm(const Request& request, const Error& error) {
  if (error.code != ErrorCode::kUnsupported) return ProblemOf(error);
  Problem problem = Unsupported(error.message);
  if (IsGrpc(request)) {
    problem.code = RpcCode::kUnimplemented;
    problem.headers.emplace_back("grpc-accept-encoding", "identity,gzip");
  }
  return problem;
}

}  // namespace

void TakeOtlp(Call call, Reply reply) {
  const Receiver& receiver = *capture::FindReceiver(call.route.subject);
  auto form = IsGrpc(call.request) ? GrpcForm(call.request) : HttpForm(call.request);
  auto refuse = [&](const Problem& problem) { Refuse(&call.request, problem, reply); };
  if (!form) return refuse(ProblemOfForm(call.request, form.error()));
  // What earlier requests left would come on top of what this one takes.
  if (call.request.charge.bytes() >= kLarge) GiveMemoryBack();
  Result<Received> received = Fail(ErrorCode::kInvalidInput, "");
  if (form->coding.empty() || form->coding == "identity") {
    if (form->bytes.size() > call.service.options().max_body)
      return refuse(ProblemOf({ErrorCode::kLimit, "the message is too large", ""}));
    received = receiver.receive(form->encoding, form->bytes);
  } else {
    auto plain = Plain(call, form->bytes, form->coding);
    if (!plain) return refuse(ProblemOfBody(plain.error()));
    received = receiver.receive(form->encoding, *plain);
  }
  if (!received) return refuse(ProblemOf(received.error()));
  Encoding encoding = form->encoding;
  Store(std::move(call), receiver, encoding, std::move(*received), std::move(reply));
}

namespace {

// What became of one event of a request.
struct EventAnswer {
  std::string id, kind, agent, trace, span;
  int64_t schema = 0;
  bool duplicate = false;
  std::string refused;  // why, or ""
};

void AppendText(std::string_view name, std::string_view text, std::string* out) {
  *out += fmt::format(",\"{}\":", name);
  AppendJsonString(text, out);
}

// One request of the plugin: answered when all of its events are.
struct Events {
  Service& service;
  Request request;
  Reply reply;
  bool list = false;
  std::vector<EventAnswer> answers;
  std::atomic<size_t> left{0};
  std::mutex mutex;
  std::optional<Error> failed;

  std::string Answer(const EventAnswer& answer) const {
    if (!answer.refused.empty()) {
      std::string out = "{\"status\":\"rejected\"";
      AppendText("error", answer.refused, &out);
      AppendText("eventId", answer.id, &out);
      return out + '}';
    }
    std::string out = fmt::format("{{\"status\":\"accepted\",\"duplicate\":{},\"schemaVersion\":{}",
                                  answer.duplicate, answer.schema);
    AppendText("agentId", answer.agent, &out), AppendText("traceId", answer.trace, &out);
    AppendText("spanId", answer.span, &out), AppendText("eventId", answer.id, &out);
    AppendText("eventType", answer.kind, &out);
    AppendText("receivedAt", FormatIsoTime(service.options().now_ns()), &out);
    return out + ",\"rawObjectPath\":null}";
  }

  // Event i was given to the store.
  void Stored(size_t i, const Result<store::Appended>& appended) {
    service.store_well = SaysWell(appended);
    if (appended) {
      answers[i].duplicate = appended->facts_added == 0;
    } else if (SaysWell(appended)) {
      answers[i].refused = appended.error().message;
      service.CountRejected("openclaw-events", "unusable-id", 1);
    } else {
      std::lock_guard lock(mutex);
      failed = appended.error();
    }
  }

  void Done() {
    if (--left > 0) return;
    request.Release();
    if (failed) return reply(ProblemFor(request, ProblemOf(*failed)));
    service.metrics().AcknowledgedAfter(service.options().steady_ns() - request.received_ns);
    Response response;
    response.content_type = "application/json";
    if (!list) {
      // Nothing that a later attempt could mend.
      if (!answers[0].refused.empty()) response.status = 422;
      response.body = Answer(answers[0]);
      return reply(std::move(response));
    }
    size_t accepted = 0, duplicates = 0;
    std::string each;
    for (const EventAnswer& answer : answers) {
      accepted += answer.refused.empty(), duplicates += answer.duplicate;
      each += (each.empty() ? "" : ",") + Answer(answer);
    }
    response.body = fmt::format(
        "{{\"status\":\"accepted\",\"accepted\":{},\"duplicates\":{},\"rejected\":{},\"events\":[{}]}}",
        accepted, duplicates, answers.size() - accepted, each);
    reply(std::move(response));
  }
};

EventAnswer AnswerOf(Json envelope) {
  Json event = envelope["event"];
  return {std::string(event["eventId"].text()),
          std::string(event["eventType"].text()),
          std::string(envelope["agentId"].text()),
          std::string(event["traceId"].text()),
          std::string(event["spanId"].text()),
          envelope["schemaVersion"].integer().value_or(0),
          false,
          ""};
}

// Bodies of the envelopes: one, a list, or one a line. Empty when it is none of them.
std::vector<std::string> Envelopes(std::string_view body, bool* list) {
  JsonParser parser;
  std::vector<std::string> envelopes;
  auto whole = parser.Parse(body);
  *list = !whole || whole->is_array();
  if (whole && whole->is_array()) {
    whole->ForEachItem([&](Json item) { envelopes.push_back(item.Canonical()); });
  } else if (whole) {
    if (whole->is_object()) envelopes.emplace_back(body);
  } else {
    for (std::string_view line : Split(body, '\n')) {
      if (Trim(line).empty()) continue;
      auto record = parser.Parse(line);
      if (!record) return {};
      envelopes.emplace_back(line);
    }
  }
  return envelopes;
}

void StoreEvents(const std::shared_ptr<Events>& events, const std::vector<std::string>& envelopes,
                 std::string_view tenant) {
  const Receiver& receiver = *capture::FindReceiver("openclaw-events");
  Service& service = events->service;
  JsonParser parser;
  for (size_t i = 0; i < envelopes.size(); ++i) {
    auto json = parser.Parse(envelopes[i]);
    EventAnswer& answer = events->answers[i];
    answer = AnswerOf(json ? *json : Json());
    auto received = receiver.receive(Encoding::kJson, envelopes[i]);
    if (!received) {
      answer.refused = received.error().message;
    } else if (received->rejected_items() > 0) {
      answer.refused = received->rejected.begin()->first;
    } else if (answer.id.empty()) {
      answer.refused = "missing:eventId";
    }
    if (!answer.refused.empty()) {
      if (received) Count(service, receiver, *received);
      events->Done();
      continue;
    }
    Received outcome = CountsOf(*received);
    service.options().store->Append(BatchOf(service, tenant, std::move(*received)),
                                    [events, i, outcome, &receiver](const Result<store::Appended>& appended) {
                                      events->Stored(i, appended);
                                      if (appended) Count(events->service, receiver, outcome);
                                      events->Done();
                                    });
  }
}

}  // namespace

void TakeEvents(Call call, Reply reply) {
  auto refuse = [&](const Problem& problem) { Refuse(&call.request, problem, reply); };
  std::string type = MediaType(call.request.Header("content-type"));
  if (!type.empty() && type != "application/json" && type != "application/x-ndjson")
    return refuse(Unsupported(fmt::format("content type \"{}\" is not read, application/json is", type)));
  std::string coding = ToLower(Trim(call.request.List("content-encoding")));
  if (!IsKnownCoding(coding))
    return refuse(Unsupported(fmt::format("content encoding \"{}\" is not read, gzip is", coding)));
  auto body = Plain(call, call.request.body, coding);
  if (!body) return refuse(ProblemOfBody(body.error()));
  bool list = false;
  std::vector<std::string> envelopes = Envelopes(*body, &list);
  if (envelopes.size() > static_cast<size_t>(capture::kMaxReceivedItems))
    return refuse(ProblemOf({ErrorCode::kLimit, "the request holds more than 100000 events", ""}));
  if (envelopes.empty() && !list)
    return refuse(
        ProblemOf({ErrorCode::kInvalidInput, "the body is neither an envelope nor a list of them", ""}));
  if (envelopes.empty() && Trim(*body) != "[]")
    return refuse(ProblemOf({ErrorCode::kInvalidInput, "the body is no JSON", ""}));
  FreeText(&call.request.body);
  auto events = std::make_shared<Events>(call.service, std::move(call.request), std::move(reply), list);
  events->answers.resize(envelopes.size());
  // One more than there are, so that the answer waits for all to be handed in.
  events->left = envelopes.size() + 1;
  StoreEvents(events, envelopes, call.caller.tenant);
  events->Done();
}

}  // namespace clawtrace::serve
