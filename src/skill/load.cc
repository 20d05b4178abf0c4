#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "skill/lint.h"
#include "skill/paths.h"
#include "skill/save.h"
#include "skill/skill.h"

namespace clawtrace {
namespace fs = std::filesystem;

namespace skill {

bool IsConfinedPath(std::string_view path) {
  if (path.empty() || path.front() == '/') return false;
  for (char c : path) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  }
  for (std::string_view part : Split(path, '/')) {
    if (part.empty() || part == "." || part == "..") return false;
  }
  return true;
}

bool IsMarkdown(std::string_view path) {
  std::string lower = ToLower(path);
  return (lower.ends_with(".md") || lower.ends_with(".markdown")) && !path.starts_with(kRecordsFolder);
}

bool IsFileNameSafe(std::string_view name) {
  constexpr size_t kMaxName = 64;
  if (name.empty() || name.size() > kMaxName || name.front() == '.') return false;
  for (char c : name) {
    bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!word && c != '.' && c != '_' && c != '-') return false;
  }
  return true;
}

bool IsKebab(std::string_view name) {
  bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  return plain && !name.starts_with('-') && !name.ends_with('-') && name.find("--") == std::string_view::npos;
}

}  // namespace skill

namespace {

bool IsVersionControl(const fs::path& name) { return name == ".git" || name == ".hg" || name == ".svn"; }

// Reads one entry into out; folders are entered by the caller.
Status ReadEntry(const fs::directory_entry& entry, const fs::path& root, uint64_t* total, SkillDir* out) {
  std::error_code error;
  std::string shown = entry.path().string();
  fs::file_status status = entry.symlink_status(error);
  if (error) return Fail(ErrorCode::kIo, fmt::format("cannot read {}: {}", shown, error.message()));
  if (fs::is_directory(status)) return {};
  if (fs::is_symlink(status)) {
    return Fail(ErrorCode::kUnsupported, fmt::format("{} is a symbolic link", shown),
                "a skill is read as it is stored; put the file itself there");
  }
  if (!fs::is_regular_file(status)) {
    return Fail(ErrorCode::kUnsupported, fmt::format("{} is not a regular file", shown));
  }
  std::string path = entry.path().lexically_relative(root).generic_string();
  if (!skill::IsConfinedPath(path)) {
    return Fail(ErrorCode::kUnsupported, fmt::format("{} has control characters in its name", root.string()));
  }
  auto bytes = ReadFile(entry.path(), skill::kMaxFileBytes);
  if (!bytes) return std::unexpected(std::move(bytes.error()));
  *total += bytes->size();
  if (*total > skill::kMaxSkillBytes || out->files.size() >= skill::kMaxFiles) {
    return Fail(ErrorCode::kLimit,
                fmt::format("{} holds more than {} files or {} bytes", root.string(), skill::kMaxFiles,
                            skill::kMaxSkillBytes),
                "is this a skill directory?");
  }
  constexpr fs::perms kAnyExec = fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec;
  if ((status.permissions() & kAnyExec) != fs::perms::none) out->executable.insert(path);
  out->files.emplace(std::move(path), std::move(*bytes));
  return {};
}

}  // namespace

namespace {

// What a directory's entry is that a skill may not hold.
skill::LintFinding FindingOf(const fs::directory_entry& entry, const fs::path& root, const Error& error) {
  std::error_code ignored;
  constexpr size_t kMaxPath = 400;
  auto finding = [&](std::string_view check, std::string_view message) {
    std::string path = entry.path().lexically_relative(root).generic_string();
    return skill::LintFinding{std::string(check),
                              skill::Severity::kError,
                              skill::PlainText(path, kMaxPath),
                              0,
                              std::string(message),
                              {}};
  };
  if (entry.is_symlink(ignored)) return finding("symlink", "a symbolic link; put the file itself there");
  if (error.code == ErrorCode::kLimit) return finding("file-size", "the file is too large for a skill");
  if (error.code == ErrorCode::kIo) return finding("unreadable", "the file cannot be read");
  if (!entry.is_regular_file(ignored)) return finding("special-file", "neither file nor folder");
  return finding("path", "the name has control characters");
}

// Reads a directory that exists. findings: where what cannot be read goes; nullptr: it is an error.
Status ReadDirectory(const fs::path& path, SkillDir* out, std::vector<skill::LintFinding>* findings) {
  std::error_code error;
  uint64_t total = 0;
  fs::recursive_directory_iterator walk(path, error), end;
  for (; !error && walk != end; walk.increment(error)) {
    if (IsVersionControl(walk->path().filename())) {
      walk.disable_recursion_pending();
      continue;
    }
    Status read = ReadEntry(*walk, path, &total, out);
    if (read) continue;
    bool full = total > skill::kMaxSkillBytes || out->files.size() >= skill::kMaxFiles;
    if (!findings || full) return read;
    findings->push_back(FindingOf(*walk, path, read.error()));
  }
  if (error) return Fail(ErrorCode::kIo, fmt::format("cannot read {}: {}", path.string(), error.message()));
  return {};
}

}  // namespace

Result<SkillDir> LoadSkill(const std::string& given) {
  auto path = skill::DirectoryPath(given);
  if (!path) return std::unexpected(std::move(path.error()));
  CT_RETURN_IF_ERROR(skill::RecoverSave(*path));
  SkillDir out;
  out.name = path->filename().string();
  std::error_code error;
  fs::file_status status = fs::symlink_status(*path, error);
  if (status.type() == fs::file_type::not_found) return out;
  if (error) return Fail(ErrorCode::kIo, fmt::format("cannot read {}: {}", given, error.message()));
  if (fs::is_symlink(status)) {
    return Fail(ErrorCode::kUnsupported, fmt::format("{} is a symbolic link", given),
                "give the directory that it leads to");
  }
  if (!fs::is_directory(status))
    return Fail(ErrorCode::kInvalidInput, fmt::format("{} is not a directory", given),
                "name the folder of a skill, or one that is not there yet");
  CT_RETURN_IF_ERROR(ReadDirectory(*path, &out, nullptr));
  return out;
}

Result<SkillDir> LoadSkillToWrite(const std::string& path) {
  auto skill = LoadSkill(path);
  if (!skill || skill->files.contains(std::string(skill::kSkillFile))) return skill;
  if (!skill::IsKebab(skill->name) || skill->name.size() > skill::kMaxNameLength)
    return Fail(
        ErrorCode::kInvalidInput, fmt::format("{}: no skill can be called {}", path, skill->name),
        fmt::format(
            "a skill has the name of its directory: lower-case letters and digits with single hyphens "
            "between them, {} at most",
            skill::kMaxNameLength));
  return skill;
}

Result<skill::LooseSkill> skill::LoadLoosely(const std::string& given) {
  auto path = DirectoryPath(given);
  if (!path) return std::unexpected(std::move(path.error()));
  CT_RETURN_IF_ERROR(RecoverSave(*path));
  std::error_code error;
  if (!fs::is_directory(*path, error))
    return Fail(ErrorCode::kNotFound, fmt::format("{} is not a directory", given),
                "name the folder that holds SKILL.md");
  LooseSkill out;
  out.skill.name = path->filename().string();
  CT_RETURN_IF_ERROR(ReadDirectory(*path, &out.skill, &out.findings));
  return out;
}

std::string SkillHash(const SkillDir& skill) {
  std::string all;
  for (const auto& [path, bytes] : skill.files) {
    if (path.starts_with(skill::kRecordsFolder)) continue;
    all += fmt::format("{}\n{}\n", path, Sha256Hex(bytes));  // paths hold no line ends
  }
  return Sha256Hex(all);
}

}  // namespace clawtrace
