#pragma once
// Finds every value inside a JSON text by its place in the bytes, so that a test can put anything there.
// Knows only as much of JSON as valid input needs.
#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace clawtrace::test {

struct JsonSpot {
  std::string path;  // keys and "[]", without indexes: equal for values of equal meaning
  std::string key;   // nearest key
  size_t begin = 0, end = 0;
};

class JsonSpots {
 public:
  static std::vector<JsonSpot> Of(std::string_view text) {
    JsonSpots spots(text);
    spots.Value("", "");
    return std::move(spots.found_);
  }

 private:
  explicit JsonSpots(std::string_view text) : text_(text) {}

  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void Space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n,:").find(text_[at_]) != std::string_view::npos)
      ++at_;
  }
  std::string String() {
    size_t begin = ++at_;
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    at_ = std::min(at_, text_.size());
    std::string value(text_.substr(begin, at_ - begin));
    if (at_ < text_.size()) ++at_;
    return value;
  }
  void Value(const std::string& path, const std::string& key) {
    Space();
    size_t index = found_.size();
    found_.push_back({path, key, at_, at_});
    char open = Peek();
    if (open == '"') {
      String();
    } else if (open == '{' || open == '[') {
      ++at_;
      for (Space(); at_ < text_.size() && Peek() != '}' && Peek() != ']'; Space()) {
        size_t before = at_;
        if (open == '[') {
          Value(path + "[]", key);
        } else {
          std::string member = String();
          Value(path + "." + member, member);
        }
        if (at_ == before) ++at_;
      }
      if (at_ < text_.size()) ++at_;
    } else {
      while (at_ < text_.size() && std::string_view(",]}\n\r\t ").find(text_[at_]) == std::string_view::npos)
        ++at_;
    }
    found_[index].end = at_;
  }

  std::string_view text_;
  size_t at_ = 0;
  std::vector<JsonSpot> found_;
};

inline std::string Replaced(std::string_view text, const JsonSpot& spot, std::string_view value) {
  return std::string(text.substr(0, spot.begin)) + std::string(value) + std::string(text.substr(spot.end));
}

}  // namespace clawtrace::test
