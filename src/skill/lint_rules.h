#pragma once
// Within lint: what the checks look at, and where they put what they find.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "skill/blocks.h"
#include "skill/lint.h"

namespace clawtrace::skill {

struct Title {
  int level = 0;
  std::string text;
  size_t begin = 0, end = 0;
};

// A text file, parsed when it is Markdown.
class LintFile {
 public:
  LintFile(std::string_view name, std::string_view text);

  std::string_view name() const { return name_; }
  std::string_view text() const { return text_; }
  bool is_markdown() const { return is_markdown_; }
  const std::vector<Title>& headings() const { return headings_; }
  size_t body() const { return body_; }  // where the front matter ends
  const std::vector<CodeRange>& code() const { return code_; }

  int64_t LineOf(size_t offset) const;  // from 1
  int64_t lines() const;
  std::string_view Line(int64_t line) const;  // without its end
  size_t LineBegin(int64_t line) const { return starts_[static_cast<size_t>(line) - 1]; }
  bool InCode(size_t offset) const;  // within a block of code or front matter

 private:
  std::string_view name_, text_;
  bool is_markdown_ = false;
  std::vector<size_t> starts_;
  std::vector<Title> headings_;
  size_t body_ = 0;
  std::vector<CodeRange> code_;
};

// Collects findings.
class LintReport {
 public:
  void Error(std::string_view check, const LintFile& file, int64_t line, std::string message,
             std::string_view literal = {}) {
    Add({std::string(check), Severity::kError, std::string(file.name()), line, std::move(message), {}},
        literal);
  }
  void Warn(std::string_view check, const LintFile& file, int64_t line, std::string message,
            std::string_view literal = {}) {
    Add({std::string(check), Severity::kWarning, std::string(file.name()), line, std::move(message), {}},
        literal);
  }
  void Add(LintFinding finding, std::string_view literal);
  std::vector<LintFinding> Take();

 private:
  std::vector<LintFinding> findings_;
};

using LintFiles = std::map<std::string, LintFile, std::less<>>;

void LintFormat(const SkillDir& skill, const LintFiles& files, LintReport* report);
void LintSize(const SkillDir& skill, const LintFiles& files, LintReport* report);
void LintStructure(const LintFile& file, LintReport* report);
// Links between files: orphans, dangling ones, depth.
void LintLinks(const SkillDir& skill, const LintFiles& files, LintReport* report);
void LintSafety(const LintFile& file, LintReport* report);
// What is no text, and may hold some.
void LintBinary(const LintFile& file, LintReport* report);
void LintModes(const SkillDir& skill, LintReport* report);

}  // namespace clawtrace::skill
