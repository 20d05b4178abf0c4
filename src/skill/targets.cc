#include "skill/targets.h"

#include <fmt/core.h>

#include <array>

#include "skill/paths.h"

namespace clawtrace::skill {

std::span<const SkillTarget> SkillTargets() {
  static constexpr auto kTargets = std::to_array<SkillTarget>({
      {"agents", ".agents/skills", ".agents/skills", "Codex CLI, Gemini CLI, Qwen Code, OpenCode, OpenClaw"},
      {"claude", ".claude/skills", ".claude/skills", "Claude Code, OpenCode"},
      {"openclaw", "skills", ".openclaw/skills", "OpenClaw"},
  });
  return kTargets;
}

Result<std::filesystem::path> TargetPath(std::string_view target, TargetScope scope,
                                         const std::filesystem::path& base, std::string_view name) {
  std::string names;
  for (const SkillTarget& each : SkillTargets()) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", each.name);
    if (each.name != target) continue;
    if (!IsFileNameSafe(name))
      return Fail(ErrorCode::kInvalidInput, fmt::format("{} cannot be the name of a skill's folder", name));
    return base / (scope == TargetScope::kHome ? each.home : each.project) / name;
  }
  return Fail(ErrorCode::kInvalidInput, fmt::format("--target {} is none", target), names);
}

}  // namespace clawtrace::skill
