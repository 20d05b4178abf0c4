// What could deceive a person who reviews a skill, or harm one who uses it.
#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "base/entities.h"
#include "base/secrets.h"
#include "base/text.h"
#include "base/unicode.h"
#include "skill/encoding.h"
#include "skill/injection.h"
#include "skill/lint_rules.h"
#include "skill/paths.h"

namespace clawtrace::skill {
namespace {

void Hidden(const LintFile& file, LintReport* report) {
  for (const TextPlace& place : FindHidden(file.text())) {
    report->Error("hidden-unicode", file, file.LineOf(place.begin), "a character that nobody sees",
                  file.text().substr(place.begin, place.end - place.begin));
  }
  for (const TextPlace& place : FindMixedWords(file.text())) {
    report->Error("mixed-script", file, file.LineOf(place.begin),
                  "a word with letters of another script that look like Latin ones",
                  file.text().substr(place.begin, place.end - place.begin));
  }
}

void Secrets(const LintFile& file, LintReport* report) {
  for (const SecretPlace& place : FindSecrets(file.text()))
    report->Error("secret", file, file.LineOf(place.begin), "a key or password stands here",
                  fmt::format("[{}]", place.name));
}

bool IsUrlEnd(char c) {
  return static_cast<unsigned char>(c) <= ' ' ||
         std::string_view("\"'`<>|\\^{})]").find(c) != std::string_view::npos;
}

std::string_view HostOf(std::string_view url) {
  std::string_view rest = url.substr(url.find("://") + 3);
  rest = rest.substr(0, rest.find_first_of("/?#"));
  if (size_t user = rest.rfind('@'); user != std::string_view::npos) rest.remove_prefix(user + 1);
  if (rest.starts_with('[')) return rest.substr(0, rest.find(']') + 1);
  return rest.substr(0, rest.find(':'));
}

// Reserved for examples and the machine itself (RFC 2606, RFC 6761).
bool IsNobodys(std::string_view host) {
  std::string name = ToLower(host);
  auto is = [&](std::string_view domain) {
    return name == domain || name.ends_with("." + std::string(domain));
  };
  return is("localhost") || is("example") || is("example.com") || is("example.org") || is("example.net") ||
         is("test") || is("invalid") || name.starts_with("127.") || name == "[::1]" || name == "0.0.0.0";
}

bool IsNumeric(std::string_view host) {
  return host.starts_with('[') ||
         (!host.empty() && host.find_first_not_of("0123456789.") == std::string_view::npos);
}

// Where addresses end. Those that stand in each other end together: each byte is looked at once.
class UrlEnds {
 public:
  explicit UrlEnds(std::string_view text) : text_(text) {}

  // Of the one whose "://" stands at `at`; asked in order of place.
  size_t Of(size_t at) {
    size_t begin = at + 3;
    if (begin >= next_) {
      next_ = end_ = begin;
      while (next_ < text_.size() && !IsUrlEnd(text_[next_])) ++next_;
      end_ = next_;
      while (end_ > begin && std::string_view(".,;:!?*_").find(text_[end_ - 1]) != std::string_view::npos)
        --end_;
    }
    return std::max(begin, end_);
  }

 private:
  std::string_view text_;
  size_t next_ = 0, end_ = 0;  // of the last one: with and without the marks of its sentence
};

// Addresses: those of hosts warn; those without a name, and those that carry their content, are errors.
void Urls(const LintFile& file, LintReport* report) {
  std::string_view text = file.text();
  UrlEnds ends(text);
  for (size_t at = text.find("://"); at != std::string_view::npos; at = text.find("://", at + 3)) {
    size_t begin = at, end = ends.Of(at);
    auto scheme_byte = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+'; };
    while (begin > 0 && scheme_byte(text[begin - 1])) --begin;
    std::string_view url = text.substr(begin, end - begin);
    std::string_view host = HostOf(url);
    if (begin == at || host.empty() || IsNobodys(host)) continue;
    if (IsNumeric(host))
      report->Error("url", file, file.LineOf(begin), "an address without a name", url);
    else
      report->Warn("url", file, file.LineOf(begin),
                   "an address: whoever owns it can change what is read there", url);
  }
  // Where a link leads is read with its entities decoded.
  DecodedText decoded(text);
  std::string lower = ToLower(decoded.text());
  for (std::string_view scheme : {"](javascript:", "](data:", "](vbscript:", "](file:"}) {
    for (size_t at = lower.find(scheme); at != std::string::npos; at = lower.find(scheme, at + 1))
      report->Error("url", file, file.LineOf(decoded.Given(at)),
                    "a link that carries code or leads to local files",
                    text.substr(decoded.Given(at + 2), 40));
  }
}

void Phrases(const LintFile& file, LintReport* report) {
  for (const InjectionPlace& place : FindInjections(file.text()))
    report->Error("injection", file, file.LineOf(place.begin),
                  fmt::format("reads like an instruction against the user: {}", place.kind),
                  file.text().substr(place.begin, place.end - place.begin));
}

// What a person does not see where Markdown is rendered.
void Comments(const LintFile& file, LintReport* report) {
  std::string_view text = file.text();
  size_t end = 0;
  for (size_t at = text.find("<!--"); at != std::string_view::npos; at = text.find("<!--", at + 4)) {
    if (file.InCode(at)) continue;
    if (end < at) end = std::min(text.find("-->", at), text.size());
    report->Warn("comment", file, file.LineOf(at), "a comment: agents read it, people do not see it",
                 text.substr(at, end - at));
  }
}

// Programs that reach out, where the front matter does not say so.
constexpr auto kNetworkWords = std::to_array<std::string_view>(
    {"curl ", "wget ", "urllib", "requests.", "http.client", "socket.", "fetch(", "axios", "net/http",
     "XMLHttpRequest", "Invoke-WebRequest", "nc -", "ssh ", "scp ", "rsync "});

}  // namespace

void LintSafety(const LintFile& file, LintReport* report) {
  Hidden(file, report);
  Secrets(file, report);
  Urls(file, report);
  Phrases(file, report);
  if (file.is_markdown()) Comments(file, report);
  if (!file.name().starts_with("scripts/")) return;
  for (std::string_view word : kNetworkWords) {
    size_t at = FindText(file.text(), word);
    if (at == std::string_view::npos) continue;
    report->Warn("network", file, file.LineOf(at), "a script that seems to use the network", word);
  }
}

// Chance makes neither keys nor phrases; the other checks would take any byte for a hidden one.
void LintBinary(const LintFile& file, LintReport* report) {
  Secrets(file, report);
  Phrases(file, report);
}

void LintModes(const SkillDir& skill, LintReport* report) {
  for (const auto& [path, bytes] : skill.files) {
    if (IsProgram(bytes))
      report->Add({"binary", Severity::kError, path, 0, "a program that nobody can read", {}}, {});
    if (!skill.executable.contains(path) || path.starts_with(kRecordsFolder)) continue;
    if (path.starts_with("scripts/") && bytes.starts_with("#!"))
      report->Add({"executable", Severity::kWarning, path, 0, "a script that can be run as it is", {}}, {});
    else
      report->Add({"executable",
                   Severity::kError,
                   path,
                   0,
                   "only a script with #! below scripts/ may be executable",
                   {}},
                  {});
  }
}

}  // namespace clawtrace::skill
