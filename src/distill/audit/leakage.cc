#include "distill/audit/leakage.h"

#include <algorithm>
#include <array>
#include <map>
#include <unordered_map>

#include "base/hash.h"
#include "base/text.h"
#include "distill/lexicon.h"

namespace clawtrace::distill {
namespace {

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLiteralByte(char c) {
  return IsLetter(c) || IsDigit(c) || static_cast<unsigned char>(c) >= 0x80 ||
         std::string_view("_-./@:\\~+%#$").find(c) != std::string_view::npos;
}

// Files and names that every project has.
constexpr auto kEverybodys = std::to_array<std::string_view>({"utf-8",
                                                              "utf8",
                                                              "utf-16",
                                                              "ascii",
                                                              "base64",
                                                              "sha256",
                                                              "sha1",
                                                              "md5sum",
                                                              "x86_64",
                                                              "amd64",
                                                              "arm64",
                                                              "http2",
                                                              "package.json",
                                                              "package-lock.json",
                                                              "tsconfig.json",
                                                              "index.js",
                                                              "index.ts",
                                                              "index.html",
                                                              "readme.md",
                                                              "readme",
                                                              "skill.md",
                                                              "makefile",
                                                              "cmakelists.txt",
                                                              "dockerfile",
                                                              "requirements.txt",
                                                              "pyproject.toml",
                                                              "setup.py",
                                                              "setup.cfg",
                                                              "main.py",
                                                              "__init__.py",
                                                              "__main__",
                                                              "__name__",
                                                              "conftest.py",
                                                              "cargo.toml",
                                                              "cargo.lock",
                                                              "go.mod",
                                                              "go.sum",
                                                              ".gitignore",
                                                              "/dev/null",
                                                              "dev/null",
                                                              "localhost",
                                                              "127.0.0.1",
                                                              "0.0.0.0",
                                                              "iso-8859-1",
                                                              "stdin",
                                                              "stdout",
                                                              "stderr",
                                                              "python3",
                                                              "python2",
                                                              "node_modules",
                                                              "2>&1",
                                                              "e.g",
                                                              "i.e",
                                                              "true",
                                                              "false",
                                                              "null",
                                                              "none",
                                                              "json",
                                                              "yaml",
                                                              "toml",
                                                              "html",
                                                              "csv",
                                                              "xlsx",
                                                              "sqlite3",
                                                              "openpyxl",
                                                              "numpy",
                                                              "pandas"});

std::string_view TrimMarks(std::string_view token) {
  constexpr std::string_view kMarks = "-./@:\\~+%#$";
  while (!token.empty() && kMarks.find(token.back()) != std::string_view::npos) token.remove_suffix(1);
  while (!token.empty() && kMarks.find(token.front()) != std::string_view::npos) token.remove_prefix(1);
  return token;
}

// F(token) for a token and the parts that its marks divide it into.
template <class F>
void ForEachLiteral(std::string_view text, F&& visit) {
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    while (end < text.size() && IsLiteralByte(text[end])) ++end;
    std::string_view token = TrimMarks(text.substr(at, end - at));
    at = end + 1;
    if (token.size() < kLeastLiteral) continue;
    visit(token);
    for (std::string_view marks : {"/\\:@#%+$~", "/\\:@#%+$~.", "/\\:@#%+$~.-"}) {
      if (token.find_first_of(marks) == std::string_view::npos) continue;
      for (size_t part = 0; part <= token.size();) {
        size_t stop = std::min(token.find_first_of(marks, part), token.size());
        std::string_view piece = TrimMarks(token.substr(part, stop - part));
        if (piece.size() >= kLeastLiteral && piece.size() < token.size()) visit(piece);
        part = stop + 1;
      }
    }
  }
}

bool IsWordByte(char c) {
  return IsLetter(c) || IsDigit(c) || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

// F(hash, begin, end) for each run of kPhraseWords words.
template <class F>
void ForEachPhrase(std::string_view text, F&& visit) {
  std::array<uint64_t, kPhraseWords> hashes{};
  std::array<size_t, kPhraseWords> begins{};
  size_t count = 0;
  for (size_t at = 0; at < text.size();) {
    if (!IsWordByte(text[at])) {
      ++at;
      continue;
    }
    size_t end = at;
    while (end < text.size() && IsWordByte(text[end])) ++end;
    std::string word = ToLower(text.substr(at, end - at));
    hashes[count % kPhraseWords] = Hash64(word);
    begins[count % kPhraseWords] = at;
    ++count;
    if (count >= kPhraseWords) {
      uint64_t run = 0;
      for (size_t i = 0; i < kPhraseWords; ++i) {
        uint64_t word_hash = hashes[(count + i) % kPhraseWords];
        run = Hash64({reinterpret_cast<const char*>(&word_hash), sizeof word_hash}, run);
      }
      visit(run, begins[count % kPhraseWords], end);
    }
    at = end;
  }
}

// JSON within a text as it reads: escapes of line ends and quotes as what they stand for.
std::string WithoutEscapes(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out.push_back(text[i]);
      continue;
    }
    char next = text[++i];
    bool space = next == 'n' || next == 't' || next == 'r';
    out.push_back(space ? ' ' : next);
  }
  return out;
}

// Up to kUnrelatedTasks different ones.
struct Few {
  std::array<uint64_t, kUnrelatedTasks> seen{};
  size_t count = 0;

  void Add(uint64_t hash) {
    if (full() || std::find(seen.begin(), seen.begin() + static_cast<std::ptrdiff_t>(count), hash) !=
                      seen.begin() + static_cast<std::ptrdiff_t>(count))
      return;
    seen[count++] = hash;
  }
  bool full() const { return count == kUnrelatedTasks; }
};

enum class Source { kGold, kPrompt, kInput, kOutput, kNone };
constexpr std::array<std::string_view, 4> kSourceWords = {"gold", "prompt", "input", "output"};

struct Seen {
  Few tasks, families;
  Source source = Source::kNone;
};

// What of the texts is looked for in the evidence.
class Search {
 public:
  explicit Search(const LeakSources& sources) : sources_(sources) {
    if (!sources.evidence) return;
    for (const EvidenceSession& session : sources.evidence->sessions) {
      for (const EvidenceStep& step : session.steps) {
        if (!step.tool.empty()) tools_.insert(ToLower(step.tool));
      }
    }
  }

  void Want(std::string_view text) {
    ForEachLiteral(text, [&](std::string_view token) {
      std::string key = ToLower(token);
      if (!IsNobodys(key)) literals_.emplace(std::move(key), Seen{});
    });
    ForEachPhrase(text, [&](uint64_t run, size_t, size_t) { phrases_.emplace(run, Seen{}); });
  }

  void Run() {
    for (const std::string& text : sources_.gold) Look(text, Source::kGold, 0, 0);
    if (!sources_.evidence) return;
    for (const EvidenceSession& session : sources_.evidence->sessions) {
      uint64_t task = Hash64(session.task), family = Hash64(session.family);
      Look(session.prompt, Source::kPrompt, task, family);
      for (const std::string& prompt : session.later_prompts) Look(prompt, Source::kPrompt, task, family);
      for (const EvidenceStep& step : session.steps) {
        LookTwice(step.args, Source::kInput, task, family);
        LookTwice(step.output, Source::kOutput, task, family);
      }
    }
  }

  std::vector<Leak> LeaksOf(std::string_view text) const {
    std::set<Leak> leaks;
    ForEachLiteral(text, [&](std::string_view token) {
      auto found = literals_.find(ToLower(token));
      if (found == literals_.end() || !Leaks(found->second, found->first)) return;
      leaks.insert({std::string(token), WordOf(found->second.source), false});
    });
    // Overlapping runs are one phrase.
    size_t begin = 0, end = 0;
    Source source = Source::kNone;
    auto flush = [&] {
      if (end > begin) leaks.insert({std::string(text.substr(begin, end - begin)), WordOf(source), true});
    };
    ForEachPhrase(text, [&](uint64_t run, size_t from, size_t to) {
      auto found = phrases_.find(run);
      if (found == phrases_.end() || !Leaks(found->second, "")) return;
      if (from > end) flush(), begin = from, source = found->second.source;
      end = to;
      source = std::min(source, found->second.source);
    });
    flush();
    return {leaks.begin(), leaks.end()};
  }

 private:
  static std::string WordOf(Source source) { return std::string(kSourceWords[static_cast<size_t>(source)]); }

  // Whatever the evidence says, this is no literal of a task.
  bool IsNobodys(const std::string& key) const {
    bool word = std::all_of(key.begin(), key.end(), IsLetter);
    return (word && IsCommonWord(key)) || tools_.contains(key) || sources_.exempt.contains(key) ||
           IsKnownProgram(key) || std::find(kEverybodys.begin(), kEverybodys.end(), key) != kEverybodys.end();
  }

  static bool Leaks(const Seen& seen, std::string_view literal) {
    if (seen.source == Source::kNone) return false;
    if (seen.source == Source::kGold) return true;
    bool digits = std::any_of(literal.begin(), literal.end(), IsDigit);
    return !(digits ? seen.families : seen.tasks).full();
  }

  static void Note(Seen* seen, Source source, uint64_t task, uint64_t family) {
    seen->source = std::min(seen->source, source);
    seen->tasks.Add(task);
    seen->families.Add(family);
  }

  void LookTwice(std::string_view text, Source source, uint64_t task, uint64_t family) {
    Look(text, source, task, family);
    if (text.find('\\') != std::string_view::npos) Look(WithoutEscapes(text), source, task, family);
  }

  void Look(std::string_view text, Source source, uint64_t task, uint64_t family) {
    std::string key;
    ForEachLiteral(text, [&](std::string_view token) {
      if (token.size() > kLongestLiteral) return;
      key.assign(token);
      for (char& c : key) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
      auto found = literals_.find(key);
      if (found != literals_.end()) Note(&found->second, source, task, family);
    });
    ForEachPhrase(text, [&](uint64_t run, size_t, size_t) {
      auto found = phrases_.find(run);
      if (found != phrases_.end()) Note(&found->second, source, task, family);
    });
  }

  static constexpr size_t kLongestLiteral = 512;
  const LeakSources& sources_;
  std::set<std::string> tools_;
  std::unordered_map<std::string, Seen, TextHash, std::equal_to<>> literals_;
  std::unordered_map<uint64_t, Seen> phrases_;
};

}  // namespace

std::set<std::string> LiteralsOf(std::string_view text) {
  std::set<std::string> out;
  ForEachLiteral(text, [&](std::string_view token) { out.insert(ToLower(token)); });
  return out;
}

std::vector<std::vector<Leak>> FindLeaks(const LeakSources& sources, const std::vector<std::string>& texts) {
  Search search(sources);
  for (const std::string& text : texts) search.Want(text);
  search.Run();
  std::vector<std::vector<Leak>> out;
  out.reserve(texts.size());
  for (const std::string& text : texts) out.push_back(search.LeaksOf(text));
  return out;
}

}  // namespace clawtrace::distill
