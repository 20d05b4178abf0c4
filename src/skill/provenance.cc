#include "skill/provenance.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/hash.h"
#include "base/secrets.h"
#include "model/archive.h"
#include "skill/blocks.h"
#include "skill/injection.h"
#include "skill/paths.h"
#include "skill/rules.h"

namespace clawtrace::skill {

template <class A>
void Describe(A& a, Evidence& e) {
  a.Field("session_id", e.session_id), a.Field("call_id", e.call_id), a.Field("step", e.step);
  a.Field("card_hash", e.card_hash);
}
constexpr bool IsRow(const Evidence&) { return true; }

template <class A>
void Describe(A& a, RuleRecord& r) {
  a.Field("id", r.id), a.Field("text_hash", r.text_hash), a.Field("section", r.section);
  a.Field("file", r.file), a.Field("blocks", r.blocks);
  a.Field("patch_kind", r.patch_kind), a.Field("status", r.status);
  a.Field("counterfactual_grade", r.counterfactual_grade), a.Field("evidence_grade", r.evidence_grade);
  a.Field("trial", r.trial), a.Field("support", r.support), a.Field("tasks", r.tasks);
  a.Field("expected_savings_usd", r.expected_savings_usd), a.Field("producer", r.producer);
  a.Field("base_skill_hash", r.base_skill_hash), a.Field("evidence", r.evidence);
}

template <class A>
void Describe(A& a, OwnHeading& h) {
  a.Field("file", h.file), a.Field("text", h.text);
}

template <class A>
void Describe(A& a, Provenance& p) {
  a.Field("schema", p.schema), a.Field("rules", p.rules), a.Field("headings", p.headings);
}

RuleRecord* Provenance::Find(std::string_view id) {
  auto found =
      std::find_if(rules.begin(), rules.end(), [&](const RuleRecord& rule) { return rule.id == id; });
  return found == rules.end() ? nullptr : &*found;
}

std::string EncodeProvenance(Provenance provenance) {
  std::sort(provenance.rules.begin(), provenance.rules.end(),
            [](const RuleRecord& a, const RuleRecord& b) { return a.id < b.id; });
  std::sort(provenance.headings.begin(), provenance.headings.end());
  provenance.headings.erase(std::unique(provenance.headings.begin(), provenance.headings.end()),
                            provenance.headings.end());
  return Encode(provenance, DocWriter::Format::kJsonPretty);
}

Result<Provenance> DecodeProvenance(std::string_view text, std::string_view name) {
  auto read = Decode<Provenance>(text, name);
  constexpr std::string_view kHint =
      "move the .clawtrace folder away to start new records; rules that are there stay";
  if (!read) return Fail(ErrorCode::kCorruptData, read.error().message, std::string(kHint));
  if (read->schema != "skill-provenance/1") {
    return Fail(ErrorCode::kUnsupported, fmt::format("{}: schema {} is not known", name, read->schema),
                std::string(kHint));
  }
  return read;
}

Result<Provenance> RecordsOf(const SkillDir& skill) {
  auto file = skill.files.find(std::string(kProvenanceFile));
  if (file == skill.files.end()) return Provenance();
  return DecodeProvenance(file->second, fmt::format("{}/{}", skill.name, kProvenanceFile));
}

std::string KeptPatchPath(std::string_view id) { return fmt::format("{}{}.yaml", kHistoryFolder, id); }

std::optional<Patch> KeptPatch(const SkillDir& skill, std::string_view id) {
  auto file = skill.files.find(KeptPatchPath(id));
  if (file == skill.files.end()) return std::nullopt;
  auto patch = DecodePatch(file->second, file->first);
  return patch ? std::optional(std::move(*patch)) : std::nullopt;
}

namespace {

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool IsPlainByte(char c) {
  return IsLetter(c) || (c >= '0' && c <= '9') ||
         std::string_view("._-:/+@#=|~%,").find(c) != std::string_view::npos;
}

// Less is no phrase, and most ids are asked no further.
bool HasTwoWords(std::string_view id) {
  constexpr size_t kLeastWord = 3;
  int words = 0;
  size_t letters = 0;
  for (char c : id) {
    letters = IsLetter(c) ? letters + 1 : 0;
    if (letters == kLeastWord) ++words;
  }
  return words >= 2;
}

}  // namespace

std::string PlainId(std::string_view id) {
  constexpr size_t kMaxId = 160, kDigits = 16;
  // An order that stops before its last word is one as well.
  auto speaks = [&] { return !FindInjections(std::string(id) + " instructions").empty(); };
  bool plain = id.size() <= kMaxId && std::all_of(id.begin(), id.end(), IsPlainByte) && !id.contains("..") &&
               FindSecrets(id).empty() && !(HasTwoWords(id) && speaks());
  return plain ? std::string(id) : std::string(kHashedId) + Sha256Hex(id).substr(0, kDigits);
}

Patch PlainPatch(const Patch& patch) {
  Patch out = patch;
  for (std::string& task : out.tasks) task = PlainId(task);
  for (PatchStep& step : out.target_steps) {
    for (std::string* id : {&step.session_id, &step.call_id, &step.step, &step.card_hash}) *id = PlainId(*id);
  }
  out.condition = PlainCondition(out.condition);
  out.producer = PlainId(out.producer), out.base_skill_hash = PlainId(out.base_skill_hash);
  return out;
}

RuleRecord RecordOf(const Patch& patch) {
  RuleRecord record;
  record.id = patch.id, record.section = patch.section, record.patch_kind = patch.patch_kind;
  record.counterfactual_grade = patch.counterfactual_grade, record.evidence_grade = patch.evidence_grade;
  bool tried = patch.counterfactual_grade >= "C2" || patch.evidence_grade >= "E3";
  if (!tried) record.trial = "not yet trialled";
  record.support = patch.support, record.tasks = patch.tasks;
  record.expected_savings_usd = patch.expected_savings_usd, record.producer = patch.producer;
  for (const PatchStep& step : patch.target_steps) {
    record.evidence.push_back({step.session_id, step.call_id, step.step, step.card_hash});
  }
  return record;
}

std::string WrittenText(const Patch& patch, const RuleRecord& record) {
  if (patch.edits.empty()) return RuleText(patch);
  std::string text;
  for (const PatchEdit& edit : patch.edits) {
    for (const Block& block : ParseBlocks(edit.new_text)) {
      bool written = std::find(record.blocks.begin(), record.blocks.end(), block.hash) != record.blocks.end();
      if (written) text.append(text.empty() ? "" : "\n").append(block.text);
    }
  }
  return text;
}

}  // namespace clawtrace::skill
