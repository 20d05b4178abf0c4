#include "compile/text_uses.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>

#include "base/hash.h"
#include "base/text.h"

namespace clawtrace::compile {
namespace {

enum class Spelling { kPlain, kJson };

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWordByte(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
}
char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

struct Piece {
  std::string_view text;  // in lower case; valid during the visit only
  uint64_t hash = 0;
  bool distinctive = false;
  bool is_run = false;  // of words: shows a use, but says little by itself
};

// Cuts text into pieces: words, paths, runs of three words, quoted strings. Words in scripts without spaces
// are cut into runs of three characters.
template <class Visit>
class Pieces {
 public:
  explicit Pieces(const Visit& visit) : visit_(visit) {}

  void Read(std::string_view text, Spelling spelling) {
    run_ = {};
    words_ = 0;
    for (size_t i = 0; i < text.size();) {
      if (spelling == Spelling::kJson && text[i] == '\\') {
        i += 2;  // an escaped character stands between words
        continue;
      }
      if (text[i] == '\'' || text[i] == '`' || text[i] == '"') Quoted(text, i);
      if (!IsWordByte(text[i])) {
        ++i;
        continue;
      }
      i = PathOrWords(text, i);
    }
  }

 private:
  static constexpr size_t kShortest = 3, kLongest = 80;

  void Say(std::string_view text, bool distinctive, uint64_t seed) {
    visit_(Piece{text, Hash64(text, seed), distinctive});
  }

  void Quoted(std::string_view text, size_t open) {
    size_t close = text.find(text[open], open + 1);
    if (close == std::string_view::npos || close - open < kShortest + 2 || close - open > kLongest) return;
    std::string_view inside = text.substr(open + 1, close - open - 1);
    if (inside.find('\n') != std::string_view::npos || inside.find('\\') != std::string_view::npos) return;
    lower_.assign(inside);
    std::transform(lower_.begin(), lower_.end(), lower_.begin(), Lower);
    Say(lower_, true, kQuoteSeed);
  }

  // Words joined by '/', '.' or '-' are also one piece.
  size_t PathOrWords(std::string_view text, size_t begin) {
    size_t end = begin;
    bool joined = false;
    while (end < text.size()) {
      size_t word = end;
      while (end < text.size() && IsWordByte(text[end])) ++end;
      Word(text.substr(word, end - word));
      bool joins = end + 1 < text.size() && (text[end] == '/' || text[end] == '.' || text[end] == '-') &&
                   IsWordByte(text[end + 1]);
      if (!joins) break;
      joined = true;
      ++end;
    }
    if (joined && end - begin >= kShortest + 2 && end - begin <= kLongest) {
      lower_.assign(text.substr(begin, end - begin));
      std::transform(lower_.begin(), lower_.end(), lower_.begin(), Lower);
      Say(lower_, true, 0);
    }
    return end;
  }

  void Word(std::string_view word) {
    if (word.size() > kLongest) word = word.substr(0, kLongest);
    lower_.assign(word);
    std::transform(lower_.begin(), lower_.end(), lower_.begin(), Lower);
    bool digit = std::any_of(word.begin(), word.end(), IsDigit);
    bool number = std::all_of(word.begin(), word.end(), IsDigit);
    bool foreign = std::any_of(word.begin(), word.end(), [](char c) { return (c & 0x80) != 0; });
    if (digit ? word.size() >= (number ? 2 : kShortest) : word.size() > kShortest) Say(lower_, digit, 0);
    if (foreign) Shingles();
    run_[words_ % 3] = Hash64(lower_);
    if (++words_ >= 3) {
      uint64_t three[] = {run_[words_ % 3], run_[(words_ + 1) % 3], run_[(words_ + 2) % 3]};
      std::string_view bytes(reinterpret_cast<const char*>(three), sizeof(three));
      visit_(Piece{{}, Hash64(bytes, kRunSeed), true, true});
    }
  }

  void Shingles() {
    constexpr size_t kBytes = 9;  // three characters of three bytes
    for (size_t i = 0; i + kBytes <= lower_.size(); ++i) {
      if ((lower_[i] & 0xC0) != 0x80) Say(std::string_view(lower_).substr(i, kBytes), false, 0);
    }
  }

  static constexpr uint64_t kQuoteSeed = 1, kRunSeed = 2;
  const Visit& visit_;
  std::string lower_;
  std::array<uint64_t, 3> run_{};
  size_t words_ = 0;
};

template <class Visit>
void ForEachPiece(std::string_view text, Spelling spelling, const Visit& visit) {
  Pieces<Visit>(visit).Read(text, spelling);
}

// Places in the order of saying: 0 the prompt, then what the agent says in a step, then what comes back.
size_t SaidAt(size_t step) { return 2 * step + 1; }
size_t AnsweredAt(size_t step) { return 2 * step + 2; }

constexpr size_t kNever = SIZE_MAX;

struct Seen {
  size_t first = kNever;
  size_t last_said = 0, last_answered = 0;
  size_t next_said = kNever, next_answered = kNever;  // after first
};
using SeenPieces = std::unordered_map<uint64_t, Seen>;

bool IsWhole(const Step& step) {
  if (step.kind == StepKind::kLlmCall)
    return step.llm.text_bytes <= static_cast<int64_t>(step.llm.text.size());
  return step.tool.args_bytes <= static_cast<int64_t>(step.tool.args.size());
}

void CountUse(const Session& session, size_t step, const SeenPieces& seen, OutputUse* use) {
  const size_t place = AnsweredAt(step);
  std::unordered_map<uint64_t, bool> counted;
  ForEachPiece(session.steps[step].result.output, Spelling::kPlain, [&](const Piece& piece) {
    const Seen& where = seen.at(piece.hash);
    if (where.first != place || !counted.try_emplace(piece.hash, true).second) return;
    bool said = where.last_said > place;
    if (piece.distinctive) {
      use->distinctive += !piece.is_run;
      use->used += said || where.last_answered > place;
    } else {
      use->words_used += said;
    }
    if (said && use->example.empty()) use->example = piece.text;
  });
}

}  // namespace

std::string NamesListed(std::string_view output) {
  std::string names;
  for (std::string_view line : Split(output, '\n')) {
    line = Trim(line);
    // "drwxr-xr-x 2 root root 60 Nov 21 03:56 scripts", "... latest -> v2"
    bool is_long = line.size() > 10 && std::string_view("-dlcbps").contains(line[0]) &&
                   line.substr(1, 9).find_first_not_of("rwxsStTl-") == std::string_view::npos;
    for (int column = 0; is_long && column < 8; ++column) {
      size_t end = line.find(' ');
      line = end == std::string_view::npos ? std::string_view() : line.substr(end);
      line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    }
    if (is_long) line = line.substr(0, line.find(" -> "));
    while (line.ends_with('/')) line.remove_suffix(1);
    if (line.starts_with("./")) line.remove_prefix(2);
    bool remark = line.starts_with("No ") || line.starts_with("(");  // "No files found", "(no output)"
    bool no_name =
        line.empty() || line == "." || line == ".." || line == ".git" || remark || line.starts_with("total ");
    if (!no_name) names.append(line).push_back('\n');
  }
  return names;
}

namespace {

// texts: what each candidate said that is to be looked for. Everything that was said about them, place by
// place.
SeenPieces Collect(const Session& session, std::span<const std::string_view> texts) {
  SeenPieces seen;
  for (std::string_view text : texts)
    ForEachPiece(text, Spelling::kPlain, [&](const Piece& piece) { seen.try_emplace(piece.hash); });
  if (seen.empty()) return seen;
  auto note = [&](std::string_view text, Spelling spelling, size_t place, size_t Seen::* last,
                  size_t Seen::* next) {
    ForEachPiece(text, spelling, [&](const Piece& piece) {
      auto found = seen.find(piece.hash);
      if (found == seen.end()) return;
      Seen& where = found->second;
      if (where.first != kNever && where.first < place) where.*next = std::min(where.*next, place);
      where.first = std::min(where.first, place);
      where.*last = place;
    });
  };
  auto said = [&](std::string_view text, Spelling spelling, size_t place) {
    note(text, spelling, place, &Seen::last_said, &Seen::next_said);
  };
  said(session.prompt, Spelling::kPlain, 0);
  for (size_t i = 0; i < session.steps.size(); ++i) {
    const Step& step = session.steps[i];
    if (step.kind == StepKind::kLlmCall) {
      said(step.llm.text, Spelling::kPlain, SaidAt(i));
      continue;
    }
    said(step.tool.args, Spelling::kJson, SaidAt(i));
    note(step.result.output, Spelling::kPlain, AnsweredAt(i), &Seen::last_answered, &Seen::next_answered);
  }
  return seen;
}

// Which candidates' outputs, and everything that the agent said after them, were kept whole.
std::vector<bool> AreKnown(const Session& session, std::span<const size_t> candidates) {
  size_t whole_from = 0;
  for (size_t i = 0; i < session.steps.size(); ++i) {
    if (!IsWhole(session.steps[i])) whole_from = i;
  }
  std::vector<bool> known;
  for (size_t step : candidates) {
    const ToolResult& result = session.steps[step].result;
    known.push_back(step >= whole_from && result.output_bytes == static_cast<int64_t>(result.output.size()));
  }
  return known;
}

}  // namespace

std::vector<OutputUse> UsesOfOutputs(const Session& session, std::span<const size_t> candidates) {
  std::vector<OutputUse> uses(candidates.size());
  std::vector<bool> known = AreKnown(session, candidates);
  std::vector<std::string_view> texts;
  for (size_t c = 0; c < candidates.size(); ++c) {
    if (known[c]) texts.push_back(session.steps[candidates[c]].result.output);
  }
  SeenPieces seen = Collect(session, texts);
  for (size_t c = 0; c < candidates.size(); ++c) {
    uses[c].known = known[c];
    if (known[c]) CountUse(session, candidates[c], seen, &uses[c]);
  }
  return uses;
}

namespace {

bool AsksForOne(std::string_view args, std::string_view names) {
  for (std::string_view name : Split(names, '\n')) {
    if (!name.empty() && args.contains(name)) return true;
  }
  return false;
}

}  // namespace

std::vector<ListingUse> UsesOfListings(const Session& session, std::span<const size_t> candidates) {
  std::vector<ListingUse> uses(candidates.size());
  std::vector<bool> known = AreKnown(session, candidates);
  std::vector<std::string> names(candidates.size());
  for (size_t c = 0; c < candidates.size(); ++c) {
    if (known[c]) names[c] = NamesListed(session.steps[candidates[c]].result.output);
  }
  SeenPieces seen = Collect(session, std::vector<std::string_view>(names.begin(), names.end()));
  for (size_t c = 0; c < candidates.size(); ++c) {
    ListingUse& use = uses[c];
    use.known = known[c], use.names = std::ranges::count(names[c], '\n');
    use.asked_for = AsksForOne(session.steps[candidates[c]].tool.args, names[c]);
    std::unordered_set<uint64_t> counted;
    ForEachPiece(names[c], Spelling::kPlain, [&](const Piece& piece) {
      if (piece.is_run || !counted.insert(piece.hash).second) return;
      const Seen& where = seen.at(piece.hash);
      if (where.first != AnsweredAt(candidates[c])) return;
      ++use.told;
      use.used += where.next_said != kNever && where.next_said <= where.next_answered;
    });
  }
  return uses;
}

std::vector<Finding> UnusedAmong(const Scene& scene, std::span<const size_t> candidates) {
  constexpr int64_t kFewest = 4;  // fewer new pieces prove nothing
  std::vector<Finding> findings;
  if (candidates.empty()) return findings;
  std::vector<OutputUse> uses = UsesOfOutputs(scene.session, candidates);
  for (size_t c = 0; c < candidates.size(); ++c) {
    const OutputUse& use = uses[c];
    if (!use.known || use.distinctive < kFewest || use.used > 0 || use.words_used > 0) continue;
    findings.push_back(
        {.first = std::nullopt, .steps = {candidates[c]}, .target = scene.meanings[candidates[c]].target});
  }
  return findings;
}

}  // namespace clawtrace::compile
