#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

#include "base/doc_writer.h"
#include "base/file.h"
#include "base/text.h"
#include "capture/gather.h"
#include "capture/sqlite_reader.h"
#include "cli/inputs.h"
#include "cli/local_store.h"
#include "cli/table.h"
#include "compile/explain.h"
#include "compile/reference_view.h"
#include "history/records.h"

namespace clawtrace::cli {
namespace {

constexpr Flag kFlags[] = {
    {"--full", "", "every step, exact amounts (default: compact, at most 1536 bytes)", FlagKind::kSwitch},
    kJsonFlag,
    {"--max-bytes", "N", "size limit of a compact card", FlagKind::kValue},
    kReplayFlag,
    kStoreFlag,
    kPricesFlag,
    {"--format", "tracecard|reference",
     "reference: as the published reference compiler prints it, faults included", FlagKind::kValue},
    {"--explain", "STEP",
     "why this step (12, 3/7) is flagged or not: what it was compared with, with numbers", FlagKind::kValue},
    {"--payload", "STEP|CALL",
     "what the store keeps whole of this step or call id: records of its log, texts of its telemetry",
     FlagKind::kValue},
};

struct CardFormat {
  std::string explain;  // step id; "" = the card
  std::string payload;  // step or call id; "" = the card
  bool full = false;
  DocFormat format = DocFormat::kYaml;
  size_t max_bytes = 1536;
  ReplayFiles replays;
};

// "12", "3/7", "3b/7": numbers, a letter behind the ones that spawned several agents.
bool IsStepPath(std::string_view path) {
  auto parts = Split(path, '/');
  for (size_t i = 0; i < parts.size(); ++i) {
    std::string_view part = parts[i];
    bool above = i + 1 < parts.size();
    if (above && !part.empty() && part.back() >= 'b' && part.back() <= 'z') part.remove_suffix(1);
    auto number =
        part.find_first_not_of("0123456789") == std::string_view::npos ? ParseInt(part) : std::nullopt;
    if (!number || *number < 1) return false;
  }
  return true;
}

Result<CardFormat> FormatOf(const Arguments& arguments) {
  CardFormat format;
  format.explain = arguments.Value("--explain");
  if (arguments.Has("--explain") && !IsStepPath(format.explain))
    return Fail(ErrorCode::kInvalidInput, fmt::format("--explain \"{}\" names no step", format.explain),
                "12, or 3/7 below the spawn 3; clawtrace card --full shows the steps");
  format.payload = arguments.Value("--payload");
  if (arguments.Has("--payload") && (format.payload.empty() || arguments.Has("--explain")))
    return Fail(ErrorCode::kInvalidInput,
                format.payload.empty() ? "--payload \"\" names no step" : "--payload and --explain together",
                "one of them: clawtrace card SESSION --payload STEP");
  format.full = arguments.Has("--full");
  format.format = arguments.Has("--json") ? DocFormat::kJson : DocFormat::kYaml;
  if (arguments.Has("--max-bytes")) {
    auto bytes = ParseInt(arguments.Value("--max-bytes"));
    if (!bytes || *bytes <= 0)
      return Fail(ErrorCode::kInvalidInput,
                  fmt::format("--max-bytes {} is not a number of bytes", arguments.Value("--max-bytes")),
                  "a whole number above 0; --full has no limit");
    format.max_bytes = static_cast<size_t>(*bytes);
  }
  return format;
}

Result<std::string> Spell(const TraceCard& card, const CardFormat& format) {
  if (format.full) return EncodeCard(card, format.format);
  return EncodeCompactCard(card, format.format, format.max_bytes);
}

// The session below a spawn: "3/7" is step 7 of the agent that step 3 spawned.
const PricedSession* Descend(const PricedSession& root, std::string_view path) {
  const PricedSession* at = &root;
  for (std::string_view part : Split(path, '/')) {
    // The second agent of one spawn is "3b".
    size_t child = 0;
    if (!part.empty() && part.back() >= 'b' && part.back() <= 'z') {
      child = static_cast<size_t>(part.back() - 'a');
      part.remove_suffix(1);
    }
    auto step = ParseInt(part);
    if (!step || *step < 1 || static_cast<size_t>(*step) > at->children.size()) return nullptr;
    const auto& children = at->children[static_cast<size_t>(*step) - 1];
    if (children.size() <= child) return nullptr;
    at = &children[child];
  }
  return at;
}

Result<std::string> Explain(const PricedSession& root, const PriceBook& book, const CardFormat& format) {
  size_t slash = format.explain.rfind('/');
  std::string above = slash == std::string::npos ? "" : format.explain.substr(0, slash);
  const PricedSession* at = above.empty() ? &root : Descend(root, above);
  auto step = ParseInt(std::string_view(format.explain).substr(slash == std::string::npos ? 0 : slash + 1));
  if (!at || !step || *step < 1 || static_cast<size_t>(*step) > at->session->steps.size())
    return Fail(ErrorCode::kNotFound,
                fmt::format("session {} has no step {}", root.session->id, format.explain),
                "clawtrace card --full shows the steps");
  return compile::ExplainStep(*at, book, static_cast<size_t>(*step) - 1, above.empty() ? "" : above + "/",
                              format.format == DocFormat::kJson);
}

void Print(const World& world, std::string_view text, const CardFormat& format, bool several) {
  if (several && format.format == DocFormat::kYaml) *world.out << "---\n";
  *world.out << text;
  if (!text.ends_with('\n')) *world.out << '\n';
}

// What is wanted of a session: its card, that of the sub-agent at path, or why a step of it is flagged.
Result<std::string> Target(const PricedSession& root, const TraceCard& card, const std::string& path,
                           const CardFormat& format, const PriceBook& book) {
  const PricedSession* target = path.empty() ? &root : Descend(root, path);
  if (!target)
    return Fail(
        ErrorCode::kNotFound,
        fmt::format("step {} of session {} spawned no agent whose log is present", path, root.session->id),
        "clawtrace card --full shows the steps");
  if (!format.explain.empty()) return Explain(*target, book, format);
  return Spell(target == &root ? card : compile::CompileCard(*target, book), format);
}

Error OneToExplain(size_t sessions) {
  return {ErrorCode::kInvalidInput, fmt::format("--explain needs one session, these are {}", sessions),
          "name it: clawtrace card SESSION PATH --explain STEP"};
}

// The bytes of every payload of a step's call, or of whatever else the id names.
Status PrintPayloads(store::Store& store, const history::SessionView& view, const CardFormat& format,
                     const World& world) {
  std::string id = format.payload;
  if (IsStepPath(id)) {
    auto card = history::ReadCard(store, kLocalTenant, history::KeyOf(view));
    if (!card) return std::unexpected(card.error());
    auto step = std::ranges::find(card->steps, id, &CardStep::id);
    if (step != card->steps.end()) id = step->call_id;
  }
  auto payloads = history::ReadPayloads(store, kLocalTenant, view.card.session_id, id);
  if (!payloads) return std::unexpected(payloads.error());
  if (payloads->empty())
    return Fail(
        ErrorCode::kNotFound, fmt::format("nothing of {} is kept whole", Printable(format.payload)),
        "short texts stand in the facts: clawtrace export --format jsonl; ids are the steps' call_id");
  if (format.format != DocFormat::kJson) {
    for (const store::Payload& payload : *payloads)
      *world.out << payload.bytes << (payload.bytes.ends_with('\n') ? "" : "\n");
    return {};
  }
  DocWriter w(DocWriter::Format::kJson);
  w.BeginArray();
  for (const store::Payload& payload : *payloads) {
    w.BeginObject();
    w.Field("source", payload.source), w.Field("part", payload.part);
    w.Field("bytes", static_cast<int64_t>(payload.bytes.size())), w.Field("text", payload.bytes);
    w.EndObject();
  }
  w.EndArray();
  *world.out << w.Take() << '\n';
  return {};
}

int PrintAll(const Selection& selection, const CardFormat& format, const PriceBook& book,
             const World& world) {
  auto all = CompileAll(selection.inputs, book, world, [&](Compiled& item, const PricedSession& priced) {
    format.replays.TakeUp(priced, book, &item.card);
    auto text = format.explain.empty() ? Spell(item.card, format) : Explain(priced, book, format);
    if (text) item.text = std::move(*text);
    DropSteps(item);
  });
  if (!all) return Report(world, InTermsOf(selection, all.error()));
  if (!format.explain.empty() && all->size() > 1) return Report(world, OneToExplain(all->size()));
  int code = kDone;
  for (Compiled& item : *all) {
    if (item.text.empty() && !format.explain.empty())
      code = Report(world, {ErrorCode::kNotFound,
                            fmt::format("session {} has no step {}", item.card.session_id, format.explain),
                            "clawtrace card --full shows the steps"});
    else if (item.text.empty())
      code = Report(world, {ErrorCode::kLimit,
                            fmt::format("card of session {} does not fit {} bytes", item.card.session_id,
                                        format.max_bytes),
                            "raise --max-bytes"});
    else
      Print(world, item.text, format, all->size() > 1);
  }
  return code;
}

int PrintSelected(const Selection& selection, const CardFormat& format, const PriceBook& book,
                  const World& world) {
  auto all = CompileAll(selection.inputs, book, world,
                        [](Compiled& item, const PricedSession&) { DropSteps(item); });
  if (!all) return Report(world, InTermsOf(selection, all.error()));
  struct Wanted {
    std::string id, source, path;
  };
  std::vector<Wanted> wanted;
  for (const std::string& selector : selection.selectors) {
    size_t slash = selector.find('/');
    auto found = Match(*all, selector.substr(0, slash));
    if (!found) return Report(world, found.error());
    const Compiled& item = (*all)[found->front()];
    wanted.push_back(
        {item.card.session_id, item.source, slash == std::string::npos ? "" : selector.substr(slash + 1)});
  }
  std::vector<Result<std::string>> texts(wanted.size(),
                                         Fail(ErrorCode::kNotFound, "session vanished while reading"));
  World quiet = world;  // problems were told in the first pass
  std::ostream nowhere(nullptr);
  quiet.err = &nowhere, quiet.err_is_terminal = false, quiet.threads = 1;
  auto again = CompileAll(selection.inputs, book, quiet, [&](Compiled& item, const PricedSession& priced) {
    for (size_t i = 0; i < wanted.size(); ++i) {
      if (wanted[i].id != item.card.session_id || wanted[i].source != item.source) continue;
      format.replays.TakeUp(priced, book, &item.card);
      texts[i] = Target(priced, item.card, wanted[i].path, format, book);
    }
    DropSteps(item);
  });
  for (const auto& text : texts) {
    if (!text) return Report(world, text.error());
    Print(world, *text, format, texts.size() > 1);
  }
  return kDone;
}

// What a card does not hold (a sub-agent's card, why a step is flagged) is made of the session's facts.
Result<std::string> FromFacts(store::Store& store, const history::SessionView& view, const std::string& path,
                              const CardFormat& format, const PriceBook& book) {
  auto family = history::ReadFamily(store, kLocalTenant, view.card.session_id);
  if (!family) return std::unexpected(family.error());
  for (size_t i = 0; i < family->sessions.size(); ++i) {
    Session& session = family->sessions[i];
    if (session.id != view.card.session_id || session.source != view.source) continue;
    PricedSession priced;
    history::SessionView root = history::ViewOf(&session, book, family->options[i], &priced);
    return Target(priced, root.card, path, format, book);
  }
  return Fail(ErrorCode::kNotFound, fmt::format("session {} is not in its facts", view.card.session_id));
}

Result<std::string> FromStore(store::Store& store, const history::SessionView& view, const std::string& path,
                              const CardFormat& format, const PriceBook& book) {
  if (!path.empty() || !format.explain.empty()) return FromFacts(store, view, path, format, book);
  auto card = history::ReadCard(store, kLocalTenant, history::KeyOf(view));
  if (!card) return std::unexpected(card.error());
  return Spell(*card, format);
}

int PrintStored(const Selection& selection, const CardFormat& format, const PriceBook& book,
                const World& world) {
  auto local = OpenCompiledStore(selection.store, book, world);
  if (!local) return Report(world, local.error());
  std::vector<std::string> names, paths;
  for (const std::string& selector : selection.selectors) {
    size_t slash = selector.find('/');
    names.push_back(selector.substr(0, slash));
    paths.push_back(slash == std::string::npos ? "" : selector.substr(slash + 1));
  }
  auto all = ReadStored(*local->store, names);
  if (!all) return Report(world, all.error());
  if (!format.explain.empty() && all->size() != 1) return Report(world, OneToExplain(all->size()));
  if (!format.payload.empty()) {
    if (all->size() != 1)
      return Report(world, {ErrorCode::kInvalidInput,
                            fmt::format("--payload needs one session, these are {}", all->size()),
                            "name it: clawtrace card SESSION --payload STEP"});
    Status printed = PrintPayloads(*local->store, all->front(), format, world);
    return printed ? kDone : Report(world, printed.error());
  }
  paths.resize(all->size());
  for (size_t i = 0; i < all->size(); ++i) {
    auto text = FromStore(*local->store, (*all)[i], paths[i], format, book);
    if (!text) return Report(world, text.error());
    Print(world, *text, format, all->size() > 1);
  }
  return kDone;
}

// The reference knows single logs of OpenClaw and pi, nothing else.
Result<std::string> ReferenceLog(const std::string& name) {
  constexpr std::string_view kHint = "name one JSONL log of OpenClaw or pi, or - for standard input";
  std::string text;
  if (name == "-") {
    text = capture::PlanInputs({name}).standard_input;
  } else {
    auto log = ReadFile(name);
    if (!log) return Fail(log.error().code, log.error().message, std::string(kHint));
    text = std::move(*log);
  }
  const capture::Importer* importer =
      capture::SniffImporter(std::string_view(text).substr(0, capture::kHeadBytes));
  if (importer && importer->name == "openclaw" && !capture::IsSqliteHead(text)) return text;
  return Fail(
      ErrorCode::kUnsupported,
      fmt::format("{} is no log that the reference compiler reads", name == "-" ? "standard input" : name),
      std::string(kHint));
}

int PrintReference(const Arguments& arguments, const CardFormat& format, const World& world) {
  if (arguments.positional.empty())
    return Report(world, {ErrorCode::kInvalidInput, "--format reference needs the path of a session log",
                          "clawtrace card --format reference FILE.jsonl"});
  for (const std::string& name : arguments.positional) {
    auto log = ReferenceLog(name);
    if (!log) return Report(world, log.error());
    std::string task = name == "-" ? "stdin" : std::filesystem::path(name).stem().string();
    compile::ReferenceInput input{.log = *log, .task_id = std::move(task), .final_message = {}};
    Print(world, compile::ReferenceCard(input, format.format == DocFormat::kJson), format,
          arguments.positional.size() > 1);
  }
  return kDone;
}

int Run(const Arguments& arguments, const World& world) {
  auto format = FormatOf(arguments);
  if (!format) return Report(world, format.error());
  std::string kind = arguments.Value("--format");
  if (kind == "reference") return PrintReference(arguments, *format, world);
  if (!kind.empty() && kind != "tracecard")
    return Report(world, {ErrorCode::kInvalidInput, fmt::format("--format {} is not known", kind),
                          "tracecard (the default) or reference"});
  auto book = LoadPrices(arguments, world);
  if (!book) return Report(world, book.error());
  auto selection = Select(arguments, world);
  if (!selection) return Report(world, selection.error());
  if (!selection->store.empty()) return PrintStored(*selection, *format, *book, world);
  if (!format->payload.empty())
    return Report(world, {ErrorCode::kInvalidInput, "--payload prints what a store keeps, these are logs",
                          "clawtrace import PATH, then clawtrace card SESSION --payload STEP"});
  auto replays = ReplayFiles::Read(arguments);
  if (!replays) return Report(world, replays.error());
  format->replays = std::move(*replays);
  if (selection->selectors.empty()) return PrintAll(*selection, *format, *book, world);
  return PrintSelected(*selection, *format, *book, world);
}

}  // namespace

extern const Command kCard;
const Command kCard = {
    .name = "card",
    .summary = "the TraceCard of each session: cost per step, waste, failures",
    .usage =
        "card [--full] [--json] [--max-bytes N] [--replay FILE] [--prices FILE] [--format "
        "tracecard|reference] [--explain "
        "STEP]\n"
        "                      [--payload STEP|CALL] [--store FILE] [PATH|SESSION[/STEP]]...",
    .details =
        "PATH is a log file, a folder, a glob or - for standard input; SESSION a full id, a unique prefix of "
        "6 characters or\n"
        "more, or agent:id. SESSION/3 is the card of the sub-agent that step 3 spawned. Without PATH the "
        "logs of the known\n"
        "agents of this user are searched, or the store, if there is one. Several YAML cards are separated "
        "by ---; with --json each is one "
        "line.",
    .flags = kFlags,
    .run = Run,
};

}  // namespace clawtrace::cli
