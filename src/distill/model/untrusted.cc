#include "distill/model/untrusted.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <unordered_set>

#include "base/hash.h"
#include "base/secrets.h"
#include "base/text.h"
#include "base/unicode.h"
#include "skill/blocks.h"
#include "skill/injection.h"

namespace clawtrace::distill {
namespace {

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool HasFrontMatter(std::string_view text) {
  for (size_t at = text.find("---\n"); at != text.npos; at = text.find("---\n", at + 1)) {
    bool is_line = at == 0 || text[at - 1] == '\n';
    std::string_view next = text.substr(at + 4);
    if (is_line && (next.starts_with("name:") || next.starts_with("description:"))) return true;
  }
  return false;
}

bool IsHexDigit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool IsIdByte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("._:-").contains(c);
}

// A UUID, or nothing but 16 hexadecimal digits and more.
bool LooksLikeSession(std::string_view id) {
  constexpr size_t kLeast = 16;
  size_t digits = static_cast<size_t>(std::ranges::count_if(id, IsHexDigit));
  size_t dashes = static_cast<size_t>(std::ranges::count(id, '-'));
  return digits >= kLeast && digits + dashes == id.size() && (dashes == 0 || dashes == 4);
}

// Numbers behind a name are issues, anchors and colours, unless the line speaks of evidence.
bool SpeaksOfEvidence(std::string_view text, size_t at) {
  size_t begin = text.rfind('\n', at), end = text.find('\n', at);
  begin = begin == text.npos ? 0 : begin + 1;
  constexpr size_t kNear = 200;
  begin = std::max(begin, at < kNear ? 0 : at - kNear);
  std::string line = ToLower(text.substr(begin, std::min(end, at + kNear) - begin));
  return std::ranges::any_of(std::array{"evidence", "proves", "proven", "counterfactual"},
                             [&](const char* word) { return line.contains(word); });
}

bool CitesStep(std::string_view text, std::string_view session_id) {
  constexpr size_t kMostId = 160, kLeastOwn = 4;
  for (size_t at = text.find('#'); at != text.npos; at = text.find('#', at + 1)) {
    if (at + 1 == text.size() || text[at + 1] < '0' || text[at + 1] > '9') continue;
    if (session_id.size() >= kLeastOwn && text.substr(0, at).ends_with(session_id)) return true;
    size_t begin = at;
    while (begin > 0 && at - begin < kMostId && IsIdByte(text[begin - 1])) --begin;
    if (LooksLikeSession(text.substr(begin, at - begin))) return true;
    if (at - begin >= kLeastOwn && SpeaksOfEvidence(text, at)) return true;
  }
  return false;
}

bool NamesPatch(std::string_view text) {
  constexpr size_t kDigits = 12;
  for (std::string_view kind : {"prune-", "preserve-", "repair-"}) {
    for (size_t at = text.find(kind); at != text.npos; at = text.find(kind, at + 1)) {
      std::string_view rest = text.substr(at + kind.size());
      bool ends = rest.size() == kDigits || (rest.size() > kDigits && !IsIdByte(rest[kDigits]));
      if (ends && std::ranges::all_of(rest.substr(0, kDigits), IsHexDigit)) return true;
    }
  }
  return false;
}

// "## Rules": code has comments of one sign, and text behind a closed fence a blank line first.
bool IsSectionLine(std::string_view line) {
  size_t level = std::min(line.find_first_not_of('#'), line.size());
  return level >= 2 && level <= 6 && line.substr(level).starts_with(' ');
}

// A bare fence and in the next line a heading, or a fence with a language: the first is meant to close what
// stands around.
bool BreaksFence(std::string_view text) {
  constexpr std::string_view kFence = "```";
  bool open = false, just_opened_bare = false;
  for (std::string_view line : Split(text, '\n')) {
    std::string_view rest = Trim(line);
    if (!rest.starts_with(kFence)) {
      if (just_opened_bare && IsSectionLine(rest)) return true;
      just_opened_bare = false;
      continue;
    }
    rest.remove_prefix(std::min(rest.find_first_not_of('`'), rest.size()));
    if (just_opened_bare && !rest.empty()) return true;
    bool closes = open && rest.empty();
    just_opened_bare = !open && rest.empty();
    open = !closes;
  }
  return false;
}

// lower: in small letters.
bool ActsAsMarkup(std::string_view lower) {
  for (std::string_view tag : {"<script", "<iframe", "javascript:"}) {
    if (lower.contains(tag)) return true;
  }
  for (size_t at = lower.find('<'); at != lower.npos; at = lower.find('<', at + 1)) {
    constexpr size_t kMostTag = 400;
    std::string_view tag = lower.substr(at, kMostTag);
    tag = tag.substr(0, tag.find('>'));
    size_t on = tag.find(" on");
    if (on == tag.npos || tag.size() < 2 || !IsLetter(tag[1])) continue;
    size_t end = on + 3;
    while (end < tag.size() && IsLetter(tag[end])) ++end;
    if (end > on + 3 && tag.substr(end).starts_with('=')) return true;
  }
  return false;
}

constexpr std::string_view kFenceStart = "<<<DATA-";

std::string WithoutHidden(std::string_view text) {
  std::string out;
  size_t from = 0;
  for (const TextPlace& place : FindHidden(text)) {
    out += text.substr(from, place.begin - from);
    out += fmt::format("\\u{{{:x}}}", place.code);
    from = place.end;
  }
  out += text.substr(from);
  std::erase(out, '\r');
  return out;
}

std::string WithShortLines(std::string_view text, bool* cut) {
  std::string out;
  for (std::string_view line : Split(text, '\n')) {
    if (!out.empty() || line.data() != text.data()) out += '\n';
    std::string_view kept = PrefixUtf8(line, kMostLineBytes);
    out += kept;
    if (kept.size() == line.size()) continue;
    *cut = true;
    out += fmt::format(" [{} bytes of this line are left out]", line.size() - kept.size());
  }
  return out;
}

// The first address in a text that the other does not have.
std::string_view NewAddress(std::string_view text, std::string_view known) {
  for (size_t at = text.find("://"); at != text.npos; at = text.find("://", at + 1)) {
    size_t begin = at;
    while (begin > 0 && IsLetter(text[begin - 1])) --begin;
    size_t end = text.find_first_of(" \t\n\r<>()[]\"'`", at);
    std::string_view address = text.substr(begin, end == text.npos ? end : end - begin);
    if (!known.contains(address)) return address;
  }
  return {};
}

// A run of kMostCopied bytes stands in both.
bool SharesRun(std::string_view a, const std::vector<std::string>& others) {
  if (a.size() < kMostCopied) return false;
  std::unordered_set<std::string_view> runs;
  for (size_t i = 0; i + kMostCopied <= a.size(); ++i) runs.insert(a.substr(i, kMostCopied));
  for (std::string_view other : others) {
    for (size_t i = 0; i + kMostCopied <= other.size(); ++i) {
      if (runs.contains(other.substr(i, kMostCopied))) return true;
    }
  }
  return false;
}

}  // namespace

std::string Folded(std::string_view text) {
  return skill::CollapseSpace(VisibleSkeleton(ReplaceInvalidUtf8(text)));
}

std::set<Attempt> AttemptsIn(std::string_view text, std::string_view session_id) {
  std::set<Attempt> found;
  std::string valid = ReplaceInvalidUtf8(text);
  std::string folded = Folded(valid);
  if (!skill::FindInjections(valid).empty()) found.insert(Attempt::kInstruction);
  for (std::string_view field :
       {"\"lessons\"", "\"evidence\":", "patch_kind", "evidence_grade", "counterfactual_grade"}) {
    if (folded.contains(field)) found.insert(Attempt::kAnswer);
  }
  if (CitesStep(valid, session_id) || NamesPatch(valid)) found.insert(Attempt::kEvidenceId);
  if (valid.contains(kFenceStart) || valid.contains("\nDATA-") || BreaksFence(valid))
    found.insert(Attempt::kFence);
  if (ActsAsMarkup(ToLower(valid))) found.insert(Attempt::kMarkup);
  if (HasFrontMatter(valid)) found.insert(Attempt::kFrontMatter);
  if (!FindHidden(valid).empty()) found.insert(Attempt::kHidden);
  if (!FindMixedWords(valid).empty()) found.insert(Attempt::kMixedScripts);
  return found;
}

Cleaned CleanText(std::string_view text, size_t most_bytes, const Redact& redact,
                  std::string_view session_id) {
  Cleaned out{.text = ReplaceInvalidUtf8(text), .attempts = {}};
  // Secrets first: what is cut may be the half of one that tells what it is.
  bool had_secret = redact && redact(&out.text);
  had_secret |= RedactSecrets(&out.text);
  if (had_secret) out.attempts.insert(Attempt::kCredential);
  out.attempts.merge(AttemptsIn(out.text, session_id));
  bool cut = false;
  out.text = WithShortLines(WithoutHidden(out.text), &cut);
  if (cut) out.attempts.insert(Attempt::kLongLine);
  if (out.text.size() > most_bytes) {
    std::string kept(PrefixUtf8(out.text, most_bytes));
    kept += fmt::format("\n[{} more bytes are left out]", out.text.size() - kept.size());
    out.text = std::move(kept);
  }
  return out;
}

std::string Fenced(std::string_view label, std::string_view text) {
  constexpr size_t kDigits = 24;
  std::string mark = Sha256Hex(text).substr(0, kDigits);
  while (Contains(text, mark)) mark = Sha256Hex(mark + std::string(text)).substr(0, kDigits);
  return fmt::format("{}{} {}\n{}\nDATA-{}>>>\n", kFenceStart, mark, label, text, mark);
}

std::string ReasonAgainst(std::string_view text, const Outside& outside, const Redact& redact) {
  if (!IsValidUtf8(text)) return "it is no valid UTF-8";
  if (!FindHidden(text).empty()) return "it holds characters that a reader does not see";
  if (!FindMixedWords(text).empty()) return "a word mixes letters of several scripts";
  if (!skill::FindInjections(text).empty()) return "it speaks to an assistant instead of saying what to do";
  std::string secret(text);
  if (!FindSecrets(text).empty() || (redact && redact(&secret))) return "it holds what looks like a secret";
  std::string folded = Folded(text);
  if (std::string_view address = NewAddress(text, outside.skill); !address.empty())
    return fmt::format("it names an address that the skill did not have: {}", PrefixUtf8(address, 80));
  if (SharesRun(folded, outside.folded))
    return "it copies a long run of the session's text; say it in general";
  return "";
}

}  // namespace clawtrace::distill
