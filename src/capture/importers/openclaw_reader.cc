#include "capture/importers/openclaw_reader.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/hash.h"
#include "capture/skill_paths.h"
#include "model/archive.h"

namespace clawtrace::capture::openclaw {
namespace {

// Ancestors looked at for one question; a result follows its call closely.
constexpr int kMaxWalk = 1000;

// Entries that may hold a call; the others only steer.
bool MayCost(std::string_view type) {
  return OneOf(type, {"message", "custom_message", "usage", "compaction", "branch_summary"});
}

}  // namespace

void OpenClawReader::StartSession() {
  session_id_ = stored_id_;
  header_seen_ = used_ = openclaw_ = unlogged_summary_ = false;
  first_hash_ = 0;
  info_ = SessionInfo{};
  start_ns_.reset();
  pending_.clear();
  contexts_.assign(1, Context{});
  entries_.clear();
  model_memo_.clear();
  owners_.clear();
  outer_calls_.clear();
  expanded_skills_.clear();
  line_ids_.clear();
  lines_.clear();
}

void OpenClawReader::OnRecord(Json record) {
  if (record["traceSchema"]) return OnTrace(record);
  Json type_value = record["type"];
  std::string_view type = type_value.text();
  if (type.empty()) return Skip(type_value ? "wrong-type:type" : "missing:type");
  if (type == "session") return OnHeader(record);
  Place place;
  if (!MakePlace(record, Keys{}, &place)) return;  // a repeated line: nothing new, nothing lost
  OnEntry(record, type, place);
}

// Logs joined in one stream: what follows a header belongs to it.
void OpenClawReader::StartSessionOf(std::string_view id) {
  if (header_seen_ && id != session_id_ && stored_id_.empty()) {
    FinishSession();
    StartSession();
  }
  header_seen_ = used_ = true;
  if (stored_id_.empty()) session_id_ = id;
}

void OpenClawReader::OnHeader(Json header) {
  std::string_view id = header["id"].text();
  if (id.empty()) return Skip(header["id"] ? "wrong-type:id" : "missing:id");
  StartSessionOf(id);
  if (stored_id_.empty() || info_.cwd.empty()) info_.cwd = header["cwd"].text();
  std::string_view origin = FirstOf(header, {"parentSession", "branchedFrom"}).text();
  if (!origin.empty()) info_.forked_from = SessionIdOfPath(origin);
  if (auto time = TimeOf(header["timestamp"])) start_ns_ = time;
  // Version 1 names the first model here.
  Entry& root = entries_[session_id_];
  root.model = header["modelId"].text();
  root.provider = header["provider"].text();
}

// False for a line without an id that was there before.
bool OpenClawReader::MakePlace(Json record, const Keys& keys, Place* place) {
  Json time = record[keys.time];
  place->time = TimeOf(time);
  if (!place->time && time && !time.is_null()) Skip("wrong-type:timestamp");
  place->id = record[keys.id].text();
  if (record[keys.id] && place->id.empty()) Skip("wrong-type:id");
  if (!place->id.empty()) {
    place->has_node = true;
    Json parent = record[keys.parent];
    place->parent = parent.text();
    // "null" starts at the log's beginning; two such entries are branches of one conversation. No parentId at
    // all is a line that was appended from outside.
    if (parent && !parent.is_null() && !parent.is_string()) Skip("wrong-type:parentId");
    if (parent.is_null()) place->parent = "\n";  // the header, whose id may not be known yet
    if (place->parent == place->id) place->parent.clear();
    Entry& entry = entries_[place->id];
    if (entry.parent.empty() || (!place->parent.empty() && place->parent < entry.parent))
      entry.parent = place->parent;
    return true;
  }
  uint64_t hash = Hash64(raw());
  place->id = "line-" + HexOf(hash);
  if (!line_ids_.insert(place->id).second) return false;
  lines_.push_back({place->time, static_cast<int64_t>(lines_.size()) + 1, place->id});
  return true;
}

OpenClawReader::Pending& OpenClawReader::Add(FactKind kind, std::string_view id, const Place& place) {
  if (!used_) first_hash_ = Hash64(raw());
  used_ = true;
  Pending pending;
  pending.context = place.context;
  if (raw().size() > kMaxText) pending.kept = sink().KeepRecord();
  Fact& fact = pending.fact;
  fact.kind = kind;
  fact.source = "openclaw";
  fact.id = id;
  pending.record = place.id;
  if (place.has_node) {
    fact.node = place.id;
    fact.parent_node = place.parent;
  }
  fact.ordinal = place.ordinal;
  fact.start_ns = place.time;
  pending_.push_back(std::move(pending));
  return pending_.back();
}

void OpenClawReader::SetModel(const Place& place, std::string_view provider, std::string_view model) {
  if (model.empty() || place.context != 0) return;
  Entry& entry = entries_[place.id];
  // Versions of one entry: the greater counts, whichever came first.
  if (entry.model >= model) return;
  entry.model = model;
  entry.provider = provider;
}

void OpenClawReader::OnEntry(Json record, std::string_view type, const Place& place) {
  Json message = record["message"];
  if (copied_.contains(place.id) && MayCost(type)) {
    SetModel(place, message["provider"].text(), message["model"].text());
    Add(FactKind::kLink, place.id, place);
    return;
  }
  if (type == "message") {
    if (message.is_object()) return OnMessage(message, place);
    Skip(message ? "wrong-type:message" : "missing:message");
    if (place.has_node) Add(FactKind::kLink, place.id, place);
    return;
  }
  std::string_view custom = record["customType"].text();
  if (custom.starts_with("openclaw:") || custom.starts_with("openclaw.") || custom == "model-snapshot")
    openclaw_ = true;
  if (type == "custom_message") return OnUser(record, place, true);
  if (type == "usage") return OnSideCall(record, place, record["kind"].text(), true);
  bool compaction = type == "compaction";
  Add(compaction ? FactKind::kCompaction : FactKind::kLink, place.id, place);
  if (compaction || type == "branch_summary") {
    if (record["usage"].is_object())
      OnSideCall(record, place, type, true);
    else if (!record["fromHook"].boolean().value_or(false))
      unlogged_summary_ = true;
  } else if (type == "model_change") {
    SetModel(place, record["provider"].text(), record["modelId"].text());
  } else if (custom == "model-snapshot") {
    SetModel(place, record["data"]["provider"].text(), record["data"]["modelId"].text());
  } else if (!IsLinkType(type)) {
    Skip("unknown-type");
  }
}

const std::string* OpenClawReader::OwnerOf(const std::string& call, const std::string& record) const {
  auto owners = owners_.find(call);
  if (owners == owners_.end()) return nullptr;
  const std::string* at = &record;
  for (int steps = 0; steps < kMaxWalk; ++steps) {
    if (owners->second.contains(*at)) return at;
    auto entry = entries_.find(*at);
    if (entry == entries_.end() || entry->second.parent.empty()) break;
    at = &entry->second.parent;
  }
  return nullptr;
}

// A tool call id that several answers of this log used gets the answer's id behind it, chosen by the parent
// chain.
std::string OpenClawReader::UniqueCall(const std::string& call, const std::string& record) const {
  auto owners = owners_.find(call);
  if (owners == owners_.end() || owners->second.size() < 2) return call;
  const std::string* owner = OwnerOf(call, record);
  return owner ? call + "@" + *owner : call;
}

// Lines without ids follow each other in time, else (if any says no time) as they stand in the file.
void OpenClawReader::OrderLines() {
  bool timed = std::ranges::all_of(lines_, [](const Line& line) { return line.time.has_value(); });
  std::ranges::sort(lines_, [timed](const Line& a, const Line& b) {
    if (!timed) return a.number < b.number;
    return std::tie(a.time, a.record) < std::tie(b.time, b.record);
  });
  std::unordered_map<std::string_view, int64_t> position;
  const std::string* previous = &session_id_;
  for (const Line& line : lines_) {
    entries_[line.record].parent = *previous;
    previous = &line.record;
    position.emplace(line.record, static_cast<int64_t>(position.size()) + 1);
  }
  for (Pending& pending : pending_) {
    auto found = position.find(pending.record);
    if (pending.context == 0 && found != position.end()) pending.fact.ordinal = found->second;
  }
}

// The nearest entry at or above node that sets a model; nullptr if none does. Remembers the answer for the
// whole path.
const OpenClawReader::Entry* OpenClawReader::ModelOn(const std::string& node) {
  std::vector<const std::string*> path;
  const Entry* found = nullptr;
  const std::string* at = &node;
  while (true) {
    auto memo = model_memo_.find(*at);
    if (memo != model_memo_.end()) {
      found = memo->second;
      break;
    }
    auto entry = entries_.find(*at);
    if (entry == entries_.end()) break;
    if (!entry->second.model.empty()) {
      found = &entry->second;
      break;
    }
    model_memo_.emplace(*at, nullptr);  // also ends a walk around a cycle
    path.push_back(&entry->first);
    at = &entry->second.parent;
  }
  for (const std::string* step : path) model_memo_[*step] = found;
  return found;
}

void OpenClawReader::SettleModel(Pending& pending) {
  LlmCall& call = *pending.fact.llm;
  const Entry* source = ModelOn(pending.record);
  if (!source) return;
  call.model = source->model;
  if (call.provider.empty()) call.provider = source->provider;
}

// A result without an id belongs to the nearest answer above it if that asked for exactly one call.
void OpenClawReader::SettleResult(Pending& pending) {
  const std::string* at = &pending.record;
  for (int steps = 0; steps < kMaxWalk; ++steps) {
    auto entry = entries_.find(*at);
    if (entry == entries_.end()) return;
    if (entry->second.answer) {
      if (entry->second.calls.size() == 1) pending.fact.id = entry->second.calls.front();
      return;
    }
    at = &entry->second.parent;
  }
}

std::vector<std::string> OpenClawReader::ContextIds() const {
  std::vector<std::string> ids = {session_id_};
  for (size_t c = 1; c < contexts_.size(); ++c) {
    const Context& context = contexts_[c];
    std::string call = context.parent == 0 ? UniqueCall(context.call, context.record) : context.call;
    ids.push_back(ids[static_cast<size_t>(context.parent)] + "/" + call + context.suffix);
  }
  return ids;
}

Fact OpenClawReader::SessionFact() const {
  Fact fact;
  fact.kind = FactKind::kSession;
  fact.source = "openclaw";
  fact.session_id = session_id_;
  fact.id = session_id_;
  fact.node = session_id_;
  fact.start_ns = start_ns_;
  SessionInfo info = info_;
  auto spawner = index_->spawner_of_id.find(session_id_);
  if (spawner != index_->spawner_of_id.end()) {
    auto parent = index_->id_of_key.find(spawner->second);
    info.parent_session = parent == index_->id_of_key.end() ? spawner->second : parent->second;
  }
  bool of_openclaw =
      openclaw_ || !stored_id_.empty() || !index_->id_of_key.empty() || !UnitKey(path_, {}).empty();
  info.agent = of_openclaw ? "openclaw" : "pi";
  if (info.agent_version.empty()) info.agent_version = index_->agent_version;
  if (auto known = index_->known.find(session_id_); known != index_->known.end()) {
    info.agent_name = known->second.agent_name;
    if (info.forked_from.empty()) info.forked_from = known->second.forked_from;
  }
  if (unlogged_summary_) info.notes.push_back("summary_call_not_logged");
  fact.session = std::move(info);
  return fact;
}

// A call that another call made belongs to the answer that asked for the outer one.
void OpenClawReader::SettleNested(Pending& pending) {
  if (pending.fact.kind != FactKind::kToolUse) return;
  if (const std::string* owner = OwnerOf(pending.nested_in, pending.record))
    pending.fact.tool->llm_call = *owner;
}

Fact OpenClawReader::SkillFact(const std::string& session, SkillUse use) const {
  Fact fact;
  fact.kind = FactKind::kSkill;
  fact.source = "openclaw";
  fact.session_id = session;
  fact.id = use.name + "/" + std::string(NameOf(use.stage)) + "/" + use.path;
  fact.skill = std::move(use);
  return fact;
}

// Skills that were offered, put into a prompt, or read by a tool whose result was no failure.
void OpenClawReader::AddSkills(const std::vector<std::string>& ids) {
  std::unordered_set<std::string> names, succeeded;
  auto known = index_->known.find(session_id_);
  if (known != index_->known.end()) {
    for (const std::string& name : known->second.skills) {
      names.insert(name);
      sink().Add(SkillFact(session_id_, {.name = name}));
    }
  }
  for (const std::string& name : expanded_skills_) {
    names.insert(name);
    sink().Add(SkillFact(session_id_, {.name = name, .stage = SkillStage::kLoaded}));
  }
  auto key = [](const Pending& p) { return std::to_string(p.context) + "\n" + p.fact.id; };
  for (const Pending& pending : pending_) {
    if (pending.fact.kind == FactKind::kToolResult && pending.fact.result->status == ToolStatus::kOk)
      succeeded.insert(key(pending));
    for (const std::string& path : pending.reads) names.insert(SkillOfText(path));
  }
  for (const Pending& pending : pending_) {
    if (pending.reads.empty() || !succeeded.contains(key(pending))) continue;
    for (const std::string& path : pending.reads) {
      std::string text_of = SkillOfText(path), file_of = SkillOfFile(path);
      SkillUse use{.stage = SkillStage::kLoaded, .path = Cut(path, kMaxText), .call = pending.fact.id};
      use.name = text_of;
      if (text_of.empty()) use.name = file_of, use.stage = SkillStage::kOpened;
      if (!use.name.empty() && names.contains(use.name))
        sink().Add(SkillFact(ids[static_cast<size_t>(pending.context)], std::move(use)));
    }
  }
}

// A call that only made other calls is none, but its result's entry carries the conversation on.
bool OpenClawReader::OnlyLinks(Pending& pending) {
  if (pending.fact.kind == FactKind::kToolUse) return false;
  pending.fact.kind = FactKind::kLink;
  pending.fact.id = pending.record;
  pending.fact.result.reset();
  return true;
}

// Completes a fact with what the whole log says. False: it is none after all.
bool OpenClawReader::Settle(Pending& pending, const std::vector<std::string>& ids) {
  Fact& fact = pending.fact;
  if (fact.parent_node == "\n") fact.parent_node = session_id_;
  size_t c = static_cast<size_t>(pending.context);
  fact.session_id = ids[c];
  if (pending.inherits_model) SettleModel(pending);
  if (pending.nameless) SettleResult(pending);
  if (!pending.nested_in.empty()) SettleNested(pending);
  if (c == 0 && (fact.kind == FactKind::kToolUse || fact.kind == FactKind::kToolResult)) {
    if (pending.nested_in.empty() && outer_calls_.contains(fact.id)) return OnlyLinks(pending);
    fact.id = UniqueCall(fact.id, pending.record);
  }
  if (fact.kind != FactKind::kSession) return true;
  const Context& context = contexts_[c];
  fact.id = ids[c];
  fact.ordinal = -1;
  fact.session->cwd = info_.cwd;
  fact.session->parent_session = ids[static_cast<size_t>(context.parent)];
  fact.session->parent_call = context.parent == 0 ? UniqueCall(context.call, context.record) : context.call;
  return true;
}

void OpenClawReader::FinishSession() {
  if (!used_) return;
  if (!header_seen_ && stored_id_.empty())
    session_id_ = path_ == "-" ? "stdin-" + HexOf(first_hash_) : SessionIdOfPath(path_);
  for (auto& [id, entry] : entries_) {
    if (entry.parent == "\n") entry.parent = session_id_;
  }
  OrderLines();
  std::vector<std::string> ids = ContextIds();
  sink().Add(SessionFact());
  std::vector<Pending> kept;
  for (Pending& pending : pending_) {
    if (Settle(pending, ids)) kept.push_back(std::move(pending));
  }
  pending_ = std::move(kept);
  DropLoggedFallbacks();
  AddSkills(ids);
  for (Pending& pending : pending_) {
    sink().FromKept(pending.kept);
    sink().Add(std::move(pending.fact));
  }
  pending_.clear();
}

}  // namespace clawtrace::capture::openclaw
