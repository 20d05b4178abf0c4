#include "skill/rules.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/text.h"
#include "skill/blocks.h"
#include "skill/paths.h"

namespace clawtrace::skill {
namespace {

std::set<std::string> WordsOf(std::string_view text) {
  std::set<std::string> words;
  std::string word;
  for (char c : ToLower(text) + " ") {
    bool part = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80;
    if (part)
      word.push_back(c);
    else if (!word.empty())
      words.insert(std::exchange(word, {}));
  }
  return words;
}

// As its author wrote it, line ends and all: nothing, one paragraph, or one item.
bool IsOneSentence(std::string_view source) {
  std::vector<Block> blocks = ParseBlocks(source);
  if (blocks.size() > 1) return false;
  return blocks.empty() || blocks[0].kind == BlockKind::kParagraph || blocks[0].kind == BlockKind::kItem ||
         source.find_first_of("\r\n") == std::string_view::npos;
}

}  // namespace

int64_t LinesOf(std::string_view text) {
  return std::count(text.begin(), text.end(), '\n') + (!text.empty() && text.back() != '\n' ? 1 : 0);
}

int64_t TokensOf(std::string_view text) {
  constexpr size_t kBytesPerToken = 4;
  return static_cast<int64_t>((text.size() + kBytesPerToken - 1) / kBytesPerToken);
}

std::string RuleText(const Patch& patch) {
  std::string rule = CollapseSpace(patch.rule), condition = CollapseSpace(patch.condition);
  while (rule.starts_with("- ") || rule.starts_with("* ") || rule.starts_with("+ ")) rule.erase(0, 2);
  return condition.empty() ? rule : fmt::format("When {}: {}", condition, rule);
}

std::string PlainCondition(std::string_view given) {
  constexpr auto kCaseWords = std::to_array<std::string_view>({"when ", "whenever ", "if ", "while "});
  // Other words may be names, which keep their capital.
  constexpr auto kSmall = std::to_array<std::string_view>(
      {"the ", "a ", "an ", "it ", "its ", "there ", "this ", "these ", "you ", "no ", "any ", "all "});
  // Whether lines are one paragraph is seen only as they were written (RuleRefusal).
  if (given.find_first_of("\r\n") != std::string_view::npos) return std::string(given);
  std::string condition = CollapseSpace(given);
  std::string lower = ToLower(condition);
  auto begins = [&](std::string_view word) { return lower.starts_with(word); };
  for (;; lower = ToLower(condition)) {
    const auto* word = std::find_if(kCaseWords.begin(), kCaseWords.end(), begins);
    if (word == kCaseWords.end()) break;
    condition.erase(0, word->size());
  }
  while (!condition.empty() && std::string_view(".:, ").find(condition.back()) != std::string_view::npos)
    condition.pop_back();
  bool is_small = std::any_of(kSmall.begin(), kSmall.end(), begins);
  if (is_small && !condition.empty()) condition[0] = lower[0];
  return condition;
}

std::string WithoutCondition(std::string_view text, std::string_view condition) {
  std::string rule = CollapseSpace(text), plain = ToLower(PlainCondition(condition));
  if (plain.empty()) return rule;
  for (std::string lower = ToLower(rule);; lower = ToLower(rule)) {
    size_t length = std::string_view("if ").size();
    if (!lower.starts_with("if ")) length = lower.starts_with("when ") ? std::string_view("when ").size() : 0;
    std::string_view behind = std::string_view(lower).substr(length);
    if (length == 0 || !behind.starts_with(plain)) return rule;
    behind.remove_prefix(plain.size());
    if (!behind.starts_with(": ") && !behind.starts_with(", ")) return rule;
    rule.erase(0, length + plain.size() + 2);
  }
}

std::string SectionName(std::string_view given) {
  std::string name = CollapseSpace(given);
  name.erase(0, std::min(name.find_first_not_of("# "), name.size()));
  if (name.empty()) name = kCandidatesSection;
  constexpr size_t kMaxSection = 120;
  if (name.size() > kMaxSection || !IsVisibleText(name, false) || HasMarkup(name)) return "";
  std::vector<Block> parsed = ParseBlocks("## " + name + "\n");
  return parsed.size() == 1 && parsed[0].kind == BlockKind::kHeading ? parsed[0].text : "";
}

bool IsVisibleText(std::string_view text, bool lines) {
  if (!IsValidUtf8(text)) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (lines && (text[i] == '\n' || text[i] == '\t' || text.substr(i).starts_with("\r\n"))) continue;
    uint32_t code = 0;
    bool starts = (static_cast<unsigned char>(text[i]) & 0xc0) != 0x80;
    if (starts && HiddenAtStart(text.substr(i), &code) > 0) return false;
  }
  return true;
}

std::string LinkText(std::string_view file) { return fmt::format("More: [{}]({})", file, file); }

std::string RuleRefusal(const Patch& patch) {
  constexpr size_t kMaxRule = 1000;
  std::string text = RuleText(patch);
  // On one line a second block would look like words of the first.
  if (!IsOneSentence(patch.rule) || !IsOneSentence(patch.condition))
    return "the rule holds more than one paragraph";
  if (!IsFileNameSafe(patch.id)) return "the patch has no usable id";
  if (CollapseSpace(patch.rule).empty()) return "the patch has no rule text";
  if (text.size() > kMaxRule) return fmt::format("the rule is longer than {} bytes", kMaxRule);
  if (!IsVisibleText(text, false)) return "the rule is not plain text";
  if (!IsPlainItem(text)) return "the rule is not one list item";
  if (HasMarkup(text)) return "the rule holds HTML";
  if (SectionName(patch.section).empty()) return "the section is not a heading";
  return "";
}

bool AreAlike(std::string_view a, std::string_view b) {
  std::set<std::string> wa = WordsOf(a), wb = WordsOf(b);
  auto shared =
      std::count_if(wa.begin(), wa.end(), [&](const std::string& word) { return wb.contains(word); });
  return shared > 0 && 2 * static_cast<size_t>(shared) >= std::min(wa.size(), wb.size());
}

}  // namespace clawtrace::skill
