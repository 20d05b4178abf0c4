#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "base/doc_writer.h"
#include "base/hash.h"
#include "base/text.h"
#include "model/archive.h"
#include "skill/editor.h"
#include "skill/edits.h"
#include "skill/ownership.h"
#include "skill/paths.h"
#include "skill/provenance.h"
#include "skill/rules.h"
#include "skill/skill.h"

namespace clawtrace {
namespace {

using skill::Block;
using skill::BlockKind;
using skill::Editor;
using skill::HashOfRule;
using skill::LinkText;
using skill::Ownership;
using skill::Provenance;
using skill::RuleRecord;
using skill::RuleStatus;

constexpr std::string_view kLinkSection = "References";

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

std::string NewSkillText(const std::string& name, const SkillPlan& plan) {
  std::string words = name;
  std::replace(words.begin(), words.end(), '-', ' ');
  DocWriter front(DocWriter::Format::kYaml);
  front.BeginObject();
  front.Field("name", name);
  // What skills of one kind of work have in common must not outweigh the name.
  std::string ours = fmt::format("{}{} {}. Use for {}{}{}.", kOwnBegin, words, kOwnFrame, words,
                                 plan.work.empty() ? "" : " when ", plan.work);
  front.Field("description", plan.description.empty() ? ours : plan.description);
  front.EndObject();
  std::string title = words;
  if (title.front() >= 'a' && title.front() <= 'z')
    title.front() = static_cast<char>(title.front() - 'a' + 'A');
  return fmt::format(
      "---\n{}---\n\n# {}\n\n"
      "Lessons from recorded sessions. A rule under an \"unproven\" heading was seen in sessions but not yet "
      "tried in a "
      "comparison:\nfollow it where nothing speaks against it.\n",
      front.Take(), title);
}

// "Known failures" -> "known-failures": the file that a section's rules go to.
std::string TopicOf(std::string_view section) {
  std::string topic = SpecName(section);
  return topic == SpecName("") ? "more-rules" : topic;
}

std::string HashOfEdits(const Patch& patch) {
  Patch only;
  only.edits = patch.edits;
  return Sha256Hex(EncodePatch(only, true));
}

class Application {
 public:
  Application(const SkillDir& base, Provenance provenance, skill::Decisions decisions, const SkillPlan& plan)
      : base_(base), provenance_(std::move(provenance)), decisions_(std::move(decisions)), plan_(plan) {
    is_new_ = !base.files.contains(std::string(skill::kSkillFile));
    // Without the file there is nothing that a user could have kept or removed.
    if (is_new_) provenance_.rules.clear(), provenance_.headings.clear();
    for (const auto& [path, bytes] : base.files) {
      if (skill::IsEditable(path)) files_.emplace(path, Editor(bytes));
    }
    if (is_new_) files_.emplace(skill::kSkillFile, Editor(NewSkillText(SpecName(base.name), plan)));
    base_hash_ = is_new_ ? "" : SkillHash(base);
  }

  Result<ApplyResult> Run(const std::vector<Patch>& patches) {
    std::erase_if(provenance_.rules, [&](const RuleRecord& rule) {
      return plan_.again.contains(rule.id) && !FindItem(rule.text_hash).second;
    });
    for (const std::string& id : plan_.removals) Remove(id);
    for (const Patch& patch : patches) {
      if (patch.edits.empty()) Meet(patch);
    }
    DoEdits(patches);
    AddPending();
    for (const auto& [file, hash] : written_) {
      auto editor = files_.find(file);
      if (editor == files_.end() || !editor->second.FindItem(hash)) {
        return Fail(ErrorCode::kInvalidInput,
                    fmt::format("{}/{}: a rule put there would not be read as a list item", base_.name, file),
                    "close the code fence, comment or HTML block that is open where the rules go");
      }
    }
    return Finish();
  }

 private:
  using Found = std::pair<std::string, const Block*>;  // file and item; nullptr: nowhere

  Editor& Main() { return files_.at(std::string(skill::kSkillFile)); }
  Found FindItem(std::string_view hash) const {
    for (const auto& [path, file] : files_) {
      if (const Block* item = file.FindItem(hash)) return {path, item};
    }
    return {"", nullptr};
  }
  static std::string FileField(const std::string& path) { return path == skill::kSkillFile ? "" : path; }

  void Remove(const std::string& id) {
    const RuleRecord* known = provenance_.Find(id);
    if (!known || known->status != RuleStatus::kInSkill) return;
    auto [path, item] = FindItem(known->text_hash);
    if (!item) return;
    files_.at(path).Remove(*item);
    std::erase_if(provenance_.rules, [&](const RuleRecord& rule) { return rule.id == id; });
    removed_history_.insert(skill::KeptPatchPath(id));
    result_.report.push_back(fmt::format("{}: taken out", id));
  }

  void Meet(const Patch& patch) {
    std::string text = skill::RuleText(patch), hash = HashOfRule(text);
    RuleRecord fresh = skill::RecordOf(patch);
    fresh.section = SectionOf(patch), fresh.text_hash = hash;
    fresh.base_skill_hash = patch.base_skill_hash.empty() ? base_hash_ : patch.base_skill_hash;
    RuleRecord* known = provenance_.Find(patch.id);
    if (!known) return MeetNew(patch, std::move(fresh), text);
    fresh.base_skill_hash = known->base_skill_hash;
    if (auto [path, item] = FindItem(known->text_hash); item) {
      fresh.status = known->status == RuleStatus::kWasThere ? RuleStatus::kWasThere : RuleStatus::kInSkill;
      fresh.file = FileField(path);
      bool same = hash == known->text_hash;
      bool pinned = !same && decisions_.IsPinned(item->hash);
      if (fresh.status == RuleStatus::kWasThere || pinned)
        fresh.text_hash = known->text_hash;
      else if (!same)
        files_.at(path).ReplaceItem(*item, text);
      if (pinned) return Keep(patch, fresh, kPinned);
      if (fresh.status == RuleStatus::kInSkill) written_.emplace_back(path, hash);
      bool rewritten = !same && fresh.status == RuleStatus::kInSkill;
      return Keep(patch, fresh, rewritten ? kReworded : kUpdated);
    }
    if (auto [path, item] = FindItem(hash); item) {
      fresh.status = RuleStatus::kWasThere;  // the user's edit, which happens to say the same
      fresh.file = FileField(path);
      return Keep(patch, fresh, kSameWords);
    }
    bool edited = IsEdited(patch, text);
    fresh.status = edited ? RuleStatus::kEditedByUser : RuleStatus::kRemovedByUser;
    fresh.text_hash = known->text_hash, fresh.section = known->section, fresh.file = known->file;
    Keep(patch, fresh, edited ? kEdited : kRemoved);
  }

  void MeetNew(const Patch& patch, RuleRecord fresh, const std::string& text) {
    auto covered = plan_.covered.find(patch.id);
    std::string hash = covered == plan_.covered.end() ? fresh.text_hash : covered->second;
    if (auto [path, item] = FindItem(hash); item) {
      fresh.status = RuleStatus::kWasThere, fresh.text_hash = hash, fresh.file = FileField(path);
      return Keep(patch, fresh, hash == HashOfRule(text) ? kSameWords : kCovered);
    }
    pending_.push_back({&patch, std::move(fresh), text});
  }

  // Some item that is no rule of ours looks like what became of this one.
  bool IsEdited(const Patch& patch, const std::string& text) const {
    std::string old_text = OldText(patch.id);
    for (const auto& [path, file] : files_) {
      for (const Block& item : file.blocks()) {
        if (item.kind != BlockKind::kItem || IsKnownText(item)) continue;
        if (skill::AreAlike(item.text, text) || skill::AreAlike(item.text, old_text)) return true;
      }
    }
    return false;
  }

  // Texts of other rules of ours are nobody's edit of this one.
  bool IsKnownText(const Block& item) const {
    std::string hash = HashOfRule(item.text);
    return std::any_of(provenance_.rules.begin(), provenance_.rules.end(),
                       [&](const RuleRecord& rule) { return rule.text_hash == hash; });
  }

  // The rule as we last wrote it; "" when the history does not have it.
  std::string OldText(const std::string& id) const {
    auto patch = skill::KeptPatch(base_, id);
    return patch ? skill::RuleText(*patch) : "";
  }

  struct Said {
    EditFate fate;
    std::string_view reason, what;
  };
  static constexpr Said kReworded = {EditFate::kApplied, "reworded", "reworded"};
  static constexpr Said kUpdated = {EditFate::kAlreadyThere, "already_in_skill",
                                    "already in the skill, records updated"};
  static constexpr Said kSameWords = {EditFate::kAlreadyThere, "same_words",
                                      "already in the skill, in the same words"};
  static constexpr Said kCovered = {EditFate::kAlreadyThere, "covered", "said by the skill in other words"};
  static constexpr Said kPinned = {EditFate::kAlreadyThere, "pinned", "pinned: its words stay"};
  static constexpr Said kEdited = {EditFate::kTheirs, "edited_by_user", "edited by user: their text stays"};
  static constexpr Said kRemoved = {EditFate::kTheirs, "removed_by_user", "removed by user: not added again"};

  void Say(EditEntry entry, const std::string& what) {
    result_.report.push_back(fmt::format("{}: {}", entry.patch_id, what));
    result_.ledger.push_back(std::move(entry));
  }
  void Keep(const Patch& patch, const RuleRecord& record, const Said& said) {
    Say({.patch_id = patch.id,
         .fate = said.fate,
         .reason = std::string(said.reason),
         .file = record.file.empty() ? std::string(skill::kSkillFile) : record.file},
        std::string(said.what));
    Record(patch, record, said.fate == EditFate::kTheirs || said.reason == kPinned.reason);
  }
  // not_ours: the history keeps the words that we wrote, which tell an edit from a removal.
  void Record(const Patch& patch, const RuleRecord& record, bool not_ours) {
    if (RuleRecord* known = provenance_.Find(patch.id))
      *known = record;
    else
      provenance_.rules.push_back(record);
    Patch kept = patch;
    kept.base_skill_hash = record.base_skill_hash;
    if (not_ours && base_.files.contains(skill::KeptPatchPath(patch.id))) return;
    history_[skill::KeptPatchPath(patch.id)] = EncodePatch(kept, false);
  }

  // Files come before what links to them and go after it.
  static int StageOf(EditOp op) {
    return op == EditOp::kCreateFile      ? 0
           : op == EditOp::kDeleteSection ? 2
           : op == EditOp::kDeleteFile    ? 3
                                          : 1;
  }

  void DoEdits(const std::vector<Patch>& patches) {
    Ownership own(provenance_, decisions_);
    skill::FileEdits edits(&files_, &own, plan_.edit_others);
    struct Job {
      const Patch* patch;
      size_t index;
    };
    std::vector<Job> jobs;
    for (const Patch& patch : patches) {
      const RuleRecord* known = provenance_.Find(patch.id);
      bool done = known && known->text_hash == HashOfEdits(patch);
      for (size_t i = 0; i < patch.edits.size(); ++i) {
        if (!done) {
          jobs.push_back({&patch, i});
          continue;
        }
        Say({.patch_id = patch.id,
             .edit = static_cast<int64_t>(i),
             .fate = EditFate::kAlreadyThere,
             .reason = "already_applied",
             .file = patch.edits[i].file},
            fmt::format("edit {}: was applied before", i));
      }
      if (done && !patch.edits.empty()) Update(patch, *known);
    }
    std::sort(jobs.begin(), jobs.end(), [](const Job& a, const Job& b) {
      auto key = [](const Job& j) {
        return std::tuple(StageOf(j.patch->edits[j.index].op), j.patch, j.index);
      };
      return key(a) < key(b);
    });
    std::map<const Patch*, std::vector<EditEntry>> entries;
    for (const Job& job : jobs) {
      EditEntry entry = edits.Do(job.patch->edits[job.index]);
      entry.patch_id = job.patch->id, entry.edit = static_cast<int64_t>(job.index);
      entries[job.patch].push_back(std::move(entry));
    }
    LinkCreated(&edits, &entries);
    for (const Patch& patch : patches) {
      if (entries.contains(&patch)) KeepEdits(patch, std::move(entries[&patch]));
    }
  }

  void Update(const Patch& patch, const RuleRecord& known) {
    RuleRecord record = skill::RecordOf(patch);
    record.text_hash = known.text_hash, record.blocks = known.blocks, record.file = known.file;
    record.section = known.section, record.base_skill_hash = known.base_skill_hash;
    Record(patch, record, false);
  }

  // A file that SKILL.md does not name is found by nobody.
  void LinkCreated(skill::FileEdits* edits, std::map<const Patch*, std::vector<EditEntry>>* entries) {
    for (auto& [patch, list] : *entries) {
      for (EditEntry& entry : list) {
        if (entry.reason != "created" || Contains(Main().text(), entry.file)) continue;
        std::string section =
            patch->section.empty() ? std::string(kLinkSection) : skill::SectionName(patch->section);
        constexpr int64_t kFrame = 5;
        bool room = skill::LinesOf(Main().text()) + kFrame <= skill::kMaxBodyLines;
        if (room && !section.empty()) {
          AddItems(std::string(skill::kSkillFile), section, {LinkText(entry.file)}, {});
          written_.emplace_back(skill::kSkillFile, HashOfRule(LinkText(entry.file)));
          entry.detail = "a link was added to SKILL.md";
          continue;
        }
        edits->TakeBack(entry.file);
        entry.fate = EditFate::kRefused, entry.reason = "unlinked";
        entry.detail = "SKILL.md does not name the file and has no room for a link";
      }
    }
  }

  void KeepEdits(const Patch& patch, std::vector<EditEntry> entries) {
    std::sort(entries.begin(), entries.end(),
              [](const EditEntry& a, const EditEntry& b) { return a.edit < b.edit; });
    RuleRecord record = skill::RecordOf(patch);
    record.text_hash = HashOfEdits(patch);
    record.base_skill_hash = patch.base_skill_hash.empty() ? base_hash_ : patch.base_skill_hash;
    bool any = false;
    for (EditEntry& entry : entries) {
      const PatchEdit& edit = patch.edits[static_cast<size_t>(*entry.edit)];
      if (entry.fate == EditFate::kApplied) {
        any = true;
        if (entry.reason == "section_added")
          provenance_.headings.push_back({edit.file, skill::SectionOfPath(edit.heading_path)});
        if (record.file.empty()) record.file = FileField(edit.file);
        for (const Block& block : skill::ParseBlocks(edit.new_text)) record.blocks.push_back(block.hash);
        std::string words = skill::CollapseSpace(edit.new_text);
        if (edit.op == EditOp::kReplace && skill::IsPlainItem(words))  // words for an item are an item
          record.blocks.push_back(skill::HashOfBlock(BlockKind::kItem, words));
      }
      std::string what = fmt::format("edit {}, {}: {}", *entry.edit, NameOf(edit.op), entry.reason);
      if (!entry.detail.empty()) what += ", " + entry.detail;
      Say(std::move(entry), what);
    }
    if (any) Record(patch, record, false);
  }

  struct Pending {
    const Patch* patch;
    RuleRecord record;
    std::string text;
  };

  // What a rule, or a link to rules, takes of SKILL.md; a section that is not there yet takes more.
  struct Room {
    int64_t lines = 0, tokens = 0;
    bool Fits(const Room& need) const { return need.lines <= lines && need.tokens <= tokens; }
    void Take(const Room& need) { lines -= need.lines, tokens -= need.tokens; }
  };
  bool HasSection(const std::string& section) { return Main().FindHeading(section); }
  // As the skill spells it, or the patch that comes first.
  std::string SectionOf(const Patch& patch) {
    std::string section = skill::SectionName(patch.section);
    if (const Block* heading = Main().FindHeading(section)) return heading->text;
    auto same = [&](const Pending& rule) { return skill::IsSameTitle(rule.record.section, section); };
    auto before = std::ranges::find_if(pending_, same);
    return before == pending_.end() ? section : before->record.section;
  }
  static Room NeedOf(std::string_view item, const std::string& section, bool opens) {
    constexpr int64_t kFrame = 4;  // blank lines and heading of a section
    Room need{1, skill::TokensOf(item) + 1};
    if (opens) need.lines += kFrame, need.tokens += skill::TokensOf(section) + 2;
    return need;
  }

  void AddPending() {
    Room room{skill::kMaxBodyLines - skill::LinesOf(Main().text()),
              skill::kMaxBodyTokens - skill::TokensOf(Main().text())};
    std::set<std::string> opened;
    Room all, links;
    for (const Pending& rule : pending_) {
      const std::string& section = rule.record.section;
      bool opens = opened.insert(section).second && !HasSection(section);
      Room need = NeedOf(rule.text, section, opens);
      all.lines += need.lines, all.tokens += need.tokens;
    }
    for (const std::string& section : opened) {
      Room need = NeedOf(LinkText("references/" + TopicOf(section) + "-2.md"), section, !HasSection(section));
      links.lines += need.lines, links.tokens += need.tokens;
    }
    bool everything = room.Fits(all);
    // Where not everything fits, room for the links is kept from the start.
    if (!everything) room.Take(links);
    std::vector<std::string> sections;
    std::map<std::string, std::vector<std::string>> texts;
    std::vector<const Pending*> rest;
    for (const Pending& rule : pending_) {
      const std::string& section = rule.record.section;
      Room need = NeedOf(rule.text, section, !texts.contains(section) && !HasSection(section));
      if (!room.Fits(need)) {
        rest.push_back(&rule);
        continue;
      }
      room.Take(need);
      if (!texts.contains(section)) sections.push_back(section);
      texts[section].push_back(rule.text);
      KeepNew(rule, std::string(skill::kSkillFile));
    }
    if (!everything) room.lines += links.lines, room.tokens += links.tokens;
    std::set<std::string> own = OwnHashes();
    for (const std::string& section : sections)
      AddItems(std::string(skill::kSkillFile), section, texts[section], own);
    for (const Pending* rule : rest) AddToReference(*rule, &room);
  }

  // A heading that comes with the items is ours, and goes when they are gone.
  void AddItems(const std::string& path, const std::string& section, const std::vector<std::string>& texts,
                const std::set<std::string>& own) {
    Editor& file = files_.at(path);
    if (!file.FindHeading(section)) provenance_.headings.push_back({path, section});
    file.AddItems(section, texts, own);
  }

  // Of our headings those that nothing stands below any more, since somebody deleted the last rule there, and
  // references of which nothing else was left.
  void DropEmptyHeadings() {
    std::vector<skill::OwnHeading> kept;
    for (const skill::OwnHeading& heading : provenance_.headings) {
      auto file = files_.find(heading.file);
      const Block* block = file == files_.end() ? nullptr : OnlyHeading(file->second, heading.text);
      if (!block) continue;
      if (!IsEmptySection(file->second, *block) || decisions_.IsPinned(block->hash)) {
        kept.push_back(heading);
        continue;
      }
      file->second.Remove(*block);
      if (file->second.blocks().empty() && heading.file != skill::kSkillFile) DropFile(heading.file);
    }
    // The line that led to a file that is gone may have been the last one below a heading.
    bool again = kept.size() < provenance_.headings.size();
    provenance_.headings = std::move(kept);
    if (again) DropEmptyHeadings();
  }

  static const Block* OnlyHeading(const Editor& file, const std::string& text) {
    const Block* found = nullptr;
    for (const Block& block : file.blocks()) {
      if (block.kind != BlockKind::kHeading || block.text != text) continue;
      if (found) return nullptr;
      found = &block;
    }
    return found;
  }
  static bool IsEmptySection(const Editor& file, const Block& heading) {
    const Block* next = &heading + 1;
    bool last = next == file.blocks().data() + file.blocks().size();
    return last || (next->kind == BlockKind::kHeading && next->level <= heading.level);
  }

  void DropFile(const std::string& file) {
    files_.erase(file);
    if (auto [path, link] = FindItem(HashOfRule(LinkText(file))); link) files_.at(path).Remove(*link);
  }

  std::set<std::string> OwnHashes() const {
    std::set<std::string> own;
    for (const RuleRecord& rule : provenance_.rules) {
      if (rule.status == RuleStatus::kInSkill) own.insert(rule.text_hash);
    }
    return own;
  }

  void KeepNew(const Pending& rule, const std::string& file) {
    RuleRecord record = rule.record;
    record.file = FileField(file);
    written_.emplace_back(file, record.text_hash);
    bool reference = !record.file.empty();
    Say({.patch_id = rule.patch->id,
         .fate = EditFate::kApplied,
         .reason = reference ? "added_to_reference" : "added",
         .file = file},
        reference ? fmt::format("added to {}, SKILL.md has no room for it", file)
                  : fmt::format("added under \"{}\"", record.section));
    Record(*rule.patch, record, false);
  }

  // references/TOPIC.md, or -2, -3 ... when those before are full; SKILL.md names each.
  void AddToReference(const Pending& rule, Room* room) {
    constexpr int64_t kMaxLines = 100;  // longer references want a list of contents
    const std::string& section = rule.record.section;
    std::string topic = TopicOf(section), file;
    for (int part = 1; file.empty(); ++part) {
      std::string name = fmt::format("references/{}{}.md", topic, part == 1 ? "" : fmt::format("-{}", part));
      auto there = files_.find(name);
      if (there == files_.end() || skill::LinesOf(there->second.text()) < kMaxLines) file = name;
    }
    bool linked = Contains(Main().text(), file);
    Room need = NeedOf(LinkText(file), section, !HasSection(section));
    // A body that is too long by itself still gets the line that leads to what it has no room for.
    if (!linked && need.lines > room->lines) {
      return Say({.patch_id = rule.patch->id,
                  .fate = EditFate::kRefused,
                  .reason = "body_budget",
                  .file = std::string(skill::kSkillFile),
                  .detail = "SKILL.md has no room for it, nor for a link to a reference"},
                 fmt::format("left out, SKILL.md would have more than {} lines or {} tokens",
                             skill::kMaxBodyLines, skill::kMaxBodyTokens));
    }
    if (!linked) {
      room->Take(need);
      AddItems(std::string(skill::kSkillFile), section, {LinkText(file)}, OwnHashes());
      written_.emplace_back(skill::kSkillFile, HashOfRule(LinkText(file)));
    }
    if (files_.emplace(file, Editor("# " + section + "\n")).second)
      provenance_.headings.push_back({file, section});
    KeepNew(rule, file);
    AddItems(file, section, {rule.text}, OwnHashes());
  }

  Result<ApplyResult> Finish() {
    result_.skill = base_;
    if (provenance_.rules.empty() && removed_history_.empty()) return std::move(result_);
    DropEmptyHeadings();
    auto& files = result_.skill.files;
    std::erase_if(files, [&](const auto& file) {
      return (skill::IsEditable(file.first) && !files_.contains(file.first)) ||
             removed_history_.contains(file.first);
    });
    for (const auto& [path, file] : files_) files[path] = file.text();
    files[std::string(skill::kProvenanceFile)] = EncodeProvenance(std::move(provenance_));
    for (auto& [path, bytes] : history_) files[path] = bytes;
    if (is_new_ && SpecName(base_.name) != base_.name) {
      result_.report.push_back(fmt::format("the skill is named {}: rename its directory {} to match",
                                           SpecName(base_.name), base_.name));
    }
    return std::move(result_);
  }

  const SkillDir& base_;
  Provenance provenance_;
  skill::Decisions decisions_;
  const SkillPlan& plan_;
  bool is_new_ = false;
  std::string base_hash_;
  std::map<std::string, Editor> files_;  // that may be edited
  std::vector<Pending> pending_;
  std::vector<std::pair<std::string, std::string>> written_;  // file and hash of items that must be there
  std::map<std::string, std::string> history_;
  std::set<std::string> removed_history_;
  ApplyResult result_;
};

// One order for any order given; the first of two patches with one id is kept.
std::vector<Patch> InOrder(const std::vector<Patch>& patches, ApplyResult* left_out) {
  std::vector<std::pair<std::string, Patch>> keyed;
  for (const Patch& patch : patches) {
    Patch plain = skill::PlainPatch(patch);
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
    bool rule = patch.edits.empty();
    std::string refusal = rule ? skill::RuleRefusal(patch) : "", reason = "not_a_rule";
    if (!rule && !skill::IsFileNameSafe(patch.id)) refusal = "the patch has no usable id";
    bool twice = refusal.empty() &&
                 (!ids.insert(patch.id).second || (rule && !texts.insert(skill::RuleText(patch)).second));
    if (twice) refusal = "the same rule is given twice", reason = "given_twice";
    if (refusal.empty()) {
      out.push_back(std::move(patch));
      continue;
    }
    std::string id = skill::IsFileNameSafe(patch.id) ? patch.id : "patch";
    left_out->report.push_back(fmt::format("{}: left out, {}", id, refusal));
    size_t entries = rule ? 1 : patch.edits.size();
    for (size_t i = 0; i < entries; ++i) {
      left_out->ledger.push_back(
          {.patch_id = id, .fate = EditFate::kRefused, .reason = reason, .detail = refusal});
      if (!rule) left_out->ledger.back().edit = static_cast<int64_t>(i);
    }
  }
  return out;
}

}  // namespace

Result<ApplyResult> ApplyPatches(const SkillDir& base, const std::vector<Patch>& patches) {
  return ApplyPlan(base, {.patches = patches});
}

Result<ApplyResult> ApplyPlan(const SkillDir& base, const SkillPlan& plan) {
  auto provenance = skill::RecordsOf(base);
  if (!provenance) return std::unexpected(std::move(provenance.error()));
  ApplyResult left_out{.skill = base, .report = {}};
  std::vector<Patch> ordered = InOrder(plan.patches, &left_out);
  if (ordered.empty() && plan.removals.empty()) return left_out;
  if (!base.files.contains(std::string(skill::kSkillFile)) && base.files.contains("skill.md")) {
    return Fail(ErrorCode::kInvalidInput, fmt::format("{}/skill.md is not spelled SKILL.md", base.name),
                "rename it: clients look for SKILL.md");
  }
  auto decisions = skill::DecisionsOf(base);
  if (!decisions) return std::unexpected(std::move(decisions.error()));
  auto result = Application(base, *std::move(provenance), std::move(*decisions), plan).Run(ordered);
  if (!result) return result;
  result->report.insert(result->report.end(), left_out.report.begin(), left_out.report.end());
  result->ledger.insert(result->ledger.end(), left_out.ledger.begin(), left_out.ledger.end());
  return result;
}

}  // namespace clawtrace
