#include "skill/lint.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "base/text.h"
#include "base/unicode.h"
#include "skill/encoding.h"
#include "skill/lint_rules.h"
#include "skill/paths.h"

namespace clawtrace::skill {
LintFile::LintFile(std::string_view name, std::string_view text)
    : name_(name), text_(text), is_markdown_(IsMarkdown(name)), starts_{0} {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n' && i + 1 < text.size()) starts_.push_back(i + 1);
  }
  if (!is_markdown_) return;
  body_ = BodyBegin(text);
  for (Block& block : ParseBlocks(text)) {
    if (block.kind == BlockKind::kHeading)
      headings_.push_back({block.level, std::move(block.text), block.begin, block.end});
  }
  code_ = CodeRanges(text);
}

int64_t LintFile::LineOf(size_t offset) const {
  return std::upper_bound(starts_.begin(), starts_.end(), offset) - starts_.begin();
}

int64_t LintFile::lines() const { return text_.empty() ? 0 : static_cast<int64_t>(starts_.size()); }

std::string_view LintFile::Line(int64_t line) const {
  auto index = static_cast<size_t>(line) - 1;
  size_t end = index + 1 < starts_.size() ? starts_[index + 1] : text_.size();
  std::string_view out = text_.substr(starts_[index], end - starts_[index]);
  while (out.ends_with('\n') || out.ends_with('\r')) out.remove_suffix(1);
  return out;
}

bool LintFile::InCode(size_t offset) const {
  if (offset < body_) return true;
  auto behind = std::upper_bound(code_.begin(), code_.end(), offset,
                                 [](size_t at, const CodeRange& range) { return at < range.begin; });
  return behind != code_.begin() && offset < std::prev(behind)->end;
}

std::string PlainText(std::string_view text, size_t max_bytes) {
  // No character becomes shorter: what is behind that many bytes, and one character to look ahead, is not
  // told.
  constexpr size_t kAhead = 8;
  if (text.size() > max_bytes && text.size() - max_bytes > kAhead) text = text.substr(0, max_bytes + kAhead);
  std::string out;
  std::vector<TextPlace> hidden = FindHidden(text);
  auto next = hidden.begin();
  for (size_t at = 0; at < text.size() && out.size() < max_bytes;) {
    if (next != hidden.end() && next->begin == at) {
      out += fmt::format("U+{:04X}", next->code);
      at = next->end;
      ++next;
      continue;
    }
    uint32_t code = 0;
    size_t length = DecodeUtf8(text.substr(at), &code);
    bool space = text[at] == '\n' || text[at] == '\r' || text[at] == '\t';
    out.append(space ? " " : code == 0xFFFD ? "\xEF\xBF\xBD" : text.substr(at, length));
    at += length;
  }
  return std::string(PrefixUtf8(out, max_bytes));
}

void LintReport::Add(LintFinding finding, std::string_view literal) {
  constexpr size_t kMaxMessage = 400;
  finding.file = PlainText(finding.file, kMaxMessage);
  finding.message = PlainText(finding.message, kMaxMessage);
  finding.literal = PlainText(literal, kMaxLiteral);
  findings_.push_back(std::move(finding));
}

std::vector<LintFinding> LintReport::Take() {
  auto key = [](const LintFinding& f) {
    return std::tie(f.file, f.line, f.check, f.literal, f.message, f.severity);
  };
  std::sort(findings_.begin(), findings_.end(),
            [&](const LintFinding& a, const LintFinding& b) { return key(a) < key(b); });
  findings_.erase(std::unique(findings_.begin(), findings_.end()), findings_.end());
  return std::move(findings_);
}

int64_t EstimateTokens(std::string_view text) {
  auto characters = std::count_if(text.begin(), text.end(),
                                  [](char c) { return (static_cast<unsigned char>(c) & 0xC0u) != 0x80u; });
  return (characters + 3) / 4;
}

std::vector<LintFinding> Lint(const SkillDir& skill) {
  LintFiles files;
  LintReport report;
  std::map<std::string_view, std::string> odd;  // as a reader takes what is no clean text
  for (const auto& [path, bytes] : skill.files) {
    if (!IsConfinedPath(path)) {
      report.Add({"path", Severity::kError, path, 0, "the path leads out of the skill", {}}, path);
      continue;
    }
    if (path.starts_with(kRecordsFolder)) continue;
    std::string problem = EncodingProblem(bytes);
    if (!problem.empty() && !MayBeText(path, bytes)) {
      LintBinary(LintFile(path, ReadLeniently(bytes)), &report);
      continue;
    }
    std::string_view text = bytes;
    if (!problem.empty()) {
      text = odd.emplace(path, ReadLeniently(bytes)).first->second;
      report.Add({"encoding", Severity::kError, path, 0, "the file " + problem, {}}, {});
    }
    files.emplace(std::piecewise_construct, std::forward_as_tuple(path), std::forward_as_tuple(path, text));
  }
  LintFormat(skill, files, &report);
  LintSize(skill, files, &report);
  LintLinks(skill, files, &report);
  LintModes(skill, &report);
  for (const auto& [path, file] : files) {
    if (file.is_markdown()) LintStructure(file, &report);
    LintSafety(file, &report);
  }
  return report.Take();
}

std::vector<LintFinding> Lint(const LooseSkill& loose) {
  LintReport report;
  for (const LintFinding& finding : loose.findings) report.Add(finding, finding.literal);
  for (const LintFinding& finding : Lint(loose.skill)) report.Add(finding, finding.literal);
  return report.Take();
}

std::vector<LintFinding> LintText(std::string_view file, std::string_view text) {
  LintReport report;
  LintSafety(LintFile(file, text), &report);
  return report.Take();
}

std::span<const std::string_view> LintChecks() {
  static constexpr auto kChecks = std::to_array<std::string_view>({"allowed-tools",
                                                                   "binary",
                                                                   "broken-fence",
                                                                   "comment",
                                                                   "compatibility",
                                                                   "contents",
                                                                   "dangling-link",
                                                                   "depth",
                                                                   "description",
                                                                   "duplicate-heading",
                                                                   "empty-section",
                                                                   "encoding",
                                                                   "executable",
                                                                   "file-size",
                                                                   "front-matter",
                                                                   "front-matter-key",
                                                                   "glued-heading",
                                                                   "hidden-unicode",
                                                                   "injection",
                                                                   "license",
                                                                   "lines",
                                                                   "metadata",
                                                                   "mixed-script",
                                                                   "name",
                                                                   "network",
                                                                   "orphan-reference",
                                                                   "path",
                                                                   "placeholder-heading",
                                                                   "reference-lines",
                                                                   "references",
                                                                   "secret",
                                                                   "skill-file",
                                                                   "special-file",
                                                                   "symlink",
                                                                   "tokens",
                                                                   "unclosed-fence",
                                                                   "unreadable",
                                                                   "url"});
  return kChecks;
}

bool HasErrors(const std::vector<LintFinding>& findings) {
  return std::any_of(findings.begin(), findings.end(),
                     [](const LintFinding& finding) { return finding.severity == Severity::kError; });
}

}  // namespace clawtrace::skill
