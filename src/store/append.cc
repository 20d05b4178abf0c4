#include "store/append.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <optional>

#include "store/fact_codec.h"
#include "store/squeeze.h"

namespace clawtrace::store {
namespace {

struct PreparedFact {
  size_t session = 0;  // place in AppendJob::sessions_
  const std::string* source = nullptr;
  FactKind kind = FactKind::kLink;
  FactKey key{};
  std::string body;
};

struct SessionOfBatch {
  std::string name;
  std::optional<int64_t> first_ns, last_ns;
  int64_t row = 0, added = 0;
  bool changed = false;
};

class AppendJob final : public Job {
 public:
  AppendJob(Batch batch, OnAppended done, PayloadWriter* payloads)
      : batch_(std::move(batch)), done_(std::move(done)), payloads_(*payloads) {}

  Status Prepare(std::string_view salt, const SeenTexts& seen);

  Status Apply(WriteScope& scope) override;
  void Done(const Status& status, uint64_t sequence) override {
    if (!status) return done_(std::unexpected(status.error()));
    result_.sequence = sequence;
    done_(result_);
  }
  size_t bytes() const override { return bytes_; }

 private:
  Status CheckNames() const;
  size_t PlaceOf(const std::string& session);
  void PrepareFact(const Fact& fact);
  Status ApplyFacts(WriteScope& scope);
  Status ApplyPayloads(WriteScope& scope);
  Status ApplySkipped(WriteScope& scope);
  Status ApplyPositions(WriteScope& scope, int64_t tenant);
  Status Touch(WriteScope& scope);

  Batch batch_;
  OnAppended done_;
  PayloadWriter& payloads_;
  std::vector<SessionOfBatch> sessions_;
  std::map<std::string, size_t, std::less<>> places_;
  std::vector<PreparedFact> facts_;
  std::vector<PreparedPayload> prepared_;
  std::vector<SessionLink> links_;
  size_t bytes_ = 0;
  Appended result_;
};

Status CheckName(std::string_view what, std::string_view name, bool may_be_empty) {
  if (name.size() > kMaxName || (name.empty() && !may_be_empty))
    return Fail(ErrorCode::kInvalidInput, fmt::format("{} of {} bytes cannot be stored", what, name.size()));
  // A text ends at its first zero byte for some functions of the engine.
  if (name.find('\0') != std::string_view::npos)
    return Fail(ErrorCode::kInvalidInput, fmt::format("{} with a zero byte cannot be stored", what));
  return {};
}

Status AppendJob::CheckNames() const {
  CT_RETURN_IF_ERROR(CheckName("a tenant's name", batch_.tenant, true));
  for (const Fact& fact : batch_.facts) {
    CT_RETURN_IF_ERROR(CheckName("a session id", fact.session_id, false));
    CT_RETURN_IF_ERROR(CheckName("a source", fact.source, false));
  }
  for (const Payload& payload : batch_.payloads) {
    CT_RETURN_IF_ERROR(CheckName("a session id", payload.session_id, false));
    CT_RETURN_IF_ERROR(CheckName("a source", payload.source, false));
    CT_RETURN_IF_ERROR(CheckName("an id", payload.id, true));
    CT_RETURN_IF_ERROR(CheckName("a part", payload.part, true));
    if (payload.bytes.size() > kMaxPayload)
      return Fail(ErrorCode::kInvalidInput,
                  fmt::format("a payload of {} bytes is too large", payload.bytes.size()));
  }
  for (const SkippedRecord& skipped : batch_.skipped) {
    CT_RETURN_IF_ERROR(CheckName("a session id", skipped.session_id, false));
    CT_RETURN_IF_ERROR(CheckName("a path", skipped.skipped.file, true));
    CT_RETURN_IF_ERROR(CheckName("a reason", skipped.skipped.reason, true));
  }
  for (const SourcePosition& position : batch_.positions)
    CT_RETURN_IF_ERROR(CheckName("a position's key", position.key, false));
  for (const SessionLink& link : batch_.links) {
    CT_RETURN_IF_ERROR(CheckName("a session id", link.session_id, true));
    CT_RETURN_IF_ERROR(CheckName("a session id", link.other, true));
  }
  return {};
}

// What it holds in memory, about.
size_t BytesOf(const PreparedPayload& prepared) {
  size_t bytes = sizeof prepared + sizeof *prepared.payload + prepared.payload->bytes.size();
  for (const PreparedText& text : prepared.texts) bytes += sizeof text + text.squeezed.size();
  return bytes + prepared.frame.size();
}

size_t AppendJob::PlaceOf(const std::string& session) {
  auto [place, is_new] = places_.try_emplace(session, sessions_.size());
  if (is_new) sessions_.push_back({.name = session});
  return place->second;
}

void AppendJob::PrepareFact(const Fact& fact) {
  PreparedFact& prepared = facts_.emplace_back();
  prepared.session = PlaceOf(fact.session_id);
  prepared.source = &fact.source;
  prepared.kind = fact.kind;
  std::string body;
  EncodeFactBody(fact, &body);
  prepared.key = KeyOf(fact, body);
  prepared.body = Squeeze(body, kWarm);
  SessionOfBatch& session = sessions_[prepared.session];
  for (const auto& time : {fact.start_ns, fact.end_ns}) {
    if (!time) continue;
    session.first_ns = std::min(*time, session.first_ns.value_or(*time));
    session.last_ns = std::max(*time, session.last_ns.value_or(*time));
  }
  for (const std::string* other : {fact.session ? &fact.session->parent_session : nullptr,
                                   fact.result ? &fact.result->child_session : nullptr}) {
    if (other && CheckName("", *other, false)) links_.push_back({fact.session_id, *other});
  }
  bytes_ += prepared.body.size() + sizeof(PreparedFact) + sizeof(Fact);
}

Status AppendJob::Prepare(std::string_view salt, const SeenTexts& seen) {
  CT_RETURN_IF_ERROR(CheckNames());
  facts_.reserve(batch_.facts.size());
  prepared_.reserve(batch_.payloads.size());
  for (Fact& fact : batch_.facts) {
    PrepareFact(fact);
    // It is in facts_ now, but for its source.
    Fact bare;
    bare.source.swap(fact.source);
    fact = std::move(bare);
  }
  for (Payload& payload : batch_.payloads) {
    PlaceOf(payload.session_id);
    prepared_.push_back(store::Prepare(payload, salt, seen));
    bytes_ += BytesOf(prepared_.back());
  }
  for (const SkippedRecord& skipped : batch_.skipped) PlaceOf(skipped.session_id);
  links_.insert(links_.end(), batch_.links.begin(), batch_.links.end());
  bytes_ += batch_.positions.size() * sizeof(SourcePosition) + sizeof *this;
  return {};
}

Status AppendJob::Apply(WriteScope& scope) {
  result_ = {};
  auto tenant = scope.rows.Tenant(batch_.tenant);
  if (!tenant) return std::unexpected(tenant.error());
  for (SessionOfBatch& session : sessions_) {
    auto row = scope.rows.Session(*tenant, session.name);
    if (!row) return std::unexpected(row.error());
    session.row = *row, session.added = 0, session.changed = false;
  }
  CT_RETURN_IF_ERROR(ApplyFacts(scope));
  CT_RETURN_IF_ERROR(ApplyPayloads(scope));
  CT_RETURN_IF_ERROR(ApplySkipped(scope));
  for (const SessionLink& link : links_)
    CT_RETURN_IF_ERROR(scope.rows.Link(*tenant, link.session_id, link.other, scope.sequence));
  CT_RETURN_IF_ERROR(Touch(scope));
  return ApplyPositions(scope, *tenant);
}

Status AppendJob::ApplyFacts(WriteScope& scope) {
  for (const PreparedFact& fact : facts_) {
    auto source = scope.rows.Word(*fact.source);
    if (!source) return std::unexpected(source.error());
    SessionOfBatch& session = sessions_[fact.session];
    Statement add = scope.db.Prepare(
        "INSERT INTO fact(session, hash, source, kind, body) VALUES(?, ?, ?, ?, ?) "
        "ON CONFLICT(session, hash) DO NOTHING");
    add.Bind(session.row).BindBlob({fact.key.data(), fact.key.size()}).Bind(*source);
    CT_RETURN_IF_ERROR(add.Bind(static_cast<int64_t>(fact.kind)).BindBlob(fact.body).Run());
    bool added = scope.db.changes() > 0;
    if (added) ++session.added, session.changed = true;
    ++(added ? result_.facts_added : result_.facts_known);
  }
  return {};
}

Status AppendJob::ApplyPayloads(WriteScope& scope) {
  for (const PreparedPayload& prepared : prepared_) {
    SessionOfBatch& session = sessions_[places_.find(prepared.payload->session_id)->second];
    auto added = payloads_.Add(scope, session.row, prepared);
    if (!added) return std::unexpected(added.error());
    ++(*added ? result_.payloads_added : result_.payloads_known);
  }
  return {};
}

Status AppendJob::ApplySkipped(WriteScope& scope) {
  for (const SkippedRecord& record : batch_.skipped) {
    SessionOfBatch& session = sessions_[places_.find(record.session_id)->second];
    const Skipped& skipped = record.skipped;
    Statement add = scope.db.Prepare("INSERT INTO skipped VALUES(?, ?, ?, ?, ?) ON CONFLICT DO NOTHING");
    add.Bind(session.row).Bind(std::string_view(skipped.file)).Bind(skipped.line).Bind(skipped.offset);
    CT_RETURN_IF_ERROR(add.Bind(std::string_view(skipped.reason)).Run());
    if (scope.db.changes() > 0) session.changed = true;
  }
  return {};
}

// What changed is to be compiled anew; what was only repeated is not.
Status AppendJob::Touch(WriteScope& scope) {
  for (const SessionOfBatch& session : sessions_) {
    if (!session.changed) continue;
    Statement counts = scope.db.Prepare(
        "UPDATE session SET facts = facts + ?, first_ns = min(ifnull(first_ns, ?2), ifnull(?2, first_ns)), "
        "last_ns = max(ifnull(last_ns, ?3), ifnull(?3, last_ns)) WHERE id = ?4");
    CT_RETURN_IF_ERROR(
        counts.Bind(session.added).Bind(session.first_ns).Bind(session.last_ns).Bind(session.row).Run());
    Statement family = scope.db.Prepare(
        "UPDATE family SET changed = ?, touched_ns = max(touched_ns, ?), stale = 1 "
        "WHERE id = (SELECT family FROM session WHERE id = ?)");
    family.Bind(static_cast<int64_t>(scope.sequence)).Bind(batch_.now_ns).Bind(session.row);
    CT_RETURN_IF_ERROR(family.Run());
  }
  return {};
}

Status AppendJob::ApplyPositions(WriteScope& scope, int64_t tenant) {
  for (const SourcePosition& position : batch_.positions) {
    Statement put = scope.db.Prepare("INSERT OR REPLACE INTO position VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)");
    put.Bind(tenant).Bind(std::string_view(position.key)).Bind(static_cast<int64_t>(position.device));
    put.Bind(static_cast<int64_t>(position.inode)).Bind(static_cast<int64_t>(position.size));
    put.Bind(position.modified_ns).Bind(static_cast<int64_t>(position.offset));
    put.Bind(static_cast<int64_t>(position.head_hash)).BindBlob(position.state);
    CT_RETURN_IF_ERROR(put.Run());
  }
  return {};
}

}  // namespace

std::unique_ptr<Job> PrepareAppend(Batch batch, OnAppended done, std::string_view salt, const SeenTexts& seen,
                                   PayloadWriter* payloads) {
  auto job = std::make_unique<AppendJob>(std::move(batch), std::move(done), payloads);
  if (Status prepared = job->Prepare(salt, seen); !prepared) {
    job->Done(prepared, 0);
    return nullptr;
  }
  return job;
}

}  // namespace clawtrace::store
