#include "capture/redact_keys.h"

#include <algorithm>

#include "base/text.h"

namespace clawtrace::capture {
namespace {

constexpr size_t kMaxRule = 200;
constexpr size_t kMaxParts = 8;
constexpr size_t kMaxKey = 100;    // of a name that is compared
constexpr size_t kMaxDepth = 500;  // what is nested deeper is not looked at

// "*" stands for anything. Goes back to the last star only: rule and name are short.
bool Fits(std::string_view rule, std::string_view name) {
  size_t r = 0, n = 0, star = std::string_view::npos, mark = 0;
  while (n < name.size()) {
    if (r < rule.size() && rule[r] == '*') {
      star = r++, mark = n;
    } else if (r < rule.size() && rule[r] == name[n]) {
      ++r, ++n;
    } else if (star != std::string_view::npos) {
      r = star + 1, n = ++mark;
    } else {
      return false;
    }
  }
  while (r < rule.size() && rule[r] == '*') ++r;
  return r == rule.size();
}

bool IsMarked(std::string_view value) {
  constexpr size_t kHash = 8;
  if (!value.starts_with("[redacted:") || !value.ends_with(']') || value.size() < kHash + 2) return false;
  return value[value.size() - kHash - 2] == ':' && value.find_first_of("[\"\\ ", 1) == std::string_view::npos;
}

class Scanner {
 public:
  Scanner(const KeyNames& names, std::string_view text,
          const std::function<std::string(std::string_view)>& replacement)
      : names_(names), text_(text), replacement_(replacement) {}

  bool Run() {
    while (at_ < text_.size() && levels_.size() < kMaxDepth) Step();
    if (taken_ == 0) return false;
    out_.append(text_.substr(taken_));
    return true;
  }
  std::string Take() { return std::move(out_); }

 private:
  struct Level {
    bool object = false, secret = false;
  };

  bool secret() const { return !levels_.empty() && (levels_.back().secret || key_secret_); }
  bool key_next() const { return !levels_.empty() && levels_.back().object && !after_colon_; }

  void Step() {
    char c = text_[at_];
    if (c == '"') return String();
    if (c == '{' || c == '[') {
      levels_.push_back({c == '{', secret()});
      path_.emplace_back();
      after_colon_ = key_secret_ = false;
    } else if (c == '}' || c == ']') {
      if (!levels_.empty()) levels_.pop_back(), path_.pop_back();
      after_colon_ = key_secret_ = false;
    } else if (c == ':') {
      after_colon_ = true;
    } else if (c == ',') {
      after_colon_ = key_secret_ = false;
    } else if (((c >= '0' && c <= '9') || c == '-') && secret() && !key_next()) {
      return Number();
    }
    ++at_;
  }

  void String() {
    size_t begin = ++at_;
    size_t end = EndOfString(begin);
    at_ = end + 1;
    std::string_view value = text_.substr(begin, end - begin);
    if (key_next()) {
      path_.back() = ToLower(value.substr(0, kMaxKey));
      key_secret_ = names_.Match(path_);
    } else if (secret() && !value.empty() && !IsMarked(value)) {
      Put(begin, end, replacement_(value));
    }
  }

  // Of the closing quote, which no odd number of backslashes stands before; else of the text.
  size_t EndOfString(size_t begin) const {
    for (size_t quote = text_.find('"', begin); quote != std::string_view::npos;
         quote = text_.find('"', quote + 1)) {
      size_t slash = quote;
      while (slash > begin && text_[slash - 1] == '\\') --slash;
      if ((quote - slash) % 2 == 0) return quote;
    }
    return text_.size();
  }

  void Number() {
    size_t end = std::min(text_.find_first_of(",}] \t\r\n", at_), text_.size());
    Put(at_, end, '"' + replacement_(text_.substr(at_, end - at_)) + '"');
    at_ = end;
  }

  void Put(size_t begin, size_t end, const std::string& replacement) {
    out_.append(text_.substr(taken_, begin - taken_));
    out_ += replacement;
    taken_ = end;
  }

  const KeyNames& names_;
  std::string_view text_;
  const std::function<std::string(std::string_view)>& replacement_;
  size_t at_ = 0, taken_ = 0;
  std::vector<Level> levels_;
  std::vector<std::string> path_;  // of each level the name that is being read
  bool after_colon_ = false, key_secret_ = false;
  std::string out_;
};

}  // namespace

Status KeyNames::Add(std::string_view rule) {
  std::vector<std::string> parts;
  for (std::string_view part : Split(rule, '.')) parts.push_back(ToLower(part));
  bool blank = std::ranges::any_of(parts, [](const std::string& part) { return part.empty(); });
  if (blank || rule.size() > kMaxRule || parts.size() > kMaxParts || parts.back() == "*")
    return Fail(ErrorCode::kInvalidInput,
                "redaction key \"" + std::string(rule.substr(0, kMaxRule)) + "\" names nothing",
                "a name, with * for any part of it: \"*.api_key\"");
  // "*.x" is x at any depth, the top included.
  while (parts.size() > 1 && parts.front() == "*") parts.erase(parts.begin());
  std::ranges::reverse(parts);
  rules_.push_back(std::move(parts));
  return {};
}

bool KeyNames::Match(const std::vector<std::string>& path) const {
  return std::ranges::any_of(rules_, [&](const std::vector<std::string>& rule) {
    size_t level = path.size();
    for (const std::string& part : rule) {
      // The levels of arrays have no name.
      while (level > 0 && path[level - 1].empty()) --level;
      if (level == 0) return false;
      --level;
      if (!Fits(part, path[level])) return false;
    }
    return true;
  });
}

bool RedactValues(const KeyNames& names, std::string* text,
                  const std::function<std::string(std::string_view)>& replacement) {
  size_t start = text->find_first_not_of(" \t\r\n");
  if (names.empty() || start == std::string::npos || ((*text)[start] != '{' && (*text)[start] != '['))
    return false;
  Scanner scanner(names, *text, replacement);
  if (!scanner.Run()) return false;
  *text = scanner.Take();
  return true;
}

}  // namespace clawtrace::capture
