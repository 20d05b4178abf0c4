#include "capture/importers/openclaw_store.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/text.h"
#include "capture/database_log.h"
#include "capture/importers/openclaw_agents.h"
#include "capture/importers/openclaw_reader.h"
#include "capture/sqlite_reader.h"
#include "capture/unzip.h"

namespace clawtrace::capture::openclaw {
namespace {

// OpenClaw compresses events up to this size.
constexpr size_t kMaxEvent = size_t{4} << 20;
// A file may decompress to so many times its size, and to so much at least.
constexpr uint64_t kMaxGrowth = 64, kGrowthAtLeast = uint64_t{256} << 20;
constexpr uint64_t kMaxArchiveFile = uint64_t{1} << 30;

// The readers count lines and bytes of a text that stands nowhere; what tells a place here is which event of
// its session it was.
class EventSink final : public PassingSink {
 public:
  explicit EventSink(FactSink* sink) : PassingSink(sink) {}
  void Skip(int64_t line, int64_t, std::string_view reason) override { to().Skip(line, 0, reason); }
  void FromRecord(std::string_view bytes, int64_t) override { to().FromRecord(bytes, -1); }
};

struct Window {
  int64_t created = 0;
  std::string id, key, previous, reason, parent_key;
};

class Store {
 public:
  Store(SqliteReader reader, std::string folder, FactSink* sink)
      : db_(std::move(reader)),
        folder_(std::move(folder)),
        neighbours_(folder_),
        sink_(*sink),
        growth_left_(kGrowthAtLeast + (db_.bytes() * kMaxGrowth)) {
    index_.elsewhere = [this](const std::string& key) { return neighbours_.SessionOf(key, INT64_MIN); };
  }

  void Read();

 private:
  void ReadNodes();
  void ReadWindows();
  void LinkWindows();
  std::set<std::string> SessionIds();
  std::unordered_set<std::string> CopiedBy(const std::string& session, const std::string& origin);
  void ReadSession(const std::string& session);
  void ReadArchives(const std::string& session, LogReader* reader);
  void ReadEvents(const std::string& session, LogReader* reader);
  void ReadFallbacks(const std::string& session, LogReader* reader);
  void FeedArchive(std::string_view bytes, bool compressed, LogReader* reader);
  void FeedEvent(std::string text, LogReader* reader);
  bool Query(const std::string& sql, std::span<const std::string> texts,
             const std::function<bool(const SqliteRow&)>& visit);
  std::string ArchiveFile(const std::string& name) const;

  SqliteReader db_;
  std::string folder_;  // of the database, with the slash
  Neighbours neighbours_;
  FactSink& sink_;
  uint64_t growth_left_;
  SessionIndex index_;
  std::vector<Window> windows_;
  std::map<std::string, std::string> fork_of_key_;      // session key -> session whose history it copied
  std::map<std::string, std::string> origin_of_;        // session -> the one whose entries it may repeat
  std::map<std::string, std::set<std::string>> forks_;  // origin -> sessions read that repeat its entries
};

bool Store::Query(const std::string& sql, std::span<const std::string> texts,
                  const std::function<bool(const SqliteRow&)>& visit) {
  Status done = db_.ForEachRow(sql, texts, visit);
  if (done) return true;
  sink_.Skip(0, 0, done.error().code == ErrorCode::kLimit ? "too-much-work" : "damaged-table");
  return false;
}

void Store::ReadNodes() {
  if (!db_.HasColumn("session_nodes", "session_key")) return;
  auto column = [&](const char* name) { return db_.ColumnOrNull("session_nodes", name); };
  JsonParser parser;
  Query("SELECT session_key, " + column("current_session_id") + ", " + column("fork_source_session_id") +
            ", " + column("label") + ", " + column("entry_json") + " FROM session_nodes",
        {}, [&](const SqliteRow& row) {
          std::string key = row.String(0), id = row.String(1);
          if (key.empty() || id.empty()) return true;
          index_.id_of_key.emplace(key, id);
          if (auto origin = row.Text(2); origin && !origin->empty()) fork_of_key_.emplace(key, *origin);
          SessionIndex::Known& known = index_.known[id];
          known.agent_name = Cut(row.String(3), kMaxText);
          if (auto entry = parser.Parse(row.Text(4).value_or(""))) known.skills = SkillsOffered(*entry);
          return true;
        });
}

void Store::ReadWindows() {
  if (!db_.HasColumn("session_windows", "session_id")) return;
  auto column = [&](const char* name) { return db_.ColumnOrNull("session_windows", name); };
  Query("SELECT session_id, " + column("session_key") + ", " + column("previous_session_id") + ", " +
            column("reason") + ", " + column("created_at") + ", " + column("parent_session_key") + ", " +
            column("spawned_by") + " FROM session_windows",
        {}, [&](const SqliteRow& row) {
          Window window{row.Integer(4).value_or(0),
                        row.String(0),
                        row.String(1),
                        row.String(2),
                        row.String(3),
                        row.String(6)};
          if (window.parent_key.empty()) window.parent_key = row.String(5);
          if (window.parent_key.empty()) window.parent_key = neighbours_.RequesterOf(window.key);
          if (!window.id.empty()) windows_.push_back(std::move(window));
          return true;
        });
  std::ranges::sort(windows_, {}, [](const Window& w) { return std::tie(w.created, w.id); });
}

// A session key outlives its sessions: a child belongs to the one that was open when it began.
void Store::LinkWindows() {
  std::map<std::string, std::vector<const Window*>> of_key;
  for (const Window& window : windows_) of_key[window.key].push_back(&window);
  for (const Window& window : windows_) {
    bool first = of_key[window.key].front() == &window;
    auto fork = fork_of_key_.find(window.key);
    if (first && fork != fork_of_key_.end() && fork->second != window.id) {
      origin_of_[window.id] = fork->second;
      index_.known[window.id].forked_from = fork->second;
    } else if (!window.previous.empty() && window.previous != window.id) {
      origin_of_[window.id] = window.previous;
      if (OneOf(window.reason, {"fork", "rewind"})) index_.known[window.id].forked_from = window.previous;
    }
    if (window.parent_key.empty() || window.parent_key == window.key) continue;
    auto parents = of_key.find(window.parent_key);
    std::string parent = window.parent_key;
    if (parents != of_key.end()) {
      auto after = std::ranges::upper_bound(parents->second, window.created, {}, &Window::created);
      parent = after == parents->second.begin() ? parents->second.front()->id : (*std::prev(after))->id;
    } else if (std::string other = neighbours_.SessionOf(window.parent_key, window.created); !other.empty()) {
      parent = std::move(other);
    }
    index_.spawner_of_id.emplace(window.id, parent);
    index_.id_of_key.emplace(window.key, window.id);
  }
}

std::set<std::string> Store::SessionIds() {
  std::set<std::string> ids;
  for (const char* table :
       {"transcript_events", "session_transcript_cold_archives", "session_transcript_archives"}) {
    if (!db_.HasColumn(table, "session_id")) continue;
    Query(std::string("SELECT DISTINCT session_id FROM ") + table, {}, [&](const SqliteRow& row) {
      if (auto id = row.Text(0); id && !id->empty()) ids.emplace(*id);
      return true;
    });
  }
  return ids;
}

// Entries of this session that its origin, or an earlier fork of a lost origin, holds too.
std::unordered_set<std::string> Store::CopiedBy(const std::string& session, const std::string& origin) {
  std::unordered_set<std::string> copied;
  if (!db_.HasColumn("transcript_event_identities", "event_id")) return copied;
  auto take = [&](const std::string& from) {
    std::vector<std::string> texts = {from};
    Query("SELECT event_id FROM transcript_event_identities WHERE session_id = ?", texts,
          [&](const SqliteRow& row) {
            copied.insert(row.String(0));
            return true;
          });
  };
  take(origin);
  if (copied.empty()) {
    for (const std::string& sibling : forks_[origin]) take(sibling);
    forks_[origin].insert(session);
  }
  return copied;
}

void Store::FeedEvent(std::string text, LogReader* reader) {
  std::ranges::replace(text, '\n', ' ');  // only ever between tokens
  text.push_back('\n');
  reader->Feed(text);
}

void Store::FeedArchive(std::string_view bytes, bool compressed, LogReader* reader) {
  if (!compressed) return reader->Feed(bytes), reader->Feed("\n");
  UnzipStream stream(bytes, growth_left_);
  (void)stream.Feed(bytes, [&](std::string_view text) {
    growth_left_ -= text.size();
    reader->Feed(text);
    return true;
  });
  reader->Feed("\n");
  if (bytes.empty() || stream.end() != UnzipStream::End::kWhole)
    sink_.Skip(0, 0, stream.end() == UnzipStream::End::kTooLong ? "archive-too-large" : "damaged-archive");
}

// Archives lie in the folder of the agent's sessions, which is beside that of the database.
std::string Store::ArchiveFile(const std::string& name) const {
  if (name.empty() || name.find('/') != std::string::npos) return {};
  for (const char* place : {"../sessions/cold/", "sessions/cold/", "cold/", ""}) {
    auto bytes = ReadFile(folder_ + place + name, kMaxArchiveFile);
    if (bytes) return std::move(*bytes);
  }
  return {};
}

void Store::ReadArchives(const std::string& session, LogReader* reader) {
  std::vector<std::string> texts = {session};
  if (db_.HasColumn("session_transcript_archives", "archive_blob")) {
    Query(
        "SELECT encoding, archive_blob FROM session_transcript_archives WHERE session_id = ? "
        "ORDER BY created_at",
        texts, [&](const SqliteRow& row) {
          FeedArchive(row.Blob(1).value_or(""), row.Text(0) == "zstd", reader);
          return true;
        });
  }
  if (!db_.HasColumn("session_transcript_cold_archives", "archive_name")) return;
  Query("SELECT archive_name, " + db_.ColumnOrNull("session_transcript_cold_archives", "archive_blob") +
            " FROM session_transcript_cold_archives WHERE session_id = ?",
        texts, [&](const SqliteRow& row) {
          std::string file;
          if (!row.Blob(1)) file = ArchiveFile(row.String(0));
          std::string_view bytes = row.Blob(1).value_or(file);
          if (bytes.empty())
            sink_.Skip(0, 0, "missing-archive");
          else
            FeedArchive(bytes, IsZstdHead(bytes), reader);
          return true;
        });
}

void Store::ReadEvents(const std::string& session, LogReader* reader) {
  if (!db_.HasColumn("transcript_events", "seq")) return;
  std::vector<std::string> texts = {session};
  auto column = [&](const char* name) { return db_.ColumnOrNull("transcript_events", name); };
  int64_t number = 0;
  Query("SELECT " + column("event_json") + ", " + column("event_zstd") +
            " FROM transcript_events WHERE session_id = ? ORDER BY seq",
        texts, [&](const SqliteRow& row) {
          ++number;
          std::optional<std::string> text;
          if (auto json = row.Text(0)) {
            text = *json;
          } else if (auto zipped = row.Blob(1)) {
            text = DecompressZstd(*zipped, std::min<uint64_t>(kMaxEvent, growth_left_));
            if (!text) sink_.Skip(number, 0, "damaged-event");
            growth_left_ -= text ? text->size() : 0;
          } else {
            sink_.Skip(number, 0, "missing:event");
          }
          FeedEvent(text.value_or(""), reader);
          return true;
        });
}

// Of the events of the run time only these say what the entries do not.
void Store::ReadFallbacks(const std::string& session, LogReader* reader) {
  if (!db_.HasColumn("trajectory_runtime_events", "event_json")) return;
  std::vector<std::string> texts = {session};
  Query("SELECT event_json FROM trajectory_runtime_events WHERE session_id = ? ORDER BY seq", texts,
        [&](const SqliteRow& row) {
          auto text = row.Text(0);
          if (text && text->find(kFallbackEvent) != std::string_view::npos)
            FeedEvent(std::string(*text), reader);
          return true;
        });
}

// session: as the rows spell it, which need not be valid UTF-8.
void Store::ReadSession(const std::string& session) {
  std::string id = IsValidUtf8(session) ? session : ReplaceInvalidUtf8(session);
  std::unordered_set<std::string> copied;
  if (auto origin = origin_of_.find(id); origin != origin_of_.end()) copied = CopiedBy(id, origin->second);
  EventSink sink(&sink_);
  OpenClawReader reader(id, &index_, std::move(copied), &sink);
  ReadArchives(session, &reader);
  ReadEvents(session, &reader);
  ReadFallbacks(session, &reader);
  reader.Finish();
  sink_.EndSession();
}

void Store::Read() {
  if (db_.HasColumn("schema_meta", "app_version")) {
    Query("SELECT app_version FROM schema_meta ORDER BY 1", {}, [&](const SqliteRow& row) {
      index_.agent_version = Cut(row.String(0), kMaxText);
      return true;
    });
  }
  ReadNodes();
  ReadWindows();
  LinkWindows();
  std::set<std::string> ids = SessionIds();
  std::vector<std::pair<int64_t, std::string>> order;
  std::map<std::string_view, int64_t> created;
  for (const Window& window : windows_) created.emplace(window.id, window.created);
  for (const std::string& id : ids) order.emplace_back(created.contains(id) ? created[id] : 0, id);
  std::ranges::sort(order);
  for (const auto& [time, id] : order) ReadSession(id);
}

}  // namespace

bool IsStore(std::span<const std::string> tables) {
  for (std::string_view table : {"session_nodes", "session_windows", "transcript_events"}) {
    if (!std::ranges::binary_search(tables, table)) return false;
  }
  return true;
}

Status ReadStore(const FileContext& file, FactSink* sink) {
  return ReadUnchanged(file.path, sink, [&](SqliteReader reader, FactSink* to) {
    Store(std::move(reader), file.path.substr(0, file.path.rfind('/') + 1), to).Read();
  });
}

}  // namespace clawtrace::capture::openclaw
