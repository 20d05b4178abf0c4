// OpenCode sessions: its database, exported sessions, and the older tree of one file a record.
#include "capture/document_reader.h"
#include "capture/importers/opencode_facts.h"
#include "capture/importers/opencode_resolve.h"
#include "capture/importers/opencode_store.h"

namespace clawtrace::capture {
namespace {

using namespace opencode;

enum class Shape { kNone, kExport, kSession, kMessage, kPart };

Shape ShapeOf(Json record) {
  if (!record.is_object()) return Shape::kNone;
  auto has = [&](std::string_view key) { return record[key].is_string(); };
  Json info = record["info"];
  if (info.is_object()) {
    bool session = info["id"].is_string() && info["projectID"].is_string() && info["directory"].is_string();
    return session && (record["messages"].is_array() || !record["messages"]) ? Shape::kExport : Shape::kNone;
  }
  if (!has("id")) return Shape::kNone;
  if (has("messageID") && has("sessionID") && has("type")) return Shape::kPart;
  std::string_view role = record["role"].text();
  bool spoken = role == "user" || role == "assistant";
  if (has("sessionID") && spoken && record["time"].is_object()) return Shape::kMessage;
  if (has("projectID") && has("directory") && record["time"].is_object()) return Shape::kSession;
  return Shape::kNone;
}

class Reader final : public JsonDocumentReader {
 public:
  explicit Reader(FactSink* sink)
      : JsonDocumentReader(sink), records_(sink, [this](std::string_view reason) { Skip(reason); }) {}

 protected:
  void OnDocument(Json document) override {
    switch (ShapeOf(document)) {
      case Shape::kExport:
        return OnExport(document);
      case Shape::kSession:
        return records_.Session(document["id"].text(), document);
      case Shape::kMessage:
        return OnMessage(document);
      case Shape::kPart:
        return OnPart(document);
      case Shape::kNone:
        return Skip("unknown-type");
    }
  }

 private:
  void OnExport(Json document) {
    std::string session(document["info"]["id"].text());
    records_.Session(session, document["info"]);
    document["messages"].ForEachItem([&](Json message) {
      Json info = message["info"];
      if (!info.is_object()) return Skip("missing:info");
      sink().FromElement(info);
      OnMessage(info);
      message["parts"].ForEachItem([&](Json part) {
        sink().FromElement(part);
        OnPart(part);
      });
    });
  }

  void OnMessage(Json message) {
    Ids ids{std::string(message["id"].text()), "", std::string(message["sessionID"].text())};
    if (ids.id.empty() || ids.session.empty()) return Skip("missing:id");
    records_.Message(ids, message);
  }

  void OnPart(Json part) {
    Ids ids{std::string(part["id"].text()), std::string(part["messageID"].text()),
            std::string(part["sessionID"].text())};
    if (ids.id.empty() || ids.message.empty() || ids.session.empty()) return Skip("missing:id");
    records_.Part(ids, part);
  }

  Records records_;
};

bool Sniff(std::string_view head) {
  JsonParser parser;
  return ShapeOf(HeadDocument(head, &parser)) != Shape::kNone;
}

std::unique_ptr<LogReader> Open(const FileContext&, FactSink* sink) { return std::make_unique<Reader>(sink); }

// A client's folder holds its database and, from older releases, storage/{session,message,part}/...; exported
// sessions lie where the user put them, a sub-agent's beside its parent's.
std::string UnitKey(std::string_view path, std::string_view) {
  for (std::string_view folder : {"/storage/session/", "/storage/message/", "/storage/part/"}) {
    size_t at = path.rfind(folder);
    if (at != std::string_view::npos) return std::string(path.substr(0, at));
  }
  size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? std::string_view(".") : path.substr(0, slash));
}

// A fork's copies are known by the session that they were copied from.
void LinkForks(std::span<const Fact> facts, SessionLinks* links) {
  std::vector<Fact> resolved(facts.begin(), facts.end());
  Resolve(&resolved);
  for (const Fact& fact : resolved) {
    if (fact.session && !fact.session->forked_from.empty())
      links->emplace_back(fact.session_id, fact.session->forked_from);
  }
}

}  // namespace

extern const Importer kOpencode;
const Importer kOpencode = {
    .name = "opencode",
    .summary = "OpenCode's database, exported sessions, and its older storage of JSON files",
    .default_root = ".local/share/opencode",
    .file_suffixes = ".db,.json",
    .sniff = Sniff,
    .open = Open,
    .resolve = Resolve,
    // Texts are their message's; calls that share an id are told apart by their part.
    .becomes =
        [](const Fact& fact, std::string_view id) {
          if (fact.kind == FactKind::kUser) return fact.parent_node == id;
          return id.ends_with("@" + fact.node) && id.starts_with(fact.id) &&
                 id.size() == fact.id.size() + fact.node.size() + 1;
        },
    .links = LinkForks,
    .unit_key = UnitKey,
    .is_database = IsStore,
    .read_database = ReadStore,
};

}  // namespace clawtrace::capture
