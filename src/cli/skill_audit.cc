#include "cli/skill_audit.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "base/text.h"
#include "skill/front_matter.h"
#include "skill/paths.h"

namespace clawtrace::cli {
namespace fs = std::filesystem;

Result<std::vector<distill::Waiver>> WaiversFrom(const Arguments& arguments) {
  std::vector<distill::Waiver> waivers;
  if (!arguments.Has("--waive")) {
    for (std::string_view flag : {"--by", "--why"}) {
      if (arguments.Has(flag))
        return Fail(ErrorCode::kInvalidInput, fmt::format("{} goes with --waive", flag),
                    "--waive CHECK[:ID] names what may pass");
    }
    return waivers;
  }
  std::string all = arguments.Value("--waive");
  for (std::string_view what : Split(all, ',')) {
    auto waiver = distill::MakeWaiver(Trim(what), arguments.Value("--by"), arguments.Value("--why"));
    if (!waiver) return std::unexpected(std::move(waiver.error()));
    waivers.push_back(std::move(*waiver));
  }
  return waivers;
}

std::vector<distill::SkillListing> SkillsBeside(const std::string& directory) {
  constexpr size_t kMostSkills = 1000;
  std::vector<distill::SkillListing> skills;
  std::error_code error;
  fs::path own = fs::absolute(directory, error).lexically_normal();
  if (!own.has_filename()) own = own.parent_path();
  fs::directory_iterator walk(own.parent_path(), error), end;
  for (; !error && walk != end && skills.size() < kMostSkills; walk.increment(error)) {
    // Nobody loads hidden folders: what an interrupted write left stands in one.
    if (walk->path() == own || walk->path().filename().string().starts_with('.')) continue;
    fs::path file = walk->path() / skill::kSkillFile;
    std::error_code none;
    if (!fs::is_regular_file(file, none)) continue;
    auto text = ReadFile(file, skill::kMaxFileBytes);
    if (!text) continue;
    skill::FrontMatter matter = skill::ReadFrontMatter(*text);
    auto description = matter.Text("description");
    if (!description) continue;
    skills.push_back({matter.Text("name").value_or(walk->path().filename().string()), *description});
  }
  std::ranges::sort(skills, {},
                    [](const distill::SkillListing& s) { return std::tie(s.name, s.description); });
  return skills;
}

}  // namespace clawtrace::cli
