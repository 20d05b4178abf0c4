#include "skill/injection.h"

#include <algorithm>
#include <array>
#include <string>
#include <tuple>

#include "base/entities.h"
#include "base/text.h"
#include "base/unicode.h"

namespace clawtrace::skill {
namespace {

// Words in order; "a|b" is either, "*3" up to three words of any kind.
struct Phrase {
  std::string_view kind, words;
};
constexpr auto kPhrases = std::to_array<Phrase>({
    {"override",
     "ignore|disregard|forget|override|bypass|discard *3 "
     "previous|prior|above|earlier|preceding|all|your|system|original|other|"
     "existing *2 "
     "instructions|instruction|prompt|prompts|rules|guidelines|directives|directions|orders|restrictions|"
     "constraints"},
    {"override", "ignore|disregard|forget everything|anything *2 above|before|said|told"},
    {"override",
     "this|these|the *2 instructions|instruction|rules|text|message *2 "
     "supersedes|supersede|overrides|override|replaces|replace"},
    {"override", "new|updated|real|actual|true instructions|orders are|follow|below"},
    {"override",
     "ignoriere|ignoriert|ignorieren|vergiss|missachte *2 vorherigen|vorigen|bisherigen|obigen|fr\u00fcheren "
     "*1 "
     "anweisungen|instruktionen|regeln|vorgaben|befehle"},
    {"override",
     "ignore|ignorez|oublie|oubliez *2 instructions|consignes|r\u00e8gles *1 "
     "pr\u00e9c\u00e9dentes|ant\u00e9rieures"},
    {"override", "ignora|ignore|olvida *3 instrucciones|reglas *1 anteriores|previas"},
    {"override", "stop|cease *1 following|obeying *3 instructions|rules|guidelines|prompt"},
    {"override",
     "reveal|print|show|repeat|leak|output|disclose|expose *3 system|hidden|initial|developer "
     "prompt|instructions|message"},
    {"secrecy",
     "do not tell|telling|inform|informing|notify|notifying|alert|alerting|warn|warning *2 "
     "user|users|human|operator|anyone|owner|developer"},
    {"secrecy",
     "dont|never|without tell|telling|inform|informing|notify|notifying|alert|alerting|warn|warning *2 "
     "user|users|human|operator|anyone|owner|developer"},
    {"secrecy", "hide|conceal *3 from *1 user|users|human|operator|anyone|owner|developer"},
    {"secrecy", "keep|do *2 secret|secretly *2 from *1 user|users|human|operator|owner"},
    {"exfiltration",
     "send|post|upload|exfiltrate|transmit|forward|leak|email|submit *6 "
     "credentials|credential|secrets|passwords|password|"
     "keychain"},
    {"exfiltration",
     "send|post|upload|exfiltrate|transmit|forward|leak|email|submit *6 api|private|ssh|access|secret "
     "key|keys|token|tokens *3 to"},
    {"exfiltration",
     "send|post|upload|exfiltrate|transmit|forward|leak|email *6 environment variables *3 to"},
    {"persona",
     "you are now|henceforth a|an|the|dan|free|unrestricted|jailbroken|root|admin|administrator|unfiltered"},
    {"persona", "act|behave|respond as *2 dan|root|unrestricted|jailbroken|unfiltered|administrator"},
    {"persona", "enable|enter|activate *2 developer|jailbreak|god|debug|dan mode"},
    {"persona", "do anything now"},
    {"persona", "pretend *2 you *2 no|without *2 restrictions|rules|guidelines|limits"},
});

// As they stand, whatever surrounds them; lower case.
constexpr auto kMarks = std::to_array<std::string_view>({"<|im_start|>",
                                                         "<|im_end|>",
                                                         "<|system|>",
                                                         "<|user|>",
                                                         "<|assistant|>",
                                                         "<|endoftext|>",
                                                         "<|eot_id|>",
                                                         "<|start_header_id|>",
                                                         "[inst]",
                                                         "[/inst]",
                                                         "<<sys>>",
                                                         "<</sys>>",
                                                         "<system>",
                                                         "</system>",
                                                         "<system-reminder>",
                                                         "</system-reminder>",
                                                         "<assistant>",
                                                         "</assistant>",
                                                         "<tool_result>",
                                                         "</tool_result>",
                                                         "<function_calls>",
                                                         "<function_results>",
                                                         "</function_results>",
                                                         "</instructions>",
                                                         "<end_of_turn>",
                                                         "<start_of_turn>"});

struct Word {
  std::string text;  // as a reader takes it
  size_t begin = 0, end = 0;
  bool ends_paragraph = false;
};

bool IsWordByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         static_cast<unsigned char>(c) >= 0x80;
}

std::vector<Word> WordsOf(std::string_view text) {
  std::vector<Word> words;
  for (size_t at = 0; at < text.size();) {
    if (!IsWordByte(text[at])) {
      bool blank_line =
          text[at] == '\n' && at + 1 < text.size() && (text[at + 1] == '\n' || text[at + 1] == '\r');
      if (blank_line && !words.empty()) words.back().ends_paragraph = true;
      ++at;
      continue;
    }
    size_t end = at;
    // An apostrophe stays within a word and is dropped: "don't" is "dont".
    while (end < text.size() && (IsWordByte(text[end]) ||
                                 (text[end] == '\'' && end + 1 < text.size() && IsWordByte(text[end + 1]))))
      ++end;
    std::string word = VisibleSkeleton(text.substr(at, end - at));
    std::erase(word, '\'');
    if (size_t quote = word.find("\xE2\x80\x99"); quote != std::string::npos) word.erase(quote, 3);
    if (!word.empty()) words.push_back({std::move(word), at, end, false});
    at = end;
  }
  return words;
}

bool IsOneOf(std::string_view alternatives, std::string_view word) {
  while (!word.empty() && alternatives.size() >= word.size()) {
    size_t end = std::min(alternatives.find('|'), alternatives.size());
    if (alternatives.substr(0, end) == word) return true;
    alternatives.remove_prefix(std::min(end + 1, alternatives.size()));
  }
  return false;
}

// Index behind the phrase when it begins at words[at]; 0 when it does not. Takes the nearest fit of each
// part.
size_t MatchAt(const std::vector<std::string_view>& parts, const std::vector<Word>& words, size_t at) {
  size_t gap = 0;
  for (size_t part = 0; part < parts.size(); ++part) {
    if (parts[part].starts_with('*')) {
      gap = static_cast<size_t>(parts[part][1] - '0');
      continue;
    }
    size_t tried = 0;
    for (;; ++at, ++tried) {
      if (at >= words.size() || tried > gap) return 0;
      if (IsOneOf(parts[part], words[at].text)) break;
      if (words[at].ends_paragraph) return 0;
    }
    if (part + 1 < parts.size() && words[at].ends_paragraph) return 0;
    ++at;
    gap = 0;
  }
  return at;
}

// "never send credentials" is advice, and so is "do not ignore the rules".
bool IsForbidden(std::string_view text, const std::vector<Word>& words, size_t at) {
  if (at == 0 || !IsOneOf("never|not|dont|avoid|without|cannot", words[at - 1].text)) return false;
  return Trim(text.substr(words[at - 1].end, words[at].begin - words[at - 1].end)).empty();
}

void FindPhrases(std::string_view text, std::vector<InjectionPlace>* out) {
  std::vector<Word> words = WordsOf(text);
  for (const Phrase& phrase : kPhrases) {
    std::vector<std::string_view> parts = Split(phrase.words, ' ');
    for (size_t at = 0; at < words.size(); ++at) {
      if (!IsOneOf(parts.front(), words[at].text)) continue;
      size_t end = MatchAt(parts, words, at);
      bool advice = phrase.kind != "secrecy" && IsForbidden(text, words, at);
      if (end == 0 || advice) continue;
      out->push_back({words[at].begin, words[end - 1].end, phrase.kind});
    }
  }
}

// A download that is run unseen: "curl ... | sh", "bash <(curl ...)", "eval $(wget ...)".
void FindRemoteCode(std::string_view text, std::vector<InjectionPlace>* out) {
  size_t begin = 0;
  for (std::string_view line : Split(text, '\n')) {
    std::string lower = ToLower(line);
    size_t fetch = std::min(lower.find("curl "), lower.find("wget "));
    if (fetch != std::string::npos) {
      size_t pipe = lower.find('|', fetch);
      std::string_view behind =
          pipe == std::string::npos ? std::string_view() : Trim(std::string_view(lower).substr(pipe + 1));
      if (behind.starts_with("sudo ")) behind = Trim(behind.substr(5));
      std::string_view program = behind.substr(0, behind.find_first_of(" \t`\"'|;&)"));
      bool piped = IsOneOf("sh|bash|zsh|dash|python|python3|node|perl|ruby|iex", program);
      std::string_view before = Trim(std::string_view(lower).substr(0, fetch));
      bool substituted = before.ends_with("bash <(") || before.ends_with("sh <(") ||
                         before.ends_with("eval $(") || before.ends_with("eval \"$(") ||
                         before.ends_with("eval `") || before.ends_with("sh -c \"$(") ||
                         before.ends_with("source <(");
      if (piped || substituted) out->push_back({begin + fetch, begin + line.size(), "remote-code"});
    }
    begin += line.size() + 1;
  }
}

void FindAll(std::string_view text, std::vector<InjectionPlace>* out) {
  FindPhrases(text, out);
  FindRemoteCode(text, out);
  std::string lower = ToLower(text);
  for (std::string_view mark : kMarks) {
    for (size_t at = lower.find(mark); at != std::string::npos; at = lower.find(mark, at + mark.size()))
      out->push_back({at, at + mark.size(), "template"});
  }
}

}  // namespace

std::vector<InjectionPlace> FindInjections(std::string_view text) {
  std::vector<InjectionPlace> out, behind;
  FindAll(text, &out);
  // Agents read the source, people the page: a phrase may be in either.
  DecodedText decoded(text);
  if (decoded.is_changed()) FindAll(decoded.text(), &behind);
  for (InjectionPlace place : behind)
    out.push_back({decoded.Given(place.begin), decoded.Given(place.end), place.kind});
  auto key = [](const InjectionPlace& place) { return std::tie(place.begin, place.end, place.kind); };
  std::sort(out.begin(), out.end(),
            [&](const InjectionPlace& a, const InjectionPlace& b) { return key(a) < key(b); });
  out.erase(std::unique(out.begin(), out.end(),
                        [&](const InjectionPlace& a, const InjectionPlace& b) { return key(a) == key(b); }),
            out.end());
  return out;
}

}  // namespace clawtrace::skill
