// Front matter as the strict validators want it, and how much a skill may hold.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <unordered_map>

#include "base/text.h"
#include "skill/front_matter.h"
#include "skill/lint_rules.h"
#include "skill/paths.h"

namespace clawtrace::skill {
namespace {

constexpr auto kKeys = std::to_array<std::string_view>(
    {"name", "description", "license", "allowed-tools", "metadata", "compatibility"});

size_t Characters(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0u) != 0x80u; }));
}

class FormatCheck {
 public:
  FormatCheck(const SkillDir& skill, const LintFile& file, LintReport* report)
      : skill_(skill), file_(file), front_(ReadFrontMatter(file.text())), report_(*report) {
    int64_t last = file.LineOf(front_.end);
    for (int64_t line = 2; line <= last && line <= file.lines(); ++line) {
      std::string_view text = file.Line(line), key = text.substr(0, text.find(':'));
      bool quoted = key.size() > 1 && (key[0] == '"' || key[0] == '\'') && key.back() == key[0];
      lines_.emplace(quoted ? key.substr(1, key.size() - 2) : key, line);
    }
  }

  void Run() {
    if (file_.text().starts_with("\xEF\xBB\xBF"))
      report_.Warn("front-matter", file_, 1, "a byte order mark stands before the front matter");
    if (!front_.problem.empty()) {
      report_.Error("front-matter", file_, 1,
                    fmt::format("the front matter cannot be read: {}", front_.problem));
      return;
    }
    if (front_.repaired) {
      report_.Error("front-matter", file_, 1,
                    "a value with \": \" in it stands without quotes; strict readers refuse it");
    }
    for (const Value::Member& member : front_.map.members) {
      if (std::find(kKeys.begin(), kKeys.end(), member.key) == kKeys.end())
        report_.Error("front-matter-key", file_, LineOf(member.key), "the specification has no such key",
                      member.key);
    }
    Name();
    Description();
    Others();
  }

 private:
  void Name() {
    auto name = front_.Text("name");
    if (!name || name->empty()) {
      report_.Error("name", file_, LineOf("name"), "there is no name");
      return;
    }
    if (Characters(*name) > kMaxNameLength)
      report_.Error("name", file_, LineOf("name"),
                    fmt::format("the name has more than {} characters", kMaxNameLength), *name);
    if (!IsKebab(*name))
      report_.Error("name", file_, LineOf("name"),
                    "a name is lower-case letters and digits with single hyphens between them", *name);
    if (*name != skill_.name)
      report_.Error("name", file_, LineOf("name"), "the name is not that of the directory", *name);
  }

  void Description() {
    auto text = front_.Text("description");
    if (!text || Trim(*text).empty()) {
      report_.Error("description", file_, LineOf("description"), "there is no description");
      return;
    }
    if (Characters(*text) > kMaxDescriptionLength)
      report_.Error("description", file_, LineOf("description"),
                    fmt::format("{} characters, {} are allowed", Characters(*text), kMaxDescriptionLength));
    if (size_t at = text->find_first_of("<>"); at != std::string::npos)
      report_.Error("description", file_, LineOf("description"), "angle brackets are not allowed",
                    std::string_view(*text).substr(at));
  }

  void Others() {
    for (std::string_view key : {"license", "allowed-tools", "compatibility"}) {
      if (front_.map.Find(key) && !front_.Text(key))
        report_.Error(key, file_, LineOf(key), "it must be one text");
    }
    if (auto text = front_.Text("compatibility")) {
      if (text->empty() || Characters(*text) > kMaxCompatibilityLength)
        report_.Error("compatibility", file_, LineOf("compatibility"),
                      fmt::format("1 to {} characters are allowed", kMaxCompatibilityLength));
    }
    const Value* metadata = front_.map.Find("metadata");
    if (!metadata) return;
    bool texts =
        metadata->kind == Value::Kind::kMap &&
        std::all_of(metadata->members.begin(), metadata->members.end(),
                    [](const Value::Member& member) { return member.value.kind == Value::Kind::kScalar; });
    if (!texts) report_.Error("metadata", file_, LineOf("metadata"), "it must map texts to texts");
  }

  // The first line of the front matter when the key is not there.
  int64_t LineOf(std::string_view key) const {
    auto found = lines_.find(key);
    return found == lines_.end() ? 1 : found->second;
  }

  const SkillDir& skill_;
  const LintFile& file_;
  FrontMatter front_;
  std::unordered_map<std::string_view, int64_t> lines_;  // of keys, the first one of each
  LintReport& report_;
};

// A list of links to the file's own sections, or items below a heading that says so, before its second
// section.
bool HasContents(const LintFile& file) {
  constexpr int64_t kWithin = 40;
  for (int64_t line = 1; line <= std::min(kWithin, file.lines()); ++line) {
    if (file.InCode(file.LineBegin(line))) continue;
    std::string_view text = file.Line(line);
    if (Contains(text, "](#")) return true;
    std::string lower = ToLower(text);
    bool title = lower.starts_with('#') || lower.starts_with("**");
    if (title && (Contains(lower, "contents") || Contains(lower, "overview of sections"))) return true;
  }
  return false;
}

}  // namespace

void LintFormat(const SkillDir& skill, const LintFiles& files, LintReport* report) {
  auto file = files.find(kSkillFile);
  if (file != files.end()) return FormatCheck(skill, file->second, report).Run();
  std::string other;
  for (const auto& [path, text] : skill.files) {
    if (ToLower(path) == ToLower(kSkillFile)) other = path;
  }
  std::string message =
      other.empty() ? "there is no SKILL.md that can be read" : "SKILL.md must be spelled in upper case";
  report->Add({"skill-file", Severity::kError, "", 0, message, {}}, other);
}

void LintSize(const SkillDir& skill, const LintFiles& files, LintReport* report) {
  if (auto found = files.find(kSkillFile); found != files.end()) {
    const LintFile& file = found->second;
    if (file.lines() > kMaxSkillLines)
      report->Error("lines", file, 0,
                    fmt::format("{} lines, {} are the limit", file.lines(), kMaxSkillLines));
    int64_t tokens = EstimateTokens(file.text().substr(file.body()));
    std::string message = fmt::format("the body has about {} tokens (characters / 4), {} are ", tokens,
                                      tokens > kMaxBodyTokens ? kMaxBodyTokens : kWarnBodyTokens);
    if (tokens > kMaxBodyTokens)
      report->Error("tokens", file, 0, message + "the limit");
    else if (tokens > kWarnBodyTokens)
      report->Warn("tokens", file, 0, message + "advised");
  }
  size_t references = 0;
  for (const auto& [path, bytes] : skill.files) references += path.starts_with("references/") ? 1 : 0;
  std::string count = fmt::format("{} reference files, ", references);
  if (references > kMaxReferences)
    report->Add(
        {"references", Severity::kError, "", 0, count + fmt::format("{} are the limit", kMaxReferences), {}},
        {});
  else if (references >= kWarnReferences)
    report->Add({"references", Severity::kWarning, "", 0, count + "fewer are found more easily", {}}, {});
  for (const auto& [path, file] : files) {
    if (!path.starts_with("references/") || !file.is_markdown()) continue;
    if (file.lines() > kMaxReferenceLines)
      report->Error(
          "reference-lines", file, 0,
          fmt::format("{} lines, a reference has fewer than {}", file.lines(), kMaxReferenceLines + 1));
    if (file.lines() > kContentsBeyondLines && !HasContents(file))
      report->Error("contents", file, 0,
                    fmt::format("{} lines without a list of contents; beyond {} it needs one", file.lines(),
                                kContentsBeyondLines));
  }
}

}  // namespace clawtrace::skill
