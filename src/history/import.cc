#include "history/import.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/hash.h"
#include "capture/log_bytes.h"
#include "capture/unzip.h"
#include "history/file_state.h"
#include "history/links.h"
#include "history/records.h"
#include "history/superseded.h"
#include "model/fact_hash.h"

namespace clawtrace::history {
namespace {

namespace fs = std::filesystem;

// A batch is stored when it holds this much; more where the facts of a session's files are looked at
// together.
constexpr size_t kBatchBytes = size_t{8} << 20, kTogetherBytes = size_t{64} << 20;
constexpr size_t kBatchFacts = 20'000;
constexpr size_t kLongestId = 4096;

bool IsStorable(std::string_view id) {
  return !id.empty() && id.size() <= kLongestId && id.find('\0') == std::string_view::npos;
}

size_t BytesOf(const Fact& fact) {
  size_t bytes = 300 + fact.id.size() + fact.session_id.size();
  if (fact.user) bytes += fact.user->text.size();
  if (fact.llm) bytes += fact.llm->text.size() + sizeof(LlmCall);
  if (fact.tool) bytes += fact.tool->args.size() + sizeof(ToolUse);
  if (fact.result) bytes += fact.result->output.size() + sizeof(ToolResult);
  return bytes;
}

bool IsZipped(const std::string& path) {
  constexpr size_t kMagic = 8;
  auto log = capture::LogFile::Open(path);
  auto head = log ? log->Head(kMagic) : std::unexpected(log.error());
  return !head || capture::IsCompressedHead(*head);
}

uint64_t ThingOf(const Fact& fact) {
  uint64_t hash = Hash64(fact.source, static_cast<uint64_t>(fact.kind));
  return Hash64(fact.id, Hash64(fact.session_id, hash));
}

struct Known {
  store::SourcePosition position;
  FileState state;
};
using KnownFiles = std::map<std::string, Known, std::less<>>;

Result<KnownFiles> ReadKnown(store::Store& store, std::string_view tenant) {
  auto positions = store.Positions(tenant);
  if (!positions) return std::unexpected(std::move(positions.error()));
  KnownFiles known;
  for (store::SourcePosition& position : *positions) {
    auto state = UnpackState(position.state);
    if (!state) continue;  // of another program: the file is read again
    position.state.clear();
    std::string key = position.key;
    known.emplace(std::move(key), Known{std::move(position), std::move(*state)});
  }
  return known;
}

// What all files say, by session: a fact that one file no longer says may be another's.
class Sayings {
 public:
  explicit Sayings(const KnownFiles& known) : known_(known) {
    for (const auto& [path, file] : known) {
      for (const Said& said : file.state.dropped) dropped_.insert(said.content);
    }
  }
  void Note(const std::string& path, const FileState& state) {
    for (const Said& said : state.dropped) dropped_.insert(said.content);
    if (!indexed_) return;
    for (const std::string& session : state.sessions) files_[session].insert(path);
  }
  // Has any file ceased to say it?
  bool WasDropped(uint64_t content) const { return dropped_.contains(content); }
  // Contents said of these sessions by other files.
  std::unordered_set<uint64_t> SaidElsewhere(const std::string& path,
                                             const std::vector<std::string>& sessions) {
    if (!std::exchange(indexed_, true)) {
      for (const auto& [each, file] : known_) {
        for (const std::string& session : file.state.sessions) files_[session].insert(each);
      }
    }
    std::set<std::string> others;
    for (const std::string& session : sessions) {
      if (auto found = files_.find(session); found != files_.end())
        others.insert(found->second.begin(), found->second.end());
    }
    others.erase(path);
    std::unordered_set<uint64_t> contents;
    for (const std::string& other : others) {
      for (const Said& said : known_.find(other)->second.state.said) contents.insert(said.content);
    }
    return contents;
  }

 private:
  const KnownFiles& known_;
  bool indexed_ = false;
  std::unordered_map<std::string, std::set<std::string>> files_;  // by session
  std::unordered_set<uint64_t> dropped_;
};

// Spares the walk over the inputs from opening files that have not changed.
class Memory final : public capture::FileMemory {
 public:
  explicit Memory(const KnownFiles& known) : known_(known) {}
  std::optional<FileMemory::Known> Find(const std::string& path, const capture::LogStamp& stamp) override {
    auto found = known_.find(path);
    if (found == known_.end()) return std::nullopt;
    const auto& [position, state] = found->second;
    // Whether a database is of a known client stands in its log as well.
    if (state.database || StampOf(position, state) != stamp) return std::nullopt;
    FileMemory::Known known{state.importer.empty() ? nullptr : capture::FindImporter(state.importer),
                            state.unit_key};
    if (!known.importer && !state.importer.empty()) return std::nullopt;
    return known;
  }
  void Learn(const std::string& path, const capture::LogStamp& stamp,
             const FileMemory::Known& known) override {
    learnt[path] = {stamp, known};
  }

  std::map<std::string, std::pair<capture::LogStamp, FileMemory::Known>> learnt;

 private:
  const KnownFiles& known_;
};

store::SourcePosition PositionOf(const std::string& path, const capture::LogStamp& stamp) {
  store::SourcePosition position;
  position.key = path;
  position.device = stamp.device, position.inode = stamp.inode, position.size = stamp.size;
  position.modified_ns = stamp.modified_ns;
  return position;
}

// Fills batches from readers and stores them.
class Loader final : public capture::FactSink {
 public:
  Loader(store::Store& store, const ImportOptions& options, KnownFiles* known, Imported* result)
      : store_(store),
        options_(options),
        known_(*known),
        sayings_(*known),
        result_(*result),
        records_(options.redactor) {
    NewBatch();
  }

  void StartUnit(const capture::Unit& unit) { together_ = unit.importer->links != nullptr; }
  // earlier: how the file was read before; may be nullptr.
  void StartFile(const capture::InputFile& file, const std::string& unit_key, const Known* earlier);
  void EndFile();
  // home: a session that places of files without facts go to; "" when none is known.
  Status EndUnit(const std::string& home);
  Status Flush();
  Status Store(store::Batch batch);
  void AddPosition(store::SourcePosition position) { batch_.positions.push_back(std::move(position)); }
  const Status& status() const { return status_; }
  const std::string& unit_session() const { return unit_session_; }

  void Add(Fact&& fact) override;
  void Skip(int64_t line, int64_t offset, std::string_view reason) override {
    ++result_.places_skipped;
    pending_.push_back({path_, line, offset, std::string(reason)});
  }
  void EndSession() override;
  void Link(std::string_view session_id, std::string_view other) override {
    if (IsStorable(session_id) && IsStorable(other))
      batch_.links.push_back({std::string(session_id), std::string(other)});
  }
  void FromRecord(std::string_view bytes, int64_t offset) override { records_.FromRecord(bytes, offset); }
  void FromElement(Json element) override { records_.FromElement(element); }
  capture::KeptRecord KeepRecord() override { return options_.keep_records ? records_.KeepRecord() : 0; }
  using FactSink::FromKept;
  void FromKept(std::span<const capture::KeptRecord> records) override { records_.FromKept(records); }

 private:
  struct Waiting {  // a file that gave no fact: its places belong to the unit's session
    store::SourcePosition position;
    FileState state;
    std::vector<Skipped> places;
  };

  void NewBatch() {
    batch_ = {};
    batch_.tenant = options_.tenant, batch_.now_ns = options_.now_ns;
    bytes_ = payload_bytes_ = 0;
  }
  uint32_t IndexOf(const std::string& session);
  void Say(const std::string& session, bool place, uint64_t thing, uint64_t content) {
    state_.said.push_back({IndexOf(session), place, thing, content});
  }
  void AddPlace(const std::string& session, Skipped place);
  void Supersede();
  void TakeOver(const std::vector<Said>& list, std::vector<Said>* into);
  void Mark(const std::string& session, const Said& said, bool holds);
  store::SourcePosition Position() const;
  void AddPartialPosition();
  void KeepRecordsOf(const Fact& fact);

  store::Store& store_;
  const ImportOptions& options_;
  KnownFiles& known_;
  Sayings sayings_;
  Imported& result_;
  RecordKeeper records_;
  Status status_;  // the first failure: nothing is stored after it
  store::Batch batch_;
  size_t bytes_ = 0, payload_bytes_ = 0;
  bool together_ = false;
  std::string unit_session_;
  std::vector<Waiting> waiting_;
  // Of the file being read:
  std::string path_, first_session_;
  const capture::InputFile* file_ = nullptr;
  const Known* earlier_ = nullptr;
  FileState state_;
  std::optional<Ends> ends_;
  std::unordered_map<std::string, uint32_t> session_index_;
  std::vector<Skipped> pending_, orphans_;
};

void Loader::StartFile(const capture::InputFile& file, const std::string& unit_key, const Known* earlier) {
  file_ = &file, earlier_ = earlier, path_ = file.path;
  first_session_.clear(), pending_.clear(), orphans_.clear(), session_index_.clear();
  state_ = {};
  state_.importer = file.importer->name, state_.unit_key = unit_key;
  state_.database = file.database, state_.changed_ns = file.stamp.changed_ns;
  // Before the file is read: what changes meanwhile is read again.
  state_.companions = CompanionsOf(file);
  ends_ = file.path == "-" || file.database ? std::nullopt : EndsOf(file.path, file.stamp.size);
  if (ends_) state_.tail_hash = ends_->tail;
  state_.records = options_.keep_records;
  records_.StartFile(ends_ && !IsZipped(file.path) ? file.path : "");
}

uint32_t Loader::IndexOf(const std::string& session) {
  auto [at, fresh] = session_index_.emplace(session, static_cast<uint32_t>(state_.sessions.size()));
  if (fresh) state_.sessions.push_back(session);
  return at->second;
}

void Loader::Add(Fact&& fact) {
  if (!IsStorable(fact.session_id) || !IsStorable(fact.source)) {
    ++result_.unstorable;
    return;
  }
  // Looked at as it was read: what is taken out changes its length.
  if (options_.keep_records) KeepRecordsOf(fact);
  if (options_.redactor) options_.redactor->Apply(&fact);
  if (first_session_.empty()) first_session_ = fact.session_id;
  if (unit_session_.empty()) unit_session_ = fact.session_id;
  Say(fact.session_id, false, ThingOf(fact), HashOf(fact));
  bytes_ += BytesOf(fact);
  batch_.facts.push_back(std::move(fact));
  if (together_ || (bytes_ < kBatchBytes && batch_.facts.size() < kBatchFacts)) return;
  if (path_ != "-") AddPartialPosition();
  if (status_) status_ = Flush();
}

void Loader::KeepRecordsOf(const Fact& fact) {
  bool cut = capture::IsCut(fact), telemetry = fact.kind == FactKind::kLink && fact.user;
  if (!cut && !telemetry) return;
  size_t bytes = 0;
  if (!records_.Keep(fact, &batch_.payloads, &bytes) && cut) ++result_.records_left_out;
  bytes_ += bytes, payload_bytes_ += bytes;
  // Facts that are looked at together wait for each other; their records need not.
  if (!together_ || payload_bytes_ < kBatchBytes) return;
  store::Batch ahead;
  ahead.tenant = batch_.tenant, ahead.now_ns = batch_.now_ns;
  ahead.payloads = std::move(batch_.payloads);
  batch_.payloads.clear();
  bytes_ -= payload_bytes_, payload_bytes_ = 0;
  if (status_) status_ = Store(std::move(ahead));
}

void Loader::AddPlace(const std::string& session, Skipped place) {
  uint64_t hash = HashOfPlace(place);
  Say(session, true, hash, hash);
  bytes_ += 100 + place.file.size();
  batch_.skipped.push_back({session, std::move(place)});
}

void Loader::EndSession() {
  for (Skipped& place : pending_) {
    if (first_session_.empty())
      orphans_.push_back(std::move(place));
    else
      AddPlace(first_session_, std::move(place));
  }
  pending_.clear(), first_session_.clear();
}

store::SourcePosition Loader::Position() const {
  store::SourcePosition position = PositionOf(file_->path, file_->stamp);
  position.offset = state_.complete ? file_->stamp.size : 0;
  position.head_hash = ends_ ? ends_->head : 0;
  position.state = PackState(state_);
  return position;
}

// What was said so far and before: when the rest never comes, the next reading knows it.
void Loader::AddPartialPosition() {
  FileState now = state_;
  auto index = session_index_;
  if (earlier_) {
    TakeOver(earlier_->state.said, &state_.said);
    TakeOver(earlier_->state.dropped, &state_.dropped);
  }
  state_.Settle();
  batch_.positions.push_back(Position());
  state_ = std::move(now), session_index_ = std::move(index);
}

// Of the earlier reading, with its sessions.
void Loader::TakeOver(const std::vector<Said>& list, std::vector<Said>* into) {
  for (Said said : list) {
    said.session = IndexOf(earlier_->state.sessions[said.session]);
    into->push_back(said);
  }
}

void Loader::Mark(const std::string& session, const Said& said, bool holds) {
  batch_.facts.push_back(said.place ? MarkPlace(session, said.content, holds, options_.now_ns)
                                    : MarkFact(session, said.content, holds, options_.now_ns));
  if (!holds && !said.place) ++result_.facts_superseded;
}

// Compares what the file says with what it said.
void Loader::Supersede() {
  state_.Settle();
  std::set<std::tuple<std::string_view, bool, uint64_t>> contents;
  std::set<std::pair<bool, uint64_t>> things;
  std::set<std::string_view> sessions;
  // state_.sessions may grow below, and move.
  const std::vector<std::string> names = state_.sessions;
  for (const Said& said : state_.said) {
    contents.emplace(names[said.session], said.place, said.content);
    things.emplace(said.place, said.thing);
    sessions.insert(names[said.session]);
  }
  const FileState& before = earlier_->state;
  const store::SourcePosition& then = earlier_->position;
  bool grown = !file_->database && file_->stamp.size >= then.size &&
               EndsOf(file_->path, then.size) == Ends{then.head_hash, before.tail_hash};
  auto still = [&](const Said& said) {
    return contents.contains({before.sessions[said.session], said.place, said.content});
  };
  auto elsewhere = sayings_.SaidElsewhere(path_, before.sessions);
  std::vector<Said> dropped;
  for (const Said& said : before.said) {
    const std::string& session = before.sessions[said.session];
    bool replaced = grown || (said.place ? sessions.contains(session) : things.contains({false, said.thing}));
    if (!replaced || still(said)) continue;
    if (!elsewhere.contains(said.content)) Mark(session, said, false);
    dropped.push_back(said);
  }
  for (const Said& said : before.dropped) {
    if (!still(said)) dropped.push_back(said);
  }
  TakeOver(dropped, &state_.dropped);
}

void Loader::EndFile() {
  ++result_.files_read;
  bool empty = state_.said.empty();
  // What some file has ceased to say holds again when this one says it.
  for (const Said& said : state_.said) {
    if (sayings_.WasDropped(said.content)) Mark(state_.sessions[said.session], said, true);
  }
  if (earlier_ && !empty) Supersede();
  state_.complete = true;
  if (path_ == "-") {
    orphans_.clear();
  } else if (empty) {
    ++result_.files_without_records;
    waiting_.push_back({Position(), state_, std::move(orphans_)});
  } else {
    for (Skipped& place : std::exchange(orphans_, {})) AddPlace(unit_session_, std::move(place));
    state_.Settle();
    batch_.positions.push_back(Position());
    sayings_.Note(path_, state_);
    store::SourcePosition position = PositionOf(path_, file_->stamp);
    position.head_hash = ends_ ? ends_->head : 0;
    known_.insert_or_assign(path_, Known{std::move(position), std::move(state_)});
  }
  size_t most = together_ ? kTogetherBytes : kBatchBytes;
  if (status_ && bytes_ >= most) status_ = Flush();
}

Status Loader::EndUnit(const std::string& home) {
  for (Waiting& waiting : waiting_) {
    state_ = std::move(waiting.state), session_index_.clear();
    if (!home.empty()) {
      for (Skipped& place : waiting.places) AddPlace(home, std::move(place));
    }
    state_.Settle();
    waiting.position.state = PackState(state_);
    batch_.positions.push_back(std::move(waiting.position));
  }
  waiting_.clear(), unit_session_.clear();
  if (status_ && (bytes_ >= kBatchBytes / 2 || batch_.facts.size() >= kBatchFacts / 2)) status_ = Flush();
  return status_;
}

Status Loader::Flush() {
  if (batch_.facts.empty() && batch_.positions.empty() && batch_.skipped.empty()) return {};
  std::ranges::move(LinksOf(batch_.facts), std::back_inserter(batch_.links));
  store::Batch batch = std::move(batch_);
  NewBatch();
  return Store(std::move(batch));
}

Status Loader::Store(store::Batch batch) {
  auto appended = store::AppendAndWait(store_, std::move(batch));
  if (!appended) return std::unexpected(std::move(appended.error()));
  result_.facts_added += appended->facts_added;
  result_.facts_known += appended->facts_known;
  result_.payloads_added += appended->payloads_added;
  result_.payloads_known += appended->payloads_known;
  return {};
}

class Run {
 public:
  Run(store::Store& store, const ImportOptions& options, KnownFiles known, Imported* result)
      : options_(options),
        known_(std::move(known)),
        result_(*result),
        loader_(store, options, &known_, result) {}

  Status All() {
    Memory memory(known_);
    capture::Plan plan = capture::PlanInputs(Absolute(options_.inputs), &memory);
    result_.unusable = plan.unusable;
    result_.unrecognised_files = plan.unrecognised_files;
    for (const auto& [path, what] : memory.learnt) Learn(path, what.first, what.second);
    for (const capture::Unit& unit : plan.units) {
      if (!unit.importer) continue;
      if (options_.stop && options_.stop()) {
        result_.stopped = true;
        break;
      }
      CT_RETURN_IF_ERROR(ReadUnit(unit, plan));
    }
    CT_RETURN_IF_ERROR(loader_.status());
    return loader_.Flush();
  }

 private:
  static std::vector<std::string> Absolute(std::vector<std::string> inputs) {
    for (std::string& input : inputs) {
      std::error_code error;
      fs::path path = input == "-" ? fs::path() : fs::absolute(input, error);
      if (!path.empty() && !error) input = path.lexically_normal().string();
      if (input.size() > 1 && input.ends_with('/')) input.pop_back();
    }
    return inputs;
  }

  // Files that are no log are not opened again until they change; what a log is, is known before it is read.
  void Learn(const std::string& path, const capture::LogStamp& stamp,
             const capture::FileMemory::Known& what) {
    keys_[path] = what.unit_key;
    if (what.importer) return;
    store::SourcePosition position = PositionOf(path, stamp);
    FileState state;
    state.complete = true, state.changed_ns = stamp.changed_ns;
    position.state = PackState(state);
    loader_.AddPosition(std::move(position));
  }

  const Known* Earlier(const capture::InputFile& file) const {
    auto found = known_.find(file.path);
    return found == known_.end() ? nullptr : &found->second;
  }

  bool IsUnchanged(const capture::InputFile& file, const Known* earlier) const {
    return earlier && earlier->state.complete && (earlier->state.records || !options_.keep_records) &&
           file.path != "-" && earlier->state.importer == file.importer->name &&
           StampOf(earlier->position, earlier->state) == file.stamp &&
           earlier->state.companions == CompanionsOf(file);
  }

  std::string UnitKeyOf(const capture::InputFile& file, const Known* earlier) const {
    auto learnt = keys_.find(file.path);
    if (learnt != keys_.end()) return learnt->second;
    return earlier ? earlier->state.unit_key : "";
  }

  Status ReadUnit(const capture::Unit& unit, const capture::Plan& plan) {
    std::string home;
    loader_.StartUnit(unit);
    for (const capture::InputFile& file : unit.files) {
      const Known* earlier = Earlier(file);
      if (IsUnchanged(file, earlier)) {
        ++result_.files_unchanged;
        if (options_.on_bytes) options_.on_bytes(file.bytes);
        if (home.empty() && !earlier->state.sessions.empty()) home = earlier->state.sessions.front();
        continue;
      }
      loader_.StartFile(file, UnitKeyOf(file, earlier), earlier);
      Status read = capture::ReadFacts(file, plan, &loader_, options_.on_bytes);
      if (!read) result_.unusable.push_back({file.path, read.error().message, false});
      loader_.EndFile();
      CT_RETURN_IF_ERROR(loader_.status());
    }
    if (!loader_.unit_session().empty()) home = loader_.unit_session();
    return loader_.EndUnit(home);
  }

  const ImportOptions& options_;
  KnownFiles known_;
  Imported& result_;
  Loader loader_;
  std::map<std::string, std::string> keys_;
};

}  // namespace

Result<Imported> Import(store::Store& store, const ImportOptions& options) {
  auto known = ReadKnown(store, options.tenant);
  if (!known) return std::unexpected(std::move(known.error()));
  Imported result;
  if (Status done = Run(store, options, std::move(*known), &result).All(); !done)
    return std::unexpected(std::move(done.error()));
  return result;
}

}  // namespace clawtrace::history
