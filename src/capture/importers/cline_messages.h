#pragma once
// Message lists of Cline and its forks: Anthropic-style messages, with native tool blocks or with tools as
// XML in the text. Makes facts of them; the caller says who they belong to.
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "model/fact.h"

namespace clawtrace::capture {

class ClineMessages {
 public:
  using AddFn = std::function<void(Fact)>;
  using SkipFn = std::function<void(std::string_view)>;
  using FromFn = std::function<void(Json)>;  // of which message the facts come that follow
  ClineMessages(std::string_view source, std::string session, AddFn add, SkipFn skip, FromFn from)
      : source_(source),
        session_(std::move(session)),
        add_(std::move(add)),
        skip_(std::move(skip)),
        from_(std::move(from)) {}

  // Every assistant message is a call; its usage is known if the message has metrics. Without an id a message
  // is named by its place.
  void Read(Json messages);

 private:
  void OnUser(Json message, const std::string& id, int64_t place);
  void OnAssistant(Json message, const std::string& id, int64_t place);
  void OnBlocks(Json content, LlmCall* call, const Fact& about);
  void OnTool(const Fact& about, std::string id, int64_t index, ToolUse tool);
  void OnResult(const Fact& about, std::string_view id, std::string_view text, bool failed);
  Fact Base(FactKind kind, std::string id, int64_t place, std::optional<int64_t> time) const;

  std::string_view source_;
  std::string session_;
  AddFn add_;
  SkipFn skip_;
  FromFn from_;
  std::string asked_;  // the XML tool call whose result the next user message holds
  JsonParser parser_;
};

// A tool call written as XML, "<read_file><path>a</path></read_file>": its name and its parameters as JSON.
// nullopt when the text holds none of the known tools.
struct XmlTool {
  std::string_view name;
  std::string args;
};
std::optional<XmlTool> FindXmlTool(std::string_view text);

// Is this text the start of what a task sends to the model?
bool IsClinePrompt(std::string_view text);

}  // namespace clawtrace::capture
