#include "capture/importers/skill_facts.h"

#include <algorithm>
#include <set>

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
           c == '_' || c == '.' || c == ':';
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

std::vector<SkillUse> ListedSkills(std::string_view text, bool with_path) {
  constexpr std::string_view kFile = "(file: ";
  std::vector<SkillUse> listed;
  for (std::string_view line : Split(text, '\n')) {
    line = Trim(line);
    if (!line.starts_with("- ")) continue;
    // Plugins' skills are named "plugin:skill"; the description follows after a blank.
    std::string_view name = line.substr(2, line.find(": ", 2) - 2), path;
    if (!IsSkillName(name)) continue;
    if (size_t at = line.rfind(kFile); at != std::string_view::npos) {
      path = line.substr(at + kFile.size());
      path = path.substr(0, std::min(path.find(')'), kMaxPath));
    }
    if (with_path && path.empty()) continue;
    listed.push_back({std::string(name), SkillStage::kListed, std::string(path), {}});
  }
  return listed;
}

void SkillObserver::Observe(const Fact& fact) {
  if (fact.kind == FactKind::kToolUse) return OnUse(fact);
  if (fact.kind == FactKind::kUser && fact.user->is_meta) return OnText(fact, fact.user->text, true);
  if (fact.kind != FactKind::kToolResult || fact.result->status != ToolStatus::kOk) return;
  succeeded_.push_back(KeyOf(fact.session_id, fact.id));
  OnText(fact, fact.result->output, false);
}

void SkillObserver::OnText(const Fact& fact, std::string_view text, bool handed_over) {
  constexpr std::string_view kFolder = "Base directory for this skill: ", kTag = "<skill>", kName = "<name>",
                             kPath = "<path>";
  SkillUse skill{.name = {}, .stage = SkillStage::kLoaded, .path = {}, .call = {}};
  auto tagged = [&](std::string_view tag) {
    size_t at = text.substr(0, kMaxPath).find(tag);
    std::string_view value = at == std::string_view::npos ? "" : text.substr(at + tag.size(), kMaxPath);
    return std::string(Trim(value.substr(0, value.find_first_of("<\n"))));
  };
  if (text.starts_with(kFolder)) {
    std::string_view folder = Trim(FirstLine(text.substr(kFolder.size(), kMaxPath)));
    skill.name = folder.substr(folder.find_last_of("/\\") + 1);
    skill.path = std::string(folder) + "/SKILL.md";
  } else if (handed_over && text.starts_with(kTag)) {
    skill.name = tagged(kName);
    skill.path = tagged(kPath);
  }
  if (!IsSkillName(skill.name)) return;
  std::string& known = paths_[{fact.session_id, skill.name}];
  known = std::max(known, skill.path);
  if (!handed_over) return;
  found_.push_back({fact, std::move(skill), true});
  found_.back().fact.user.reset();
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
      found_.push_back({use, {std::string(name), SkillStage::kLoaded, {}, use.id}, false});
      found_.back().fact.tool.reset();
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
  found_.push_back({use, std::move(*skill), false});
  found_.back().fact.tool.reset();
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
  // "plugin:skill" lies in a folder "skill".
  auto short_name = [](std::string_view name) { return std::string(name.substr(name.rfind(':') + 1)); };
  std::set<std::pair<std::string, std::string>> by_call;
  if (!found_.empty()) std::ranges::sort(succeeded_);
  for (Found& found : found_) {
    const std::string& session = found.fact.session_id;
    if (found.said || !std::ranges::binary_search(succeeded_, KeyOf(session, found.skill.call))) continue;
    std::pair key(session, short_name(found.skill.name));
    if (auto path = paths_.find(key); path != paths_.end() && found.skill.path.empty())
      found.skill.path = path->second;
    by_call.insert(std::move(key));
    sink->Add(SkillFact(found.fact, std::move(found.skill)));
  }
  for (Found& found : found_) {
    if (found.said && !by_call.contains({found.fact.session_id, found.skill.name}))
      sink->Add(SkillFact(found.fact, std::move(found.skill)));
  }
  found_.clear();
}

}  // namespace clawtrace::capture
