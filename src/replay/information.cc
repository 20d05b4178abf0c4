#include "replay/information.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "base/hash.h"
#include "base/text.h"
#include "replay/content.h"
#include "replay/control.h"

namespace clawtrace::replay {
namespace {

using Place = uint32_t;  // 0: the prompt, then what is said in a step, then what comes back
Place SaidAt(size_t step) { return static_cast<Place>(2 * step + 1); }
Place AnsweredAt(size_t step) { return static_cast<Place>(2 * step + 2); }
size_t StepAt(Place place) { return (place - 1) / 2; }

constexpr size_t kLongestContent = 80;
// Outputs of at most so many new pieces may choose among known things.
constexpr size_t kMostChosen = 12, kMostChosenLines = 2;

struct Taken {
  Place place = 0;     // when it was said
  uint32_t step = 0;   // whose words they are: they go when it goes,
  bool lasts = false;  // but for what the agent told itself in an answer, since what came after builds on it
};

struct Node {
  std::vector<Place> sources;     // ascending
  std::vector<Taken> uses;        // ascending
  std::vector<Taken> within;      // said within a longer name that was told as a whole
  Place first_said = UINT32_MAX;  // by the agent, be it within a longer name
  uint64_t hash = 0;              // of the piece
  bool strong = false;
  bool free = false;  // the prompt says it, or the agent said it before any output did
  std::string content;
};

std::string Shown(std::string_view text) {
  std::string line;
  for (char c : PrefixUtf8(text, kLongestContent)) line += c == '\n' || c == '\t' || c == '\r' ? ' ' : c;
  return line;
}

}  // namespace

struct Information::Index {
  std::span<const Moment> timeline;
  std::span<const tools::ToolMeaning> meanings;
  std::vector<Node> nodes;
  std::vector<std::vector<uint32_t>> told;    // by step: nodes that its output is a source of
  std::vector<std::vector<uint32_t>> said;    // by step: nodes that it uses
  std::vector<std::vector<uint32_t>> chosen;  // by step: words of a small output that may be a choice
  std::unordered_map<uint64_t, std::vector<Place>> lines;  // of outputs, where a small output has them
  std::vector<std::vector<uint64_t>> small_lines;          // by step: of a small output
  std::vector<bool> speechless;                            // by step: what its agent said was not told
  std::vector<bool> failed;                                // by step
  std::vector<bool> followed;                              // by step: its agent says something after it
  std::vector<size_t> last_cut, last_hidden;  // by step: last step of its context that is not whole; + 1

  // What sub-agents reported, by their last step: the spawn's result is their last word.
  struct Report {
    size_t spawn = 0;
    std::string text;
  };
  std::vector<std::pair<size_t, Report>> reports;

  // While it is built:
  std::unordered_map<uint64_t, uint32_t> by_hash;
  std::vector<std::string> said_text;  // by step
  std::vector<uint64_t> context;       // by step: of its session
};

namespace {

bool IsWhole(const Step& step) {
  if (step.kind == StepKind::kLlmCall) return step.llm.text_bytes <= std::ssize(step.llm.text);
  return step.tool.args_bytes <= std::ssize(step.tool.args);
}

// When a step's words were said: a tool's arguments with the call that asked for it.
std::vector<Place> PlacesSaid(std::span<const Moment> timeline) {
  std::vector<Place> places(timeline.size());
  std::unordered_map<const Session*, std::unordered_map<int64_t, size_t>> calls;
  for (size_t i = 0; i < timeline.size(); ++i) {
    const Step& step = *timeline[i].step;
    places[i] = SaidAt(i);
    auto& turns = calls[timeline[i].session];
    if (step.kind == StepKind::kLlmCall) {
      turns[step.turn] = i;
    } else if (auto call = turns.find(step.turn); step.turn != 0 && call != turns.end()) {
      places[i] = SaidAt(call->second);
    }
  }
  return places;
}

bool IsListing(const tools::ToolMeaning& meaning) {
  using tools::ToolClass;
  return meaning.tool_class == ToolClass::kList ||
         (meaning.tool_class == ToolClass::kExec && meaning.shell.program() == "ls");
}

std::string Plain(std::string_view output, const Moment& moment, const tools::ToolMeaning& meaning) {
  const std::string& cwd = moment.session->info.cwd;
  return IsListing(meaning) ? PlainListing(output, cwd) : PlainText(output, cwd);
}

// "(no output)", "(Bash completed with no output)": the client's words, not the command's.
bool SaysNothing(std::string_view output) {
  std::string_view said = Trim(output);
  return said.starts_with('(') && said.ends_with("no output)") && !said.contains('\n');
}

std::string PlainOutput(const Moment& moment, const tools::ToolMeaning& meaning) {
  if (moment.step->result.unchanged || SaysNothing(moment.step->result.output)) return {};
  return Plain(moment.step->result.output, moment, meaning);
}

uint64_t KeyOf(uint64_t hash, uint64_t context) {
  uint64_t both[] = {hash, context};
  return Hash64(std::string_view(reinterpret_cast<const char*>(both), sizeof(both)));
}

}  // namespace

namespace {

// Fills an index in three readings: what is said, what was told of it, who told it to whom.
class Builder {
 public:
  template <class Index>
  static void Build(Index* x) {
    const size_t n = x->timeline.size();
    x->told.resize(n), x->said.resize(n), x->chosen.resize(n), x->small_lines.resize(n);
    x->said_text.resize(n), x->context.resize(n);
    x->last_cut.assign(n, 0), x->last_hidden.assign(n, 0);
    Contexts(x);
    for (size_t i = 0; i < n; ++i) {
      x->failed.push_back(x->timeline[i].step->result.status == ToolStatus::kError &&
                          !FoundNothing(x->timeline[i], x->meanings[i]));
    }
    std::unordered_set<uint64_t> spoken;
    for (size_t i = 0; i < n; ++i) {
      const Step& step = *x->timeline[i].step;
      const std::string& cwd = x->timeline[i].session->info.cwd;
      x->said_text[i] = step.kind == StepKind::kLlmCall ? PlainText(step.llm.text, cwd)
                                                        : PlainArguments(step.tool.args, cwd);
      for (const Piece& piece : PiecesOf(x->said_text[i])) spoken.insert(KeyOf(piece.hash, x->context[i]));
    }
    Reports(x, &spoken);
    std::unordered_set<const Session*> prompted;
    for (size_t i = 0; i < n; ++i) {
      const Moment& moment = x->timeline[i];
      if (prompted.insert(moment.session).second)
        Told(x, spoken, PlainText(moment.session->prompt, moment.session->info.cwd), i, true);
      if (moment.step->kind != StepKind::kLlmCall) {
        std::string plain = PlainOutput(moment, x->meanings[i]);
        Told(x, spoken, plain, i, false);
        Small(x, plain, i);
      }
    }
    Lines(x);
    std::vector<Place> places = PlacesSaid(x->timeline);
    Followed(x, places);
    std::vector<size_t> order(n);
    for (size_t i = 0; i < n; ++i) order[i] = i;
    std::ranges::sort(order, {}, [&](size_t i) { return std::pair(places[i], i); });
    for (size_t i : order) Said(x, i, places[i]);
    for (const auto& [child, report] : x->reports) SaidInReport(x, child, report);
    Free(x);
    x->by_hash.clear(), x->said_text.clear(), x->reports.clear();
  }

 private:
  template <class Index>
  static void Contexts(Index* x) {
    std::unordered_map<const Session*, uint64_t> ids;
    std::unordered_map<const Session*, std::pair<size_t, size_t>> last;
    for (size_t i = x->timeline.size(); i-- > 0;) {
      const Moment& moment = x->timeline[i];
      auto& [cut, hidden] = last[moment.session];
      // A call's own words come before what its tools bring, another step's after.
      x->last_cut[i] = cut, x->last_hidden[i] = hidden;
      const Step& step = *moment.step;
      if (!IsWhole(step)) cut = std::max(cut, i + 1);
      bool hides = step.kind == StepKind::kLlmCall && step.llm.thinking_bytes > 0;
      if (hides) hidden = std::max(hidden, i + 1);
    }
    Speechless(x);
    for (size_t i = 0; i < x->timeline.size(); ++i)
      x->context[i] = ids.try_emplace(x->timeline[i].session, ids.size()).first->second;
  }

  // Some telemetry tells calls without what they said: an agent of several calls that never speaks.
  template <class Index>
  static void Speechless(Index* x) {
    std::unordered_map<const Session*, std::pair<size_t, bool>> calls;  // how many, and did one speak
    for (const Moment& moment : x->timeline) {
      if (moment.step->kind != StepKind::kLlmCall || !moment.step->llm.error.empty()) continue;
      auto& [count, spoke] = calls[moment.session];
      ++count, spoke = spoke || moment.step->llm.text_bytes > 0;
    }
    for (const Moment& moment : x->timeline) {
      const auto& [count, spoke] = calls[moment.session];
      x->speechless.push_back(count > 1 && !spoke);
    }
  }

  template <class Index>
  static void Followed(Index* x, const std::vector<Place>& places) {
    x->followed.resize(x->timeline.size());
    std::unordered_map<const Session*, Place> last;
    for (size_t i = x->timeline.size(); i-- > 0;) {
      Place& latest = last[x->timeline[i].session];
      x->followed[i] = latest > AnsweredAt(i) || x->timeline[i].depth > 0;
      latest = std::max(latest, places[i]);
    }
  }

  template <class Index>
  static void Reports(Index* x, std::unordered_set<uint64_t>* spoken) {
    std::unordered_map<const Session*, size_t> last;
    for (size_t i = 0; i < x->timeline.size(); ++i) {
      if (x->timeline[i].spawn != SIZE_MAX) last[x->timeline[i].session] = i;
    }
    for (size_t i = 0; i < x->timeline.size(); ++i) {
      size_t spawn = x->timeline[i].spawn;
      if (spawn == SIZE_MAX || last[x->timeline[i].session] != i) continue;
      const Moment& parent = x->timeline[spawn];
      std::string text = PlainText(parent.step->result.output, x->timeline[i].session->info.cwd);
      for (const Piece& piece : PiecesOf(text)) spoken->insert(KeyOf(piece.hash, x->context[i]));
      x->reports.push_back({i, {spawn, std::move(text)}});
    }
  }

  template <class Index, class Report>
  static void SaidInReport(Index* x, size_t child, const Report& report) {
    for (const Piece& piece : PiecesOf(report.text)) {
      auto found = x->by_hash.find(KeyOf(piece.hash, x->context[child]));
      if (found == x->by_hash.end()) continue;
      Node& node = x->nodes[found->second];
      bool again = !node.uses.empty() && node.uses.back().step == report.spawn;
      if (!again) node.uses.push_back({AnsweredAt(child), static_cast<uint32_t>(report.spawn), false});
    }
  }

  template <class Index>
  static void Told(Index* x, const std::unordered_set<uint64_t>& spoken, const std::string& plain,
                   size_t step, bool prompt) {
    for (const Piece& piece : PiecesOf(plain, prompt ? Voice::kSaid : Voice::kTold)) {
      uint64_t key = KeyOf(piece.hash, x->context[step]);
      if (!spoken.contains(key)) continue;
      auto [found, fresh] = x->by_hash.try_emplace(key, static_cast<uint32_t>(x->nodes.size()));
      if (fresh) {
        Node& node = x->nodes.emplace_back();
        node.strong = IsStrong(piece.kind), node.hash = piece.hash;
        node.content = Shown(std::string_view(plain).substr(piece.begin, piece.size));
      }
      Node& node = x->nodes[found->second];
      if (prompt) {
        node.free = true;
      } else if (node.sources.empty() || node.sources.back() != AnsweredAt(step)) {
        node.sources.push_back(AnsweredAt(step));
        x->told[step].push_back(found->second);
      }
    }
  }

  // Of the pieces of a call, those that are no news in its answer: all but what it chose among the paths that
  // the call named.
  static std::unordered_set<uint64_t> Asked(const std::string& said, const std::vector<Piece>& answer) {
    std::unordered_set<uint64_t> told, asked;
    for (const Piece& piece : answer) told.insert(piece.hash);
    std::vector<Piece> pieces = PiecesOf(said);
    std::vector<size_t> chosen;
    std::unordered_set<std::string_view> left;  // folders and endings of paths that the answer leaves out
    auto text = [&](const Piece& piece) { return std::string_view(said).substr(piece.begin, piece.size); };
    auto folder = [&](const Piece& piece) { return text(piece).substr(0, text(piece).rfind('/') + 1); };
    auto ending = [&](const Piece& piece) {
      return text(piece).substr(std::min(text(piece).rfind('.'), text(piece).size()));
    };
    for (size_t i = 0; i < pieces.size(); ++i) {
      if (pieces[i].kind != PieceKind::kComposite || !told.contains(pieces[i].hash)) {
        asked.insert(pieces[i].hash);
        if (pieces[i].kind == PieceKind::kComposite)
          left.insert(folder(pieces[i])), left.insert(ending(pieces[i]));
        continue;
      }
      chosen.push_back(i);
      i += pieces[i].parts;
    }
    left.erase("");
    for (size_t i : chosen) {
      if (left.contains(folder(pieces[i])) || left.contains(ending(pieces[i]))) continue;
      for (size_t part = i; part <= i + pieces[i].parts; ++part) asked.insert(pieces[part].hash);
    }
    return asked;
  }

  // A short answer that is worked out, not shown: what it names may be the choice.
  template <class Index>
  static void Small(Index* x, const std::string& plain, size_t step) {
    const tools::ToolMeaning& meaning = x->meanings[step];
    bool works_out =
        meaning.tool_class == tools::ToolClass::kExec || meaning.tool_class == tools::ToolClass::kOther ||
        meaning.tool_class == tools::ToolClass::kSearch || meaning.tool_class == tools::ToolClass::kRead;
    if (!works_out || IsListing(meaning)) return;
    std::vector<std::string_view> lines;
    for (std::string_view line : Split(plain, '\n')) {
      if (!Trim(line).empty()) lines.push_back(Trim(line));
    }
    std::vector<Piece> pieces = PiecesOf(plain);
    if (lines.size() > kMostChosenLines || pieces.size() > 4 * kMostChosen) return;
    // What the call itself says is no news, but for what it was to choose from.
    std::unordered_set<uint64_t> own = Asked(x->said_text[step], pieces);
    // Everybody's words are no choice, unless they are values.
    std::unordered_set<uint64_t> values;
    for (const Piece& piece : PiecesOf(plain, Voice::kTold)) values.insert(piece.hash);
    size_t words = 0;
    for (const Piece& piece : pieces) {
      bool word = piece.kind == PieceKind::kWord || piece.kind == PieceKind::kName ||
                  piece.kind == PieceKind::kNumber || piece.kind == PieceKind::kShort ||
                  piece.kind == PieceKind::kComposite;
      words += word;
      if (!word || own.contains(piece.hash) || !values.contains(piece.hash)) continue;
      auto node = x->by_hash.find(KeyOf(piece.hash, x->context[step]));
      if (node != x->by_hash.end()) x->chosen[step].push_back(node->second);
    }
    if (words > kMostChosen) x->chosen[step].clear();
    if (x->chosen[step].empty()) return;
    for (std::string_view line : lines) x->small_lines[step].push_back(KeyOf(Hash64(line), x->context[step]));
  }

  template <class Index>
  static void Lines(Index* x) {
    for (const auto& small : x->small_lines)
      for (uint64_t line : small) x->lines.try_emplace(line);
    if (x->lines.empty()) return;
    for (size_t i = 0; i < x->timeline.size(); ++i) {
      if (x->timeline[i].step->kind == StepKind::kLlmCall) continue;
      std::string plain = PlainOutput(x->timeline[i], x->meanings[i]);
      for (std::string_view line : Split(plain, '\n')) {
        auto found = x->lines.find(KeyOf(Hash64(Trim(line)), x->context[i]));
        if (found != x->lines.end()) found->second.push_back(AnsweredAt(i));
      }
    }
  }

  template <class Index>
  static void Said(Index* x, size_t step, Place place) {
    // Waiting for an agent by the id that its start gave is no use of what it found.
    bool waits = x->meanings[step].tool_class == tools::ToolClass::kOther &&
                 ToLower(x->timeline[step].step->tool.name).contains("agent");
    if (waits && x->timeline[step].step->kind == StepKind::kToolUse) return;
    std::vector<Piece> pieces = PiecesOf(x->said_text[step]);
    std::unordered_set<uint32_t> once;
    size_t within = 0;  // pieces before this one are parts of a path that was told as a whole
    for (size_t p = 0; p < pieces.size(); ++p) {
      auto found = x->by_hash.find(KeyOf(pieces[p].hash, x->context[step]));
      if (found == x->by_hash.end()) continue;
      Node& node = x->nodes[found->second];
      node.first_said = std::min(node.first_said, place);
      if (p < within) {
        if (node.within.empty() || node.within.back().step != step)
          node.within.push_back({place, static_cast<uint32_t>(step), false});
        continue;
      }
      if (once.insert(found->second).second) {
        bool answer = x->timeline[step].step->kind == StepKind::kLlmCall;
        node.uses.push_back({place, static_cast<uint32_t>(step), answer});
        x->said[step].push_back(found->second);
      }
      within = p + 1 + pieces[p].parts;
    }
  }

  template <class Index>
  static void Free(Index* x) {
    for (Node& node : x->nodes) {
      node.free = node.free || node.sources.empty() || node.first_said < node.sources.front();
    }
  }
};

}  // namespace

Information::Information(std::span<const Moment> timeline, std::span<const tools::ToolMeaning> meanings)
    : index_(std::make_unique<Index>()) {
  index_->timeline = timeline, index_->meanings = meanings;
  Builder::Build(index_.get());
}
Information::~Information() = default;

namespace {

struct Accounted {
  const Taken* use = nullptr;     // the first kept use after the step that nothing else accounts for
  std::optional<size_t> instead;  // what accounts for it
  bool later = false;             // only something between the step and the use does
};

struct Stays {
  const std::vector<bool>& kept;
  const std::vector<bool>& failed;  // what a failed step told accounts for no success that tells it after it
  bool announced = true;            // words of an answer that goes last even if its own call says them
};

// The agent named what it was about to ask for: "Now NOTES.txt", and reads it.
bool IsAnnouncement(const Node& node, const Taken& use) {
  return use.lasts && std::ranges::any_of(node.uses, [&](const Taken& other) {
           return other.place == use.place && other.step != use.step;
         });
}

Accounted AccountFor(const Node& node, size_t step, const Stays& stays) {
  if (node.free) return {};
  Place here = AnsweredAt(step);
  const Taken* first = nullptr;
  for (const Taken& use : node.uses) {
    if (use.place < here) continue;
    bool lasts = use.lasts && (stays.announced || !IsAnnouncement(node, use));
    if (!stays.kept[use.step] && !lasts) continue;
    first = &use;
    break;
  }
  if (!first) return {};
  for (Place source : node.sources) {
    if (source > first->place) break;
    if (source == here || !stays.kept[StepAt(source)]) continue;
    if (source < here && stays.failed[StepAt(source)] && !stays.failed[step]) continue;
    return {.use = source < here ? nullptr : first, .instead = StepAt(source), .later = source > here};
  }
  return {.use = first, .instead = {}, .later = false};
}

}  // namespace

Need Information::NeedOf(size_t step, const std::vector<bool>& kept) const {
  Need need;
  for (uint32_t id : index_->told[step]) {
    const Node& node = index_->nodes[id];
    if (need.use == Use::kWeak && !node.strong) continue;
    Accounted accounted = AccountFor(node, step, {.kept = kept, .failed = index_->failed});
    if (accounted.instead) need.instead = accounted.instead;
    if (!accounted.use) continue;
    bool strong = node.strong && !accounted.later;
    // Names that a listing tells, and plain words, may as well be from what told them after it. Of other
    // content the first to tell it may have mattered in between.
    if (accounted.later && (!node.strong || IsListing(index_->meanings[step]))) continue;
    need.use = strong ? Use::kStrong : Use::kWeak;
    need.used_by = accounted.use->step;
    need.content = node.content;
    if (strong) return need;
  }
  if (need.use == Use::kNone) {
    if (auto choice = ChoiceIn(step, kept)) return *choice;
  }
  return need;
}

bool Information::IsTakenUp(size_t step, const std::vector<bool>& sure) const {
  bool listing = IsListing(index_->meanings[step]);
  return std::ranges::any_of(index_->told[step], [&](uint32_t id) {
    const Node& node = index_->nodes[id];
    if (!node.strong) return false;
    Accounted accounted =
        AccountFor(node, step, {.kept = sure, .failed = index_->failed, .announced = false});
    return accounted.use && !(accounted.later && listing);
  });
}

std::optional<Need> Information::ChoiceIn(size_t step, const std::vector<bool>& kept) const {
  // Lines that another kept source shows before it say nothing new.
  bool new_line = std::ranges::any_of(index_->small_lines[step], [&](uint64_t line) {
    return std::ranges::none_of(index_->lines.at(line), [&](Place source) {
      return source < AnsweredAt(step) && kept[StepAt(source)];
    });
  });
  if (!new_line) return std::nullopt;
  for (uint32_t id : index_->chosen[step]) {
    for (const Taken& use : index_->nodes[id].uses) {
      if (use.place < AnsweredAt(step) || (!kept[use.step] && !use.lasts)) continue;
      return Need{
          .use = Use::kWeak, .used_by = use.step, .content = index_->nodes[id].content, .instead = {}};
    }
  }
  return std::nullopt;
}

std::string Information::MissingFrom(size_t step, const std::vector<bool>& kept,
                                     std::string_view output) const {
  std::unordered_set<uint64_t> tells;
  for (const Piece& piece : PiecesOf(Plain(output, index_->timeline[step], index_->meanings[step])))
    tells.insert(piece.hash);
  for (uint32_t id : index_->told[step]) {
    const Node& node = index_->nodes[id];
    if (tells.contains(node.hash)) continue;
    Accounted accounted = AccountFor(node, step, {.kept = kept, .failed = index_->failed});
    if (accounted.use && !accounted.later) return node.content;
  }
  return {};
}

namespace {

// "[image 0123456789abcdef]": stands for what is no text.
bool HoldsMore(std::string_view output) {
  constexpr size_t kDigits = 16;
  for (size_t end = output.find(']'); end != std::string_view::npos; end = output.find(']', end + 1)) {
    if (end <= kDigits || output[end - kDigits - 1] != ' ') continue;
    if (output.substr(end - kDigits, kDigits).find_first_not_of("0123456789abcdef") != std::string_view::npos)
      continue;
    size_t open = output.rfind('[', end);
    if (open != std::string_view::npos && end - open < 64 && !output.substr(open, end - open).contains('\n'))
      return true;
  }
  return false;
}

}  // namespace

bool Information::Known(size_t step, std::string* why) const {
  const ToolResult& result = index_->timeline[step].step->result;
  if (result.unchanged) return true;
  if (HoldsMore(result.output)) {
    *why = "its output is not all text";
    return false;
  }
  if (result.output_bytes > std::ssize(result.output)) {
    *why = "its output was not kept whole";
    return false;
  }
  if (index_->speechless[step]) {
    *why = "what the agent said was not recorded";
    return false;
  }
  if (!index_->followed[step]) {
    *why = "the log ends before its agent says anything more";
    return false;
  }
  if (index_->last_cut[step] > step) {
    *why = "step " + index_->timeline[index_->last_cut[step] - 1].id + " was not kept whole";
    return false;
  }
  if (index_->last_hidden[step] > step) {
    *why = "reasoning in step " + index_->timeline[index_->last_hidden[step] - 1].id + " is not readable";
    return false;
  }
  return true;
}

std::vector<Flow> Information::SourcesOf(size_t step, const std::vector<bool>& kept) const {
  std::vector<Flow> flows;
  for (uint32_t id : index_->said[step]) {
    const Node& node = index_->nodes[id];
    if (node.free || !node.strong) continue;
    Place said = 0;
    for (const Taken& use : node.uses) {
      if (use.step == step) said = use.place;
    }
    auto first = std::ranges::find_if(node.sources, [&](Place source) { return kept[StepAt(source)]; });
    // Once told, the agent may have it from anything in between; what it said itself needs no telling again.
    if (first == node.sources.end() || *first >= said) continue;
    flows.push_back({.from = StepAt(*first), .to = step, .content = node.content});
  }
  return flows;
}

}  // namespace clawtrace::replay
