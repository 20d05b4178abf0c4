#pragma once
// OpenCode's sessions, messages and parts as facts. The three come as rows of a database, in one exported
// document, or as a file each; a part alone does not say who spoke nor which model answered, so what is found
// is only complete after Resolve has seen everything that is read together.
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "capture/importer.h"

namespace clawtrace::capture::opencode {

// Where a message or part belongs; a database says it in columns, files in members.
struct Ids {
  std::string id, message, session;
};

class Records {
 public:
  // skip is called with a stable reason for what cannot be used.
  Records(FactSink* sink, std::function<void(std::string_view)> skip)
      : sink_(*sink), skip_(std::move(skip)) {}

  void Session(std::string_view id, Json info);
  void Message(const Ids& ids, Json message);
  void Part(const Ids& ids, Json part);

 private:
  void Answer(const Ids& ids, Json message);
  void Text(const Ids& ids, Json part);
  void Step(const Ids& ids, Json part);
  void Tool(const Ids& ids, Json part);
  void Result(const Ids& ids, const std::string& tool, const std::string& call, Json state);
  void Skill(const Ids& ids, const std::string& tool, const std::string& call, Json state);
  std::optional<Usage> UsageOf(Json tokens);
  std::optional<Usd> CostOf(Json record);
  Fact Start(FactKind kind, const Ids& ids) const;
  std::optional<int64_t> Time(Json value);

  FactSink& sink_;
  std::function<void(std::string_view)> skip_;
};

// Makes calls of steps, gives tools to their calls and texts to their speakers, and puts all in order.
void Resolve(std::vector<Fact>* facts);

}  // namespace clawtrace::capture::opencode
