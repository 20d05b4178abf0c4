#include "skill/history.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "base/hash.h"
#include "model/archive.h"
#include "skill/decisions.h"
#include "skill/paths.h"
#include "skill/provenance.h"

namespace clawtrace::skill {

template <class A>
void Describe(A& a, VersionFile& f) {
  a.Field("path", f.path), a.Field("sha256", f.sha256), a.Field("executable", f.executable);
}
template <class A>
void Describe(A& a, SkillVersion& v) {
  a.Field("version", v.version), a.Field("parent", v.parent), a.Field("origin", v.origin);
  a.Field("patches", v.patches), a.Field("files", v.files);
}

namespace {

struct VersionsDocument {
  std::string schema = "skill-history/1";
  std::vector<SkillVersion> versions;
};
template <class A>
void Describe(A& a, VersionsDocument& d) {
  a.Field("schema", d.schema), a.Field("versions", d.versions);
}

std::string ObjectPath(const std::string& sha256) { return std::string(kObjectsFolder) + sha256; }

// The skill's own files, and our records about its rules: what belongs to a version.
bool BelongsToVersion(std::string_view path) {
  return !path.starts_with(kRecordsFolder) || path == kProvenanceFile;
}

const SkillVersion* Find(const std::vector<SkillVersion>& versions, std::string_view hash) {
  auto found = std::find_if(versions.begin(), versions.end(),
                            [&](const SkillVersion& each) { return each.version == hash; });
  return found == versions.end() ? nullptr : &*found;
}

void Keep(const SkillDir& skill, SkillVersion version, std::vector<SkillVersion>* versions, SkillDir* into) {
  for (const auto& [path, bytes] : skill.files) {
    if (!BelongsToVersion(path)) continue;
    std::string sha256 = Sha256Hex(bytes);
    into->files.emplace(ObjectPath(sha256), bytes);
    version.files.push_back({path, std::move(sha256), skill.executable.contains(path)});
  }
  versions->push_back(std::move(version));
}

// Forgets the oldest, and objects that no version names.
void Write(std::vector<SkillVersion> versions, SkillDir* skill) {
  if (versions.size() > kMaxVersions)
    versions.erase(versions.begin(), versions.end() - static_cast<std::ptrdiff_t>(kMaxVersions));
  std::set<std::string> named;
  for (const SkillVersion& version : versions) {
    for (const VersionFile& file : version.files) named.insert(ObjectPath(file.sha256));
  }
  std::erase_if(skill->files, [&](const auto& file) {
    return file.first.starts_with(kObjectsFolder) && !named.contains(file.first);
  });
  VersionsDocument document;
  document.versions = std::move(versions);
  skill->files[std::string(kVersionsFile)] = Encode(document, DocWriter::Format::kJsonPretty);
}

std::unexpected<Error> Corrupt(std::string message) {
  return Fail(ErrorCode::kCorruptData, std::move(message),
              "move .clawtrace/history away to start a new history; the skill stays as it is");
}

Result<std::string> VersionMeant(const std::vector<SkillVersion>& versions, const std::string& current,
                                 bool current_is_new, std::string_view asked) {
  if (asked.empty()) {
    if (current_is_new && !versions.empty()) return versions.back().version;
    const SkillVersion* now = Find(versions, current);
    if (!now || now->parent.empty() || !Find(versions, now->parent))
      return Fail(ErrorCode::kNotFound, "there is no earlier version",
                  "clawtrace skill history DIR lists what is kept");
    return now->parent;
  }
  constexpr size_t kLeastDigits = 6;
  std::vector<std::string> fitting;
  for (const SkillVersion& version : versions) {
    if (version.version.starts_with(asked)) fitting.push_back(version.version);
  }
  const std::string hint = "clawtrace skill history DIR lists what is kept";
  if (fitting.empty())
    return Fail(ErrorCode::kNotFound, fmt::format("no version begins with {}", asked), hint);
  if (asked.size() < kLeastDigits)
    return Fail(ErrorCode::kNotFound,
                fmt::format("{} is too short to name a version: it takes {} digits", asked, kLeastDigits),
                hint);
  if (fitting.size() > 1)
    return Fail(ErrorCode::kNotFound, fmt::format("{} versions begin with {}", fitting.size(), asked), hint);
  return fitting.front();
}

// Rules of ours that stand in the skill. Without them it cannot be said which ones are taken back, and the
// next merge would write those again.
Result<std::vector<RuleRecord>> RulesIn(const SkillDir& skill, std::string hint) {
  auto read = RecordsOf(skill);
  if (!read) return Fail(read.error().code, read.error().message, std::move(hint));
  std::erase_if(read->rules, [](const RuleRecord& rule) { return rule.status != RuleStatus::kInSkill; });
  return std::move(read->rules);
}

// Who goes back wants the rules that came since no more, and those that come back again.
Status Decide(const SkillDir& from, SkillDir* to) {
  auto decisions = DecisionsOf(from);
  if (!decisions) return std::unexpected(std::move(decisions.error()));
  std::string moved = fmt::format("move {} away to go back all the same: ", kProvenanceFile);
  auto now = RulesIn(from, moved + "rules that go along are then not remembered as taken back");
  if (!now) return std::unexpected(std::move(now.error()));
  auto then = RulesIn(*to, "these are the records of the version to go back to; name another version");
  if (!then) return std::unexpected(std::move(then.error()));
  std::set<std::string> back;
  for (const RuleRecord& rule : *then) back.insert(rule.id);
  std::string version = SkillHash(from);
  for (const RuleRecord& rule : *now) {
    if (!back.contains(rule.id))
      AddTakenBack(TakenBackOf(rule, HowTakenBack::kRolledBack, version), &*decisions);
  }
  std::erase_if(decisions->taken_back, [&](const TakenBack& entry) { return back.contains(entry.id); });
  KeepDecisions(std::move(*decisions), to);
  return {};
}

}  // namespace

Result<std::vector<SkillVersion>> VersionsOf(const SkillDir& skill) {
  auto file = skill.files.find(std::string(kVersionsFile));
  if (file == skill.files.end()) return std::vector<SkillVersion>();
  auto read = Decode<VersionsDocument>(file->second, kVersionsFile);
  if (!read) return Corrupt(read.error().message);
  if (read->schema != "skill-history/1")
    return Corrupt(fmt::format("{}: schema {} is not known", kVersionsFile, read->schema));
  return std::move(read->versions);
}

Result<SkillDir> WithVersion(const SkillDir& before, SkillDir after, VersionOrigin origin,
                             std::vector<std::string> patches) {
  auto versions = VersionsOf(before);
  if (!versions) return std::unexpected(std::move(versions.error()));
  std::string old_hash = SkillHash(before), new_hash = SkillHash(after);
  bool was_there = std::any_of(before.files.begin(), before.files.end(),
                               [](const auto& file) { return !file.first.starts_with(kRecordsFolder); });
  size_t known = versions->size();
  if (was_there && !Find(*versions, old_hash)) {
    std::string parent = versions->empty() ? "" : versions->back().version;
    Keep(before, {old_hash, std::move(parent), VersionOrigin::kUser, {}, {}}, &*versions, &after);
  }
  if (!Find(*versions, new_hash)) {
    std::sort(patches.begin(), patches.end());
    Keep(after, {new_hash, was_there ? old_hash : "", origin, std::move(patches), {}}, &*versions, &after);
  }
  if (versions->size() > known) Write(std::move(*versions), &after);
  return after;
}

Result<SkillDir> VersionAt(const SkillDir& current, std::string_view asked) {
  auto versions = VersionsOf(current);
  if (!versions) return std::unexpected(std::move(versions.error()));
  std::string hash = SkillHash(current);
  auto meant = VersionMeant(*versions, hash, !Find(*versions, hash), asked);
  if (!meant) return std::unexpected(std::move(meant.error()));
  auto kept = WithVersion(current, current, VersionOrigin::kUser);
  if (!kept) return kept;
  const SkillVersion* version = Find(*versions, *meant);
  SkillDir out{current.name, {}, {}};
  for (const auto& [path, bytes] : kept->files) {
    if (!BelongsToVersion(path)) out.files.emplace(path, bytes);
  }
  for (const VersionFile& file : version->files) {
    auto object = kept->files.find(ObjectPath(file.sha256));
    bool whole = object != kept->files.end() && Sha256Hex(object->second) == file.sha256;
    if (!whole || !IsConfinedPath(file.path) || !BelongsToVersion(file.path))
      return Corrupt(fmt::format("version {} is not whole: {} is missing", version->version, file.sha256));
    out.files[file.path] = object->second;
    if (file.executable) out.executable.insert(file.path);
  }
  return out;
}

Result<SkillDir> Rollback(const SkillDir& current, std::string_view asked) {
  auto back = VersionAt(current, asked);
  if (back) CT_RETURN_IF_ERROR(Decide(current, &*back));
  return back;
}

Status ReleaseSkill(const SkillDir& before, SkillDir after, Release release, const std::string& path) {
  auto with = WithVersion(before, std::move(after), release.origin, std::move(release.patches));
  if (!with) return std::unexpected(std::move(with.error()));
  SaveOptions options{.gone = {}, .instead_of = release.instead_of ? release.instead_of : &before};
  for (const auto& [name, bytes] : before.files) {
    if (!with->files.contains(name)) options.gone.insert(name);
  }
  return SaveSkill(*with, path, options);
}

}  // namespace clawtrace::skill
