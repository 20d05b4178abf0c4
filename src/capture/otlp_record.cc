#include "capture/otlp_record.h"

#include <fmt/format.h>

#include <array>

#include "capture/otlp_tree.h"

namespace clawtrace::capture {
namespace {

struct TextField {
  std::string_view key;
  std::string SpanRecord::* member;
};
constexpr std::array<TextField, 14> kTexts = {{{"name", &SpanRecord::name},
                                               {"scope", &SpanRecord::scope},
                                               {"service", &SpanRecord::service},
                                               {"service_version", &SpanRecord::service_version},
                                               {"instance", &SpanRecord::instance},
                                               {"conversation", &SpanRecord::conversation},
                                               {"user", &SpanRecord::user},
                                               {"agent_id", &SpanRecord::agent_id},
                                               {"agent_name", &SpanRecord::agent_name},
                                               {"spawned_by", &SpanRecord::spawned_by},
                                               {"call_id", &SpanRecord::call_id},
                                               {"response_id", &SpanRecord::response_id},
                                               {"prompt", &SpanRecord::prompt},
                                               {"model_hint", &SpanRecord::model_hint}}};

struct NumberField {
  std::string_view key;
  int64_t SpanRecord::* member;
};
constexpr std::array<NumberField, 6> kNumbers = {{{"prompt_bytes", &SpanRecord::prompt_bytes},
                                                  {"requests", &SpanRecord::requests},
                                                  {"size", &SpanRecord::size},
                                                  {"emitted_input", &SpanRecord::emitted_input},
                                                  {"emitted_output", &SpanRecord::emitted_output},
                                                  {"amount", &SpanRecord::amount}}};

struct FlagField {
  std::string_view key;
  bool SpanRecord::* member;
};
constexpr std::array<FlagField, 9> kFlags = {{{"auxiliary", &SpanRecord::auxiliary},
                                              {"event", &SpanRecord::event},
                                              {"of_agent", &SpanRecord::of_agent},
                                              {"cumulative", &SpanRecord::cumulative},
                                              {"cache_known", &SpanRecord::cache_known},
                                              {"reasoning_missing", &SpanRecord::reasoning_missing},
                                              {"ambiguous", &SpanRecord::ambiguous},
                                              {"reclassified", &SpanRecord::reclassified},
                                              {"implausible", &SpanRecord::implausible}}};

constexpr std::array<std::pair<SpanRecord::Kind, std::string_view>, 9> kKinds = {
    {{SpanRecord::Kind::kOther, "other"},
     {SpanRecord::Kind::kLlm, "llm"},
     {SpanRecord::Kind::kAgent, "agent"},
     {SpanRecord::Kind::kTool, "tool"},
     {SpanRecord::Kind::kPart, "part"},
     {SpanRecord::Kind::kPrompt, "prompt"},
     {SpanRecord::Kind::kRequest, "request"},
     {SpanRecord::Kind::kSkill, "skill"},
     {SpanRecord::Kind::kPoint, "point"}}};

struct ListField {
  std::string_view key;
  std::vector<std::string> SpanRecord::* member;
};
constexpr std::array<ListField, 3> kLists = {{{"asked", &SpanRecord::asked},
                                              {"asked_keys", &SpanRecord::asked_keys},
                                              {"aliases", &SpanRecord::aliases}}};

// What the Fact's own members do not hold, as compact JSON; absent = default.
std::string EncodeExtras(const SpanRecord& record) {
  std::string out = "{\"kind\":\"";
  for (const auto& [kind, name] : kKinds) {
    if (kind == record.kind) out += name;
  }
  out += '"';
  auto key = [&](std::string_view name) {
    out += ",\"";
    out += name;
    out += "\":";
  };
  for (const TextField& field : kTexts) {
    if ((record.*field.member).empty()) continue;
    key(field.key);
    AppendJsonString(record.*field.member, &out);
  }
  for (const NumberField& field : kNumbers) {
    if (record.*field.member == 0) continue;
    key(field.key);
    out += fmt::format("{}", record.*field.member);
  }
  for (const FlagField& field : kFlags) {
    if (!(record.*field.member)) continue;
    key(field.key);
    out += "true";
  }
  for (const ListField& field : kLists) {
    const std::vector<std::string>& list = record.*field.member;
    if (list.empty()) continue;
    key(field.key);
    for (size_t i = 0; i < list.size(); ++i) {
      out += i ? ',' : '[';
      AppendJsonString(list[i], &out);
    }
    out += ']';
  }
  out += '}';
  return out;
}

void DecodeExtras(Json json, SpanRecord* record) {
  for (const auto& [kind, name] : kKinds) {
    if (json["kind"].text() == name) record->kind = kind;
  }
  json.ForEachField([&](std::string_view key, Json value) {
    for (const TextField& field : kTexts) {
      if (key == field.key) record->*field.member = value.text();
    }
    for (const NumberField& field : kNumbers) {
      if (key == field.key) record->*field.member = value.integer().value_or(0);
    }
    for (const FlagField& field : kFlags) {
      if (key == field.key) record->*field.member = value.boolean().value_or(false);
    }
    for (const ListField& field : kLists) {
      if (key == field.key)
        value.ForEachItem([&](Json id) { (record->*field.member).emplace_back(id.text()); });
    }
  });
}

// How the id of a record begins that names no trace.
constexpr std::string_view kUntraced = "span::";

}  // namespace

void LinkRecords(std::span<const Fact> facts, std::vector<std::pair<std::string, std::string>>* links) {
  JsonParser parser;
  for (const Fact& fact : facts) {
    if (!fact.user || fact.id.starts_with(kUntraced)) continue;
    auto extras = parser.Parse(fact.user->text);
    std::string_view conversation = extras ? (*extras)["conversation"].text() : std::string_view();
    if (!conversation.empty()) links->emplace_back(fact.session_id, conversation);
  }
  // What only times tell (a trace of its own that a tool call started).
  std::vector<Fact> resolved(facts.begin(), facts.end());
  ResolveOtlp(&resolved);
  for (const Fact& fact : resolved) {
    if (fact.session && !fact.session->parent_session.empty())
      links->emplace_back(fact.session_id, fact.session->parent_session);
  }
}

std::string ResolvedId(const SpanRecord& record) {
  using Kind = SpanRecord::Kind;
  if (record.kind == Kind::kLlm) return record.response_id.empty() ? record.span_id : record.response_id;
  if (record.kind == Kind::kTool) return record.call_id.empty() ? record.span_id : record.call_id;
  return record.kind == Kind::kPrompt ? "prompt:" + record.span_id : "";
}

Fact EncodeRecord(SpanRecord record) {
  Fact fact;
  fact.kind = FactKind::kLink;
  fact.source = kOtlpSource;
  fact.session_id = record.trace_id;
  if (fact.session_id.empty()) fact.session_id = record.conversation;
  if (fact.session_id.empty()) fact.session_id = "untraced@" + AgentOf(record);
  fact.id = "span:" + record.trace_id + ":" + record.span_id;
  fact.node = record.span_id;
  fact.parent_node = record.parent_id;
  fact.start_ns = record.start_ns;
  fact.end_ns = record.end_ns;
  UserTurn extras;
  extras.text = EncodeExtras(record);
  extras.text_bytes = static_cast<int64_t>(extras.text.size());
  extras.is_meta = true;
  fact.user = std::move(extras);
  fact.llm = std::move(record.llm);
  fact.tool = std::move(record.tool);
  fact.result = std::move(record.result);
  return fact;
}

std::optional<SpanRecord> DecodeRecord(Fact* fact, JsonParser* parser) {
  if (fact->kind != FactKind::kLink || !fact->user || !fact->id.starts_with("span:")) return std::nullopt;
  auto json = parser->Parse(fact->user->text);
  if (!json || !json->is_object()) return std::nullopt;
  SpanRecord record;
  if (!fact->id.starts_with(kUntraced)) record.trace_id = std::move(fact->session_id);
  record.span_id = std::move(fact->node);
  record.parent_id = std::move(fact->parent_node);
  record.start_ns = fact->start_ns;
  record.end_ns = fact->end_ns;
  DecodeExtras(*json, &record);
  record.llm = std::move(fact->llm);
  record.tool = std::move(fact->tool);
  record.result = std::move(fact->result);
  return record;
}

}  // namespace clawtrace::capture
