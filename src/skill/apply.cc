#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "base/doc_writer.h"
#include "base/hash.h"
#include "base/text.h"
#include "skill/markdown.h"
#include "skill/paths.h"
#include "skill/provenance.h"
#include "skill/skill.h"

namespace clawtrace {
namespace {

using skill::Provenance;
using skill::RuleRecord;
using skill::RuleStatus;

constexpr std::string_view kDefaultSection = "Candidates (unproven)";
constexpr int64_t kMaxLines = 500;  // of SKILL.md, as the specification of skills advises

// "My Skill_2" -> "my-skill-2": what the specification allows as a name.
std::string SpecName(std::string_view directory) {
  std::string name;
  for (char c : ToLower(directory)) {
    bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (word)
      name.push_back(c);
    else if (!name.empty() && name.back() != '-')
      name.push_back('-');
  }
  constexpr size_t kMaxName = 64;
  name.resize(std::min(name.size(), kMaxName));
  while (!name.empty() && name.back() == '-') name.pop_back();
  return name.empty() ? "distilled-skill" : name;
}

std::string NewSkillText(const std::string& name) {
  DocWriter front(DocWriter::Format::kYaml);
  front.BeginObject();
  front.Field("name", name);
  front.Field(
      "description",
      "Lessons distilled from recorded agent sessions - which repeated steps to leave out and how known "
      "failures "
      "were repaired. Use when reading, searching or editing files and running commands in a workspace.");
  front.EndObject();
  std::string title = name;
  std::replace(title.begin(), title.end(), '-', ' ');
  if (title.front() >= 'a' && title.front() <= 'z')
    title.front() = static_cast<char>(title.front() - 'a' + 'A');
  return fmt::format(
      "---\n{}---\n\n# {}\n\n"
      "Lessons from recorded sessions. A rule under an \"unproven\" heading was seen in sessions but not yet "
      "tried in a "
      "comparison:\nfollow it where nothing speaks against it.\n",
      front.Take(), title);
}

// One line that stays one list item: no line end, no control character.
std::string ItemText(const Patch& patch) {
  std::string rule = CollapseSpace(patch.rule), condition = CollapseSpace(patch.condition);
  return condition.empty() ? rule : fmt::format("When {}: {}", condition, rule);
}

std::string HashOf(std::string_view item_text) { return Sha256Hex(item_text); }

// A heading's text as the parser will read it back; "" when it cannot be one.
std::string SectionName(std::string_view given) {
  std::string name = CollapseSpace(given);
  name.erase(0, std::min(name.find_first_not_of("# "), name.size()));
  if (name.empty()) name = kDefaultSection;
  Markdown parsed = ParseMarkdown("## " + name + "\n");
  constexpr size_t kMaxSection = 120;
  return parsed.headings.size() == 1 && name.size() <= kMaxSection ? parsed.headings[0].text : "";
}

// Why a patch cannot become a rule; "" when it can.
std::string Refusal(const Patch& patch) {
  constexpr size_t kMaxRule = 1000;
  std::string text = ItemText(patch);
  if (!skill::IsFileNameSafe(patch.id)) return "the patch has no usable id";
  if (CollapseSpace(patch.rule).empty()) return "the patch has no rule text";
  if (text.size() > kMaxRule) return fmt::format("the rule is longer than {} bytes", kMaxRule);
  bool control = std::any_of(text.begin(), text.end(),
                             [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (control || !IsValidUtf8(text)) return "the rule is not plain text";
  if (SectionName(patch.section).empty()) return "the section is not a heading";
  return "";
}

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

// Half of the shorter one's words: near enough to be an edited form of the same sentence. It only decides
// what is reported, never what is written.
bool AreAlike(std::string_view a, std::string_view b) {
  std::set<std::string> wa = WordsOf(a), wb = WordsOf(b);
  auto shared =
      std::count_if(wa.begin(), wa.end(), [&](const std::string& word) { return wb.contains(word); });
  return shared > 0 && 2 * static_cast<size_t>(shared) >= std::min(wa.size(), wb.size());
}

int64_t LinesOf(std::string_view text) {
  return std::count(text.begin(), text.end(), '\n') + (!text.empty() && text.back() != '\n' ? 1 : 0);
}

// SKILL.md while rules are put into it; every change is followed by a new parse, so places are never stale.
class Editor {
 public:
  explicit Editor(std::string text) : text_(std::move(text)), markdown_(ParseMarkdown(text_)) {}

  const std::string& text() const { return text_; }
  const std::vector<MarkdownItem>& items() const { return markdown_.items; }

  const MarkdownItem* FindItem(std::string_view hash) const {
    for (const MarkdownItem& item : markdown_.items) {
      if (HashOf(item.text) == hash) return &item;
    }
    return nullptr;
  }

  // Keeps the bullet and its indentation as they are.
  void ReplaceItem(const MarkdownItem& item, std::string_view new_text) {
    std::string_view old = std::string_view(text_).substr(item.begin, item.end - item.begin);
    size_t bullet = old.find_first_of("-*+");
    size_t content = old.find_first_not_of(" \t", bullet + 1);
    size_t line_end = old.find_last_not_of("\r\n") + 1;
    std::string fresh(old.substr(0, content));
    fresh.append(new_text).append(old.substr(line_end));
    text_.replace(item.begin, item.end - item.begin, fresh);
    markdown_ = ParseMarkdown(text_);
  }

  // Below the last of our own items in that section, else at the section's end; the section comes last when
  // missing.
  void AddItems(const std::string& section, const std::vector<std::string>& item_texts,
                const std::set<std::string>& own_hashes) {
    const std::string& eol = markdown_.line_end;
    std::string block;
    for (const std::string& item : item_texts) block.append("- ").append(item).append(eol);
    auto heading = std::find_if(markdown_.headings.begin(), markdown_.headings.end(),
                                [&](const MarkdownHeading& h) { return h.text == section; });
    if (heading == markdown_.headings.end()) {
      std::string lead = EndLine(text_.size());
      if (text_.size() > markdown_.body && !EndsWithBlankLine()) lead += eol;
      text_ += lead + "## " + section + eol + eol + block;
    } else {
      // Only the text between this heading and the next one, of whatever level, is the section's own.
      size_t limit =
          std::next(heading) == markdown_.headings.end() ? text_.size() : std::next(heading)->begin;
      text_.insert(PlaceIn(heading->end, limit, own_hashes, &block), block);
    }
    markdown_ = ParseMarkdown(text_);
  }

 private:
  std::string EndLine(size_t at) const { return at == 0 || text_[at - 1] == '\n' ? "" : markdown_.line_end; }
  bool EndsWithBlankLine() const {
    std::string_view lines = text_;
    if (!lines.ends_with('\n')) return false;
    lines.remove_suffix(1);
    size_t last = lines.rfind('\n');
    return last != std::string_view::npos && Trim(lines.substr(last + 1)).empty();
  }

  // Offset for block between begin and limit; block gets the blank lines that the place needs.
  size_t PlaceIn(size_t begin, size_t limit, const std::set<std::string>& own_hashes,
                 std::string* block) const {
    const std::string& eol = markdown_.line_end;
    for (auto item = markdown_.items.rbegin(); item != markdown_.items.rend(); ++item) {
      if (item->begin >= begin && item->end <= limit && own_hashes.contains(HashOf(item->text))) {
        *block = EndLine(item->end) + *block;
        return item->end;
      }
    }
    std::string_view own = std::string_view(text_).substr(begin, limit - begin);
    size_t last_text = own.find_last_not_of(" \t\r\n");
    size_t place = begin;
    if (last_text != std::string_view::npos) {
      size_t line_end = own.find('\n', last_text);
      place = line_end == std::string_view::npos ? limit : begin + line_end + 1;
    }
    bool in_list = std::any_of(markdown_.blocks.begin(), markdown_.blocks.end(),
                               [&](const MarkdownBlock& b) { return b.is_bullet_list && b.end == place; });
    bool text_follows = place < text_.size() && text_[place] != '\n' && text_[place] != '\r';
    *block = EndLine(place) + (in_list ? "" : eol) + *block + (text_follows ? eol : "");
    return place;
  }

  std::string text_;
  Markdown markdown_;
};

class Application {
 public:
  Application(const SkillDir& base, Provenance provenance) : base_(base), provenance_(std::move(provenance)) {
    auto file = base.files.find(std::string(skill::kSkillFile));
    is_new_ = file == base.files.end();
    // Without the file there is nothing that a user could have kept or removed.
    if (is_new_) provenance_.rules.clear();
    editor_ = Editor(is_new_ ? NewSkillText(SpecName(base.name)) : file->second);
    base_hash_ = is_new_ ? "" : SkillHash(base);
  }

  Result<ApplyResult> Run(const std::vector<Patch>& patches) {
    for (const Patch& patch : patches) Meet(patch);
    AddPending();
    for (const std::string& hash : written_) {
      if (!editor_.FindItem(hash)) {
        return Fail(ErrorCode::kInvalidInput,
                    fmt::format("{}/SKILL.md: a rule put there would not be read as a list item", base_.name),
                    "close the code fence, comment or HTML block that is open where the rules go");
      }
    }
    return Finish();
  }

 private:
  void Meet(const Patch& patch) {
    std::string text = ItemText(patch), hash = HashOf(text);
    RuleRecord fresh = skill::RecordOf(patch);
    fresh.section = SectionName(patch.section), fresh.text_hash = hash;
    fresh.base_skill_hash = patch.base_skill_hash.empty() ? base_hash_ : patch.base_skill_hash;
    RuleRecord* known = provenance_.Find(patch.id);
    if (!known) {
      if (editor_.FindItem(hash)) {
        fresh.status = RuleStatus::kWasThere;
        return Keep(patch, fresh, "already in the skill, in the same words");
      }
      return pending_.push_back({&patch, fresh, text});
    }
    fresh.base_skill_hash = known->base_skill_hash;
    if (const MarkdownItem* item = editor_.FindItem(known->text_hash)) {
      fresh.status = known->status == RuleStatus::kWasThere ? RuleStatus::kWasThere : RuleStatus::kInSkill;
      bool same = hash == known->text_hash;
      if (fresh.status == RuleStatus::kWasThere)
        fresh.text_hash = known->text_hash;
      else if (!same)
        editor_.ReplaceItem(*item, text);
      if (fresh.status == RuleStatus::kInSkill) written_.push_back(hash);
      bool rewritten = !same && fresh.status == RuleStatus::kInSkill;
      return Keep(patch, fresh, rewritten ? "reworded" : "already in the skill, records updated");
    }
    if (editor_.FindItem(hash)) {
      fresh.status = RuleStatus::kWasThere;  // the user's edit, which happens to say the same
      return Keep(patch, fresh, "already in the skill, in the same words");
    }
    bool edited = std::any_of(editor_.items().begin(), editor_.items().end(), [&](const MarkdownItem& item) {
      return !IsKnownText(item) && (AreAlike(item.text, text) || AreAlike(item.text, OldText(patch.id)));
    });
    fresh.status = edited ? RuleStatus::kEditedByUser : RuleStatus::kRemovedByUser;
    fresh.text_hash = known->text_hash, fresh.section = known->section;
    Keep(patch, fresh, edited ? "edited by user: their text stays" : "removed by user: not added again",
         true);
  }

  // Texts of other rules of ours are nobody's edit of this one.
  bool IsKnownText(const MarkdownItem& item) const {
    std::string hash = HashOf(item.text);
    return std::any_of(provenance_.rules.begin(), provenance_.rules.end(),
                       [&](const RuleRecord& rule) { return rule.text_hash == hash; });
  }

  // The rule as we last wrote it; "" when the history does not have it.
  std::string OldText(const std::string& id) const {
    auto file = base_.files.find(HistoryPath(id));
    if (file == base_.files.end()) return "";
    auto patch = DecodePatch(file->second, file->first);
    return patch ? ItemText(*patch) : "";
  }

  static std::string HistoryPath(const std::string& id) {
    return fmt::format("{}{}.yaml", skill::kHistoryFolder, id);
  }

  // not_ours: the history keeps the words that we wrote, which tell an edit from a removal.
  void Keep(const Patch& patch, const RuleRecord& record, std::string_view what, bool not_ours = false) {
    report_.push_back(fmt::format("{}: {}", patch.id, what));
    if (RuleRecord* known = provenance_.Find(patch.id))
      *known = record;
    else
      provenance_.rules.push_back(record);
    Patch kept = patch;
    kept.base_skill_hash = record.base_skill_hash;
    if (not_ours && base_.files.contains(HistoryPath(patch.id))) return;
    history_[HistoryPath(patch.id)] = EncodePatch(kept, false);
  }

  void AddPending() {
    std::set<std::string> own;
    for (const RuleRecord& rule : provenance_.rules) {
      if (rule.status == RuleStatus::kInSkill) own.insert(rule.text_hash);
    }
    constexpr int64_t kFrame = 4;  // blank lines and heading of a section
    int64_t room = kMaxLines - LinesOf(editor_.text());
    std::vector<std::string> sections;
    std::map<std::string, std::vector<std::string>> texts;
    for (const Pending& rule : pending_) {
      bool opens = !texts.contains(rule.record.section);
      int64_t need = 1 + (opens ? kFrame : 0);
      if (need > room) {
        report_.push_back(
            fmt::format("{}: left out, SKILL.md would have more than {} lines", rule.patch->id, kMaxLines));
        continue;
      }
      room -= need;
      if (opens) sections.push_back(rule.record.section);
      texts[rule.record.section].push_back(rule.text);
      written_.push_back(rule.record.text_hash);
      Keep(*rule.patch, rule.record, fmt::format("added under \"{}\"", rule.record.section));
    }
    for (const std::string& section : sections) editor_.AddItems(section, texts[section], own);
  }

  Result<ApplyResult> Finish() {
    ApplyResult result{base_, std::move(report_)};
    if (provenance_.rules.empty()) return result;
    result.skill.files[std::string(skill::kSkillFile)] = editor_.text();
    result.skill.files[std::string(skill::kProvenanceFile)] = EncodeProvenance(std::move(provenance_));
    for (auto& [path, bytes] : history_) result.skill.files[path] = bytes;
    if (is_new_ && SpecName(base_.name) != base_.name) {
      result.report.push_back(fmt::format("the skill is named {}: rename its directory {} to match",
                                          SpecName(base_.name), base_.name));
    }
    return result;
  }

  struct Pending {
    const Patch* patch;
    RuleRecord record;
    std::string text;
  };

  const SkillDir& base_;
  Provenance provenance_;
  bool is_new_ = false;
  std::string base_hash_;
  Editor editor_{""};
  std::vector<Pending> pending_;
  std::vector<std::string> written_;  // hashes of items that must be there at the end
  std::map<std::string, std::string> history_;
  std::vector<std::string> report_;
};

// One order for any order given; the first of two patches with one id is kept.
std::vector<Patch> InOrder(const std::vector<Patch>& patches, std::vector<std::string>* report) {
  std::vector<std::pair<std::string, Patch>> keyed;
  for (const Patch& patch : patches) {
    Patch plain = skill::WithPlainIds(patch);
    std::string encoded = EncodePatch(plain, true);
    keyed.emplace_back(std::move(encoded), std::move(plain));
  }
  std::sort(keyed.begin(), keyed.end(), [](const auto& a, const auto& b) {
    auto key = [](const auto& p) {
      return std::tuple(p.second.patch_kind, -p.second.support.value_or(0), std::string_view(p.second.id),
                        std::string_view(p.first));
    };
    return key(a) < key(b);
  });
  std::vector<Patch> out;
  std::set<std::string> ids, texts;
  for (auto& [encoded, patch] : keyed) {
    std::string refusal = Refusal(patch);
    if (refusal.empty() && (!ids.insert(patch.id).second || !texts.insert(ItemText(patch)).second)) {
      refusal = "the same rule is given twice";
    }
    if (refusal.empty())
      out.push_back(std::move(patch));
    else
      report->push_back(
          fmt::format("{}: left out, {}", skill::IsFileNameSafe(patch.id) ? patch.id : "patch", refusal));
  }
  return out;
}

}  // namespace

Result<ApplyResult> ApplyPatches(const SkillDir& base, const std::vector<Patch>& patches) {
  Provenance provenance;
  if (auto file = base.files.find(std::string(skill::kProvenanceFile)); file != base.files.end()) {
    auto read = skill::DecodeProvenance(file->second, base.name + "/" + file->first);
    if (!read) return std::unexpected(std::move(read.error()));
    provenance = std::move(*read);
  }
  std::vector<std::string> left_out;
  std::vector<Patch> ordered = InOrder(patches, &left_out);
  if (ordered.empty()) return ApplyResult{base, std::move(left_out)};
  if (!base.files.contains(std::string(skill::kSkillFile)) && base.files.contains("skill.md")) {
    return Fail(ErrorCode::kInvalidInput, fmt::format("{}/skill.md is not spelled SKILL.md", base.name),
                "rename it: clients look for SKILL.md");
  }
  auto result = Application(base, std::move(provenance)).Run(ordered);
  if (result) result->report.insert(result->report.end(), left_out.begin(), left_out.end());
  return result;
}

}  // namespace clawtrace
