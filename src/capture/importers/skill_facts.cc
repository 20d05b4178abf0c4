#include "capture/importers/skill_facts.h"

#include <algorithm>

#include "base/hash.h"
#include "base/text.h"
#include "capture/line_reader.h"

namespace clawtrace::capture {
namespace {

constexpr size_t kMaxPath = 1024;
constexpr size_t kMaxName = 64;

bool IsSkillName(std::string_view name) {
  bool plain = std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
  return plain && !name.empty() && name.size() <= kMaxName && name.front() != '.';
}

bool Writes(std::string_view tool) {
  static constexpr std::string_view kWords[] = {"write",  "edit",  "replace", "create",
                                                "delete", "patch", "remove"};
  return std::ranges::any_of(kWords, [&](std::string_view word) { return ContainsIgnoreCase(tool, word); });
}

uint64_t KeyOf(std::string_view session, std::string_view call) { return Hash64(call, Hash64(session)); }

bool LoadsByName(std::string_view tool) {
  return tool == "Skill" || tool == "skill" || tool == "activate_skill";
}

}  // namespace

std::optional<SkillUse> SkillOfPath(std::string_view path) {
  if (path.size() > kMaxPath) return std::nullopt;
  auto is_separator = [](char c) { return c == '/' || c == '\\'; };
  std::vector<std::string_view> parts;
  size_t start = 0;
  for (size_t i = 0; i <= path.size(); ++i) {
    if (i < path.size() && !is_separator(path[i])) continue;
    if (i > start) parts.push_back(path.substr(start, i - start));
    start = i + 1;
  }
  bool hidden = false;
  for (size_t i = 0; i + 2 < parts.size(); ++i) {
    hidden = hidden || (parts[i].size() > 1 && parts[i].starts_with('.') && parts[i] != "..");
    if (parts[i] != "skills") continue;
    size_t name = i + 1;
    if (parts[name] == ".system" && name + 2 < parts.size()) ++name;
    bool whole = parts[name + 1] == "SKILL.md" && name + 2 == parts.size();
    if (!IsSkillName(parts[name]) || (!whole && !hidden)) continue;
    return SkillUse{.name = std::string(parts[name]),
                    .stage = whole ? SkillStage::kLoaded : SkillStage::kOpened,
                    .path = std::string(path),
                    .call = {}};
  }
  return std::nullopt;
}

Fact SkillFact(const Fact& beside, SkillUse use) {
  Fact fact;
  fact.kind = FactKind::kSkill;
  fact.source = beside.source;
  fact.session_id = beside.session_id;
  fact.start_ns = beside.start_ns;
  fact.id = "skill:" + HexOf(Hash64(use.path, Hash64(use.call, Hash64(use.name)))) + ":" + use.name;
  fact.skill = std::move(use);
  return fact;
}

void SkillObserver::Observe(const Fact& fact) {
  if (fact.kind == FactKind::kToolUse) return OnUse(fact);
  if (fact.kind != FactKind::kToolResult || fact.result->status != ToolStatus::kOk) return;
  succeeded_.insert(KeyOf(fact.session_id, fact.id));
  OnText(fact.session_id, fact.id, fact.result->output);
}

void SkillObserver::OnText(std::string_view session, std::string_view call, std::string_view text) {
  constexpr std::string_view kStart = "Base directory for this skill: ";
  if (!text.starts_with(kStart)) return;
  std::string folder(Trim(FirstLine(text.substr(kStart.size(), kMaxPath))));
  // Two texts for one call: the same one wins whatever comes first.
  std::string& known = folders_[KeyOf(session, call)];
  known = std::max(known, folder);
}

void SkillObserver::OnUse(const Fact& use) {
  const ToolUse& tool = *use.tool;
  bool by_name = LoadsByName(tool.name);
  if (!by_name && (tool.args.find("skills") == std::string::npos || Writes(tool.name))) return;
  auto args = parser_.Parse(tool.args);
  if (!args) return;
  if (by_name) {
    for (std::string_view key : {"skill", "name", "command"}) {
      std::string_view name = (*args)[key].text();
      if (!IsSkillName(name)) continue;
      found_.push_back({use, {std::string(name), SkillStage::kLoaded, {}, use.id}});
      found_.back().use.tool.reset();
      return;
    }
  }
  args->ForEachField([&](std::string_view key, Json value) {
    bool command = key == "command" || key == "cmd" || key == "script";
    bool path = key == "file" || key == "filename" || ContainsIgnoreCase(key, "path");
    if (!command && !path) return;
    auto take = [&](std::string_view text) {
      if (text.find("skills") == std::string_view::npos) return;
      command ? TakeCommand(use, text) : Take(use, text);
    };
    if (value.is_array())
      value.ForEachItem([&](Json item) { take(item.text()); });
    else
      take(value.text());
  });
}

void SkillObserver::Take(const Fact& use, std::string_view path) {
  auto skill = SkillOfPath(path);
  if (!skill) return;
  skill->call = use.id;
  found_.push_back({use, std::move(*skill)});
  found_.back().use.tool.reset();
}

void SkillObserver::TakeCommand(const Fact& use, std::string_view command) {
  constexpr std::string_view kBetween = " \t\r\n'\"`;|&()=<";
  bool written = false;
  while (!command.empty()) {
    size_t start = command.find_first_not_of(kBetween);
    if (start == std::string_view::npos) return;
    command.remove_prefix(start);
    size_t end = std::min(command.find_first_of(kBetween), command.size());
    std::string_view word = command.substr(0, end);
    command.remove_prefix(end);
    // What a redirection names is written, not read.
    bool redirects = word.find('>') != std::string_view::npos;
    if (!written && !redirects) Take(use, word);
    written = redirects && word.ends_with('>');
  }
}

void SkillObserver::Emit(FactSink* sink) {
  for (Found& found : found_) {
    uint64_t key = KeyOf(found.use.session_id, found.skill.call);
    if (!succeeded_.contains(key)) continue;
    if (auto folder = folders_.find(key); folder != folders_.end() && found.skill.path.empty())
      found.skill.path = folder->second + "/SKILL.md";
    sink->Add(SkillFact(found.use, std::move(found.skill)));
  }
  found_.clear();
}

}  // namespace clawtrace::capture
