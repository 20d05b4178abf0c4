#include "distill/model/cases.h"

#include <fmt/core.h>

#include <array>
#include <filesystem>
#include <set>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

namespace clawtrace::distill {
namespace {

namespace fs = std::filesystem;

struct Member {
  std::string_view name;
  std::string Case::* place;
};
constexpr std::array<Member, 8> kMembers = {{{"session", &Case::session},
                                             {"workspace", &Case::workspace},
                                             {"end", &Case::end},
                                             {"oracle", &Case::oracle},
                                             {"tests", &Case::tests},
                                             {"gold", &Case::gold},
                                             {"gold_for", &Case::gold_for},
                                             {"at", &Case::at}}};

Result<Case> CaseOf(Json json, const std::string& where) {
  if (!json.is_object()) return Fail(ErrorCode::kInvalidInput, where + " is no JSON object");
  Case out;
  std::string wrong;
  json.ForEachField([&](std::string_view key, Json value) {
    for (const Member& member : kMembers) {
      if (member.name != key) continue;
      if (value.is_string())
        out.*member.place = value.text();
      else
        wrong = key;
      return;
    }
    wrong = key;
  });
  if (!wrong.empty())
    return Fail(ErrorCode::kInvalidInput,
                fmt::format("{}: \"{}\" is no member of a case, or no text", where, wrong),
                "session, workspace, end, oracle, tests, gold, gold_for, at");
  if (out.session.empty())
    return Fail(ErrorCode::kInvalidInput, where + " names no session", R"({"session":"ID", ...})");
  return out;
}

// What stands beside the file is named relative to it; a command or a task by its name stays.
void TakeFrom(const fs::path& folder, std::string* path) {
  if (path->empty() || path->starts_with('/')) return;
  fs::path joined = (folder / *path).lexically_normal();
  std::error_code error;
  std::string before_commit = joined.string().substr(0, joined.string().rfind('@'));
  if (fs::exists(joined, error) || fs::exists(before_commit, error))
    *path = fs::absolute(joined, error).string();
}

}  // namespace

Result<std::vector<Case>> ReadCases(const std::string& path) {
  auto text = ReadFile(path);
  if (!text) return std::unexpected(std::move(text.error()));
  fs::path folder = fs::path(path).parent_path();
  if (folder.empty()) folder = ".";
  std::vector<Case> cases;
  std::set<std::string> seen;
  JsonParser parser;
  size_t number = 0;
  for (std::string_view line : Split(*text, '\n')) {
    ++number;
    if (Trim(line).empty()) continue;
    std::string where = fmt::format("{}:{}", path, number);
    auto json = parser.Parse(line);
    if (!json)
      return Fail(ErrorCode::kInvalidInput, fmt::format("{} is no JSON: {}", where, json.error().message));
    auto made = CaseOf(*json, where);
    if (!made) return std::unexpected(std::move(made.error()));
    for (std::string Case::* place :
         {&Case::session, &Case::workspace, &Case::end, &Case::oracle, &Case::tests, &Case::gold})
      TakeFrom(folder, &((*made).*place));
    if (!seen.insert(made->session).second)
      return Fail(ErrorCode::kInvalidInput, fmt::format("{}: session {} comes twice", where, made->session));
    cases.push_back(std::move(*made));
  }
  return cases;
}

const Case* FindCase(const std::vector<Case>& cases, std::string_view session_id, std::string_view log) {
  std::error_code error;
  std::string absolute = log.empty() ? "" : fs::absolute(fs::path(log), error).lexically_normal().string();
  for (const Case& one : cases) {
    if (one.session == session_id || (!absolute.empty() && one.session == absolute)) return &one;
  }
  return nullptr;
}

}  // namespace clawtrace::distill
