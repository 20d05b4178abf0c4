#include "distill/audit/waivers.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "base/unicode.h"
#include "distill/audit/audit.h"
#include "model/archive.h"

namespace clawtrace::distill {

namespace {

struct WaiverFile {
  std::string schema = "skill-waivers/1";
  std::vector<Waiver> waivers;
};
template <class A>
void Describe(A& a, WaiverFile& f) {
  a.Field("schema", f.schema), a.Field("waivers", f.waivers);
}

bool IsCheck(std::string_view name) {
  std::span<const std::string_view> lint = skill::LintChecks();
  const std::vector<std::string>& own = AuditChecks();
  return std::find(lint.begin(), lint.end(), name) != lint.end() ||
         std::find(own.begin(), own.end(), name) != own.end();
}

// What is said of who waives, or why. missing: what to say when nothing is.
Status ExpectOneLine(std::string_view text, std::string_view what, std::string_view missing,
                     std::string_view flag) {
  constexpr size_t kMaxBytes = 400;
  auto fail = [&](std::string message) {
    return Fail(ErrorCode::kInvalidInput, std::move(message), std::string(flag));
  };
  if (text.empty()) return fail(std::string(missing));
  if (text.size() > kMaxBytes) return fail(fmt::format("{} is longer than {} bytes", what, kMaxBytes));
  bool plain =
      IsValidUtf8(text) && FindHidden(text).empty() && text.find_first_of("\r\n") == std::string_view::npos;
  if (!plain) return fail(fmt::format("{} has to be one line of visible text", what));
  return {};
}

}  // namespace

Result<Waiver> MakeWaiver(std::string_view what, std::string_view by, std::string_view why) {
  size_t colon = std::min(what.find(':'), what.size());
  Waiver waiver{std::string(what.substr(0, colon)), "", std::string(Trim(by)), std::string(Trim(why)), ""};
  if (colon < what.size()) waiver.id = std::string(what.substr(colon + 1));
  if (!IsCheck(waiver.check))
    return Fail(ErrorCode::kInvalidInput, fmt::format("there is no check named {}", waiver.check),
                "CHECK or CHECK:ID, as the audit prints them");
  bool id = waiver.id.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!id || (colon < what.size() && waiver.id.empty()))
    return Fail(ErrorCode::kInvalidInput, fmt::format("{} names no finding", what),
                "the audit prints the id of each finding");
  CT_RETURN_IF_ERROR(
      ExpectOneLine(waiver.by, "the name of a person", "a waiver needs the name of a person", "--by NAME"));
  CT_RETURN_IF_ERROR(
      ExpectOneLine(waiver.why, "the reason of a waiver", "a waiver needs a reason", "--why TEXT"));
  return waiver;
}

Result<std::vector<Waiver>> WaiversOf(const SkillDir& skill) {
  auto file = skill.files.find(std::string(kWaiversFile));
  if (file == skill.files.end()) return std::vector<Waiver>();
  auto read = Decode<WaiverFile>(file->second, kWaiversFile);
  if (!read) return Fail(ErrorCode::kCorruptData, read.error().message, "move the file away to start anew");
  if (read->schema != "skill-waivers/1")
    return Fail(ErrorCode::kUnsupported,
                fmt::format("{}: schema {} is not known", kWaiversFile, read->schema));
  std::sort(read->waivers.begin(), read->waivers.end());
  return std::move(read->waivers);
}

Status AddWaivers(const std::vector<Waiver>& waivers, SkillDir* skill) {
  auto all = WaiversOf(*skill);
  if (!all) return std::unexpected(std::move(all.error()));
  for (const Waiver& waiver : waivers) {
    std::erase_if(*all, [&](const Waiver& old) { return old.check == waiver.check && old.id == waiver.id; });
    all->push_back(waiver);
  }
  if (all->empty()) return {};
  std::sort(all->begin(), all->end());
  WaiverFile file;
  file.waivers = std::move(*all);
  skill->files[std::string(kWaiversFile)] = Encode(file, DocWriter::Format::kJsonPretty);
  return {};
}

}  // namespace clawtrace::distill
