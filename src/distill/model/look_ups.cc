#include "distill/model/look_ups.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "distill/model/gold.h"
#include "model/archive.h"
#include "replay/scratch_folder.h"
#include "skill/paths.h"
#include "skill/skill.h"

namespace clawtrace::distill {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMostFileBytes = uint64_t{1} << 20;
constexpr uint64_t kMostGoldBytes = uint64_t{16} << 20;
constexpr int64_t kMostLines = 200;
constexpr size_t kMostFiles = 2000;

Found No(std::string why) { return {.text = std::move(why), .failed = true, .fix = {}}; }
Found Said(std::string text) { return {.text = std::move(text), .failed = false, .fix = {}}; }

// The place of a file below a folder; nothing for a path that leads out, by dots or by links.
std::optional<fs::path> Below(const std::string& folder, std::string_view path) {
  fs::path at = folder;
  if (path.empty() || path == ".") return at;
  if (!skill::IsConfinedPath(path)) return std::nullopt;
  for (std::string_view part : Split(path, '/')) {
    at /= part;
    std::error_code error;
    if (fs::is_symlink(fs::symlink_status(at, error))) return std::nullopt;
  }
  return at;
}

// Regular files below a folder in order of their paths, links and version control left out.
std::vector<std::string> FilesBelow(const std::string& folder) {
  std::vector<std::string> out;
  std::error_code error;
  auto end = fs::recursive_directory_iterator();
  for (auto at = fs::recursive_directory_iterator(folder, error); !error && at != end; at.increment(error)) {
    if (at->path().filename() == ".git" || at->path().filename() == "__pycache__") {
      at.disable_recursion_pending();
      continue;
    }
    std::error_code odd;
    if (fs::is_regular_file(at->symlink_status(odd)))
      out.push_back(fs::relative(at->path(), folder, odd).string());
  }
  std::ranges::sort(out);
  return out;
}

SkillDir TextsBelow(const std::string& folder) {
  constexpr uint64_t kMostBytes = 256 << 10;
  SkillDir out;
  for (const std::string& path : FilesBelow(folder)) {
    if (out.files.size() >= kMostFiles) break;
    auto text = ReadFile(fs::path(folder) / path, kMostBytes);
    if (text && !text->contains('\0')) out.files[path] = std::move(*text);
  }
  return out;
}

std::string SaidBy(const replay::OracleResult& result) {
  std::string out = fmt::format("verdict: {}\n", NameOf(result.judgement.status));
  if (!result.judgement.message.empty()) out += result.judgement.message + "\n";
  for (const replay::Check& check : result.judgement.checks) {
    out += fmt::format("{} {}{}{}\n", check.passed ? "passed" : "FAILED", check.name,
                       check.message.empty() ? "" : ": ", check.message);
  }
  if (!result.runs.empty()) out += "output:\n" + result.runs.front().output_tail;
  return out;
}

}  // namespace

struct LookUps::Impl {
  const EvidenceSession& session;
  const Case* known;
  const LookUpSite& site;
  replay::ScratchFolder scratch;
  std::optional<replay::StartWorkspace> start, end;
  std::optional<replay::OracleResult> untouched;  // of the end state
  int64_t places = 0;

  Status MakeScratch() {
    if (!scratch.path().empty()) return {};
    auto made = replay::ScratchFolder::Make(site.scratch, "clawtrace-analyst");
    if (!made) return std::unexpected(std::move(made.error()));
    scratch = std::move(*made);
    return {};
  }

  bool HasStart() const { return known && !known->workspace.empty() && known->workspace != "trace"; }
  bool HasEnd() const {
    return known && !known->end.empty() && (known->end != "trace" || (site.rebuild_end && HasStart()));
  }
  bool HasOracle() const { return known && !known->oracle.empty() && HasEnd() && site.open; }

  Result<std::string> Start() {
    CT_RETURN_IF_ERROR(MakeScratch());
    if (!start) {
      auto opened = replay::OpenWorkspace(known->workspace, scratch.path());
      if (!opened) return std::unexpected(std::move(opened.error()));
      start = std::move(*opened);
    }
    return start->folder;
  }

  Result<std::string> End() {
    CT_RETURN_IF_ERROR(MakeScratch());
    if (end) return end->folder;
    if (known->end != "trace") {
      auto opened = replay::OpenWorkspace(known->end, scratch.path());
      if (!opened) return std::unexpected(std::move(opened.error()));
      end = std::move(*opened);
      return end->folder;
    }
    replay::StartWorkspace rebuilt;
    rebuilt.folder = scratch.path() + "/rebuilt", rebuilt.origin = "trace";
    std::error_code error;
    fs::create_directory(rebuilt.folder, error);
    CT_RETURN_IF_ERROR(site.rebuild_end(session.card.session_id, *known, rebuilt.folder));
    end = std::move(rebuilt);
    return end->folder;
  }

  std::string At() {
    if (!site.walls) return fmt::format("{}/place{}", scratch.path(), ++places);
    return known->at.starts_with('/') && known->at.size() > 1 ? known->at : "/app";
  }

  Result<replay::OracleResult> Judge(const std::string& folder) {
    auto oracle = replay::OracleNamed(known->oracle, known->tests);
    if (!oracle) return std::unexpected(std::move(oracle.error()));
    replay::OracleSite at;
    at.workspace = folder, at.at = At(), at.scratch = scratch.path(), at.limits = site.limits;
    at.walls = site.walls, at.open = site.open;
    return replay::RunOracle(*oracle, at);
  }

  Result<const replay::OracleResult*> Untouched() {
    if (!untouched) {
      auto folder = End();
      if (!folder) return std::unexpected(std::move(folder.error()));
      auto judged = Judge(*folder);
      if (!judged) return std::unexpected(std::move(judged.error()));
      untouched = std::move(*judged);
    }
    return &*untouched;
  }

  Found OracleChecks();
  Found Gold(Json args);
  Found WorkspaceFile(Json args);
  Found Diff(Json args);
  Found TryFix(Json args);
  Found Step(Json args) const;
  Result<std::string> MakeFix(Json args, std::string* made);
};

Found LookUps::Impl::OracleChecks() {
  std::string out;
  if (session.replay && session.replay->oracle) {
    const ReplayOracle& oracle = *session.replay->oracle;
    out = fmt::format("executed again, the session's oracle said: {}\n", oracle.recorded);
    for (const std::string& check : oracle.failed_checks) out += "FAILED " + check + "\n";
    if (session.replay->failure) out += session.replay->failure->reason + "\n";
  }
  if (!HasOracle()) return out.empty() ? No("there is no oracle for this session") : Said(out);
  auto judged = Untouched();
  if (!judged) return No("the oracle could not be asked: " + judged.error().message);
  return Said(out + "of the workspace as the session left it:\n" + SaidBy(**judged));
}

Found LookUps::Impl::Gold(Json args) {
  auto text = ReadFile(known->gold, kMostGoldBytes);
  if (!text) return No("the file with the right result cannot be read");
  if (Json pointer = args["pointer"]; pointer.is_string()) {
    auto value = AtPointer(*text, pointer.text());
    return value ? Said(std::move(*value)) : No(value.error().message);
  }
  if (auto row = args["row"].integer()) {
    Json column = args["column"];
    auto cell = CsvCell(*text, *row,
                        column.is_string() ? std::string(column.text())
                        : column           ? column.Canonical()
                                           : "");
    return cell ? Said(std::move(*cell)) : No(cell.error().message);
  }
  int64_t count = std::clamp<int64_t>(args["count"].integer().value_or(1), 1, kMostLines);
  return Said(NumberedLines(*text, std::max<int64_t>(args["line"].integer().value_or(1), 1), count));
}

Found LookUps::Impl::WorkspaceFile(Json args) {
  bool of_start = args["side"].text() == "start";
  if (of_start ? !HasStart() : !HasEnd()) return No("that workspace is not known");
  auto folder = of_start ? Start() : End();
  if (!folder) return No("the workspace cannot be opened: " + folder.error().message);
  auto path = Below(*folder, args["path"].text());
  if (!path) return No("that path leads out of the workspace");
  std::error_code error;
  if (fs::is_directory(*path, error)) {
    std::string out;
    std::vector<std::string> files = FilesBelow(path->string());
    for (size_t i = 0; i < std::min(files.size(), kMostFiles / 4); ++i) out += files[i] + "\n";
    return Said(out + fmt::format("[{} files in all]", files.size()));
  }
  if (!fs::is_regular_file(*path, error)) return No("there is no such file");
  auto text = ReadFile(*path, kMostFileBytes);
  if (!text) return No("the file is too large or cannot be read");
  if (text->contains('\0')) return No("the file is no text");
  int64_t count = std::clamp<int64_t>(args["count"].integer().value_or(kMostLines), 1, kMostLines);
  return Said(NumberedLines(*text, std::max<int64_t>(args["line"].integer().value_or(1), 1), count));
}

Found LookUps::Impl::Diff(Json args) {
  bool is_gold = args["against"].text() == "gold";
  if (!HasEnd()) return No("the workspace at the end is not known");
  if (is_gold ? known->gold.empty() || known->gold_for.empty() : !HasStart())
    return No(is_gold ? "it is not known which file the right result is for"
                      : "the workspace at the start is not known");
  auto end_folder = End();
  if (!end_folder) return No("the workspace cannot be opened: " + end_folder.error().message);
  SkillDir before, after;
  if (is_gold) {
    auto path = Below(*end_folder, known->gold_for);
    if (!path) return No("the file leads out of the workspace");
    auto is = ReadFile(*path, kMostFileBytes), should = ReadFile(known->gold, kMostFileBytes);
    if (!should) return No("the right result is too large or cannot be read");
    if (is) before.files[known->gold_for] = std::move(*is);
    after.files[known->gold_for] = std::move(*should);
  } else {
    auto start_folder = Start();
    if (!start_folder) return No("the workspace cannot be opened: " + start_folder.error().message);
    before = TextsBelow(*start_folder), after = TextsBelow(*end_folder);
    if (std::string_view path = args["path"].text(); !path.empty()) {
      auto other = [&](const auto& file) { return file.first != path; };
      std::erase_if(before.files, other), std::erase_if(after.files, other);
    }
  }
  std::string out = DiffSkills(before, after);
  return Said(out.empty() ? "no difference" : out);
}

// The workspace at the end with the fix in it, in a folder of its own.
Result<std::string> LookUps::Impl::MakeFix(Json args, std::string* made) {
  constexpr size_t kMostFixFiles = 16, kMostCommands = 8;
  auto folder = End();
  if (!folder) return folder;
  std::string fixed = fmt::format("{}/fixed{}", scratch.path(), ++places);
  std::error_code error;
  fs::create_directory(fixed, error);
  replay::WorkplaceOptions options;
  options.workspace = *folder, options.at = At(), options.limits = site.limits;
  auto place = site.open(options);
  if (!place) return std::unexpected(std::move(place.error()));
  Status wrong;
  size_t files = 0, commands = 0;
  args["files"].ForEachField([&](std::string_view path, Json content) {
    if (!wrong) return;
    if (++files > kMostFixFiles || !skill::IsConfinedPath(path) || !content.is_string())
      wrong = Fail(ErrorCode::kInvalidInput, fmt::format("file {} cannot be written", PrefixUtf8(path, 80)));
    else
      wrong = (*place)->WriteFile(path, content.text());
    *made += fmt::format("{}\n{}\n", path, content.text());
  });
  args["commands"].ForEachItem([&](Json command) {
    if (!wrong || ++commands > kMostCommands) return;
    auto ran = (*place)->Run({.shell = std::string(command.text()), .argv = {}, .cwd = {}, .input = {}});
    if (!ran) wrong = std::unexpected(ran.error());
    *made += fmt::format("{}\n", command.text());
  });
  if (!wrong) return std::unexpected(wrong.error());
  if (made->empty()) return Fail(ErrorCode::kInvalidInput, "a fix has files or commands");
  CT_RETURN_IF_ERROR((*place)->Export(fixed));
  return fixed;
}

Found LookUps::Impl::TryFix(Json args) {
  if (!HasOracle()) return No("there is no oracle to try a fix with");
  auto before = Untouched();
  if (!before) return No("the oracle could not be asked: " + before.error().message);
  std::string made;
  auto folder = MakeFix(args, &made);
  if (!folder) return No("the fix could not be made: " + folder.error().message);
  auto judged = Judge(*folder);
  if (!judged) return No("the oracle could not be asked: " + judged.error().message);
  Found out = Said(SaidBy(*judged));
  bool failed = (*before)->judgement.status == replay::OracleStatus::kFail;
  bool passes = judged->judgement.status == replay::OracleStatus::kPass;
  if (passes && failed) out.fix = std::move(made);
  return out;
}

Found LookUps::Impl::Step(Json args) const {
  Json id = args["id"];
  std::string wanted = id.is_string() ? std::string(id.text()) : id ? id.Canonical() : "";
  auto found = std::ranges::find(session.steps, wanted, &EvidenceStep::id);
  if (found == session.steps.end()) return No("there is no such step");
  return Said(
      fmt::format("{} {}\narguments: {}\nresult: {}", found->id, found->tool, found->args, found->output));
}

LookUps::LookUps(const EvidenceSession& session, const Case* known, const LookUpSite& site)
    : impl_(new Impl{.session = session,
                     .known = known,
                     .site = site,
                     .scratch = {},
                     .start = std::nullopt,
                     .end = std::nullopt,
                     .untouched = std::nullopt}) {}
LookUps::~LookUps() = default;

std::vector<llm::ToolDeclaration> LookUps::Declarations() const {
  const Impl& is = *impl_;
  std::vector<llm::ToolDeclaration> out = {{"step", {"id"}}};
  bool has_replayed = is.session.replay && is.session.replay->oracle;
  if (is.HasOracle() || has_replayed) out.push_back({"oracle_checks", {}});
  if (is.known && !is.known->gold.empty())
    out.push_back({"gold", {"line", "count", "pointer", "row", "column"}});
  if (is.HasStart() || is.HasEnd()) out.push_back({"workspace_file", {"path", "side", "line", "count"}});
  if (is.HasEnd()) out.push_back({"diff", {"against", "path"}});
  if (is.HasOracle()) out.push_back({"try_fix", {"files", "commands"}});
  return out;
}

Found LookUps::Call(std::string_view name, std::string_view args) {
  auto declared = Declarations();
  if (std::ranges::find(declared, name, &llm::ToolDeclaration::name) == declared.end())
    return No("there is no such look-up for this session");
  JsonParser parser;
  auto json = parser.Parse(args);
  if (!json || !json->is_object()) return No("the arguments are no JSON object");
  if (name == "oracle_checks") return impl_->OracleChecks();
  if (name == "gold") return impl_->Gold(*json);
  if (name == "workspace_file") return impl_->WorkspaceFile(*json);
  if (name == "diff") return impl_->Diff(*json);
  if (name == "try_fix") return impl_->TryFix(*json);
  return impl_->Step(*json);
}

}  // namespace clawtrace::distill
