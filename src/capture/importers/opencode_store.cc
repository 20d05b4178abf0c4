#include "capture/importers/opencode_store.h"

#include <algorithm>

#include "base/json.h"
#include "base/text.h"
#include "capture/database_log.h"
#include "capture/importers/opencode_facts.h"

namespace clawtrace::capture::opencode {
namespace {

class Store {
 public:
  Store(SqliteReader reader, FactSink* sink)
      : db_(std::move(reader)),
        sink_(*sink),
        records_(sink, [this](std::string_view reason) { Skip(reason); }) {}

  void Read();

 private:
  void Skip(std::string_view reason) { sink_.Skip(number_, 0, reason); }
  void ReadSession(const std::string& id, const std::string& session_row);
  bool Query(const std::string& sql, std::span<const std::string> texts,
             const std::function<bool(const SqliteRow&)>& visit);
  std::optional<Json> Parse(std::string_view text);

  SqliteReader db_;
  FactSink& sink_;
  Records records_;
  JsonParser parser_;
  std::string repaired_;
  int64_t number_ = 0;  // of the record in its session
};

bool Store::Query(const std::string& sql, std::span<const std::string> texts,
                  const std::function<bool(const SqliteRow&)>& visit) {
  Status done = db_.ForEachRow(sql, texts, visit);
  if (done) return true;
  Skip(done.error().code == ErrorCode::kLimit ? "too-much-work" : "damaged-table");
  return false;
}

std::optional<Json> Store::Parse(std::string_view text) {
  ++number_;
  auto json = parser_.Parse(text);
  if (!json && !IsValidUtf8(text)) {
    repaired_ = ReplaceInvalidUtf8(text);
    json = parser_.Parse(repaired_);
    if (json) Skip("invalid-utf8-repaired");
  }
  if (!json) return Skip("not-json"), std::nullopt;
  if (!json->is_object()) return Skip("not-an-object"), std::nullopt;
  sink_.FromElement(*json);
  return *json;
}

// The row's columns as the document that an export has of a session.
std::string SessionDocument(const SqliteRow& row) {
  std::string text = "{";
  int column = 1;
  for (std::string_view key : {"parentID", "directory", "version", "agent"}) {
    AppendJsonString(key, &text);
    text += ":";
    AppendJsonString(row.String(column++), &text);
    text += ",";
  }
  auto created = row.Integer(column);
  return text + "\"time\":{\"created\":" + (created ? std::to_string(*created) : "null") + "}}";
}

// id: as the rows spell it, which need not be valid UTF-8.
void Store::ReadSession(const std::string& id, const std::string& session_row) {
  std::string session = IsValidUtf8(id) ? id : ReplaceInvalidUtf8(id);
  number_ = 0;
  if (auto info = parser_.Parse(session_row)) records_.Session(session, *info);
  std::vector<std::string> texts = {id};
  if (db_.HasColumn("message", "data")) {
    Query("SELECT id, data FROM message WHERE session_id = ?", texts, [&](const SqliteRow& row) {
      std::string message = row.String(0);
      auto json = Parse(row.Text(1).value_or(""));
      if (json && !message.empty()) records_.Message({message, "", session}, *json);
      return true;
    });
  }
  if (db_.HasColumn("part", "data")) {
    Query("SELECT id, message_id, data FROM part WHERE session_id = ?", texts, [&](const SqliteRow& row) {
      std::string part = row.String(0), message = row.String(1);
      auto json = Parse(row.Text(2).value_or(""));
      if (json && !part.empty() && !message.empty()) records_.Part({part, message, session}, *json);
      return true;
    });
  }
  sink_.EndSession();
}

void Store::Read() {
  auto column = [&](const char* name) { return db_.ColumnOrNull("session", name); };
  std::vector<std::pair<std::string, std::string>> sessions;
  Query("SELECT id, " + column("parent_id") + ", " + column("directory") + ", " + column("version") + ", " +
            column("agent") + ", " + column("time_created") + " FROM session",
        {}, [&](const SqliteRow& row) {
          if (auto id = row.Text(0); id && !id->empty()) sessions.emplace_back(*id, SessionDocument(row));
          return true;
        });
  std::ranges::sort(sessions);
  for (const auto& [id, row] : sessions) ReadSession(id, row);
}

}  // namespace

bool IsStore(std::span<const std::string> tables) {
  for (std::string_view table : {"message", "part", "project", "session"}) {
    if (!std::ranges::binary_search(tables, table)) return false;
  }
  return true;
}

Status ReadStore(const FileContext& file, FactSink* sink) {
  return ReadUnchanged(file.path, sink,
                       [](SqliteReader reader, FactSink* to) { Store(std::move(reader), to).Read(); });
}

}  // namespace clawtrace::capture::opencode
