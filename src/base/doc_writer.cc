#include "base/doc_writer.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <utility>

#include "base/json.h"
#include "base/result.h"
#include "base/text.h"

namespace clawtrace {
namespace {

// Plain where no reader, 1.1 or 1.2, could see anything but this string.
bool IsPlainSafe(std::string_view text, bool flow) {
  constexpr size_t kMaxPlain = 120;
  if (text.empty() || text.size() > kMaxPlain || text.back() == ' ' || text.back() == ':') return false;
  char first = text.front();
  if (!((first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z') || first == '_' || first == '/'))
    return false;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned char c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c >= 0x7f) return false;
    char next = i + 1 < text.size() ? text[i + 1] : ' ';
    if (c == ':' && next == ' ') return false;
    if (c == '#' && i > 0 && text[i - 1] == ' ') return false;
    if (flow && (c == ',' || c == '[' || c == ']' || c == '{' || c == '}' || c == ':' || c == '"'))
      return false;
  }
  static constexpr std::string_view kWords[] = {"y",    "n",     "yes",  "no",  "on", "off",
                                                "true", "false", "null", "nan", "inf"};
  std::string lower = ToLower(text);
  return std::find(std::begin(kWords), std::end(kWords), lower) == std::end(kWords);
}

}  // namespace

void DocWriter::BeforeValue() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (levels_.empty()) return;
  Level& level = levels_.back();
  CT_CHECK(level.close == ']');  // inside an object a value needs its key first
  if (format_ == Format::kJsonPretty && !level.row) {
    out_.append(level.items ? ",\n" : "\n");
    Indent(levels_.size());
  } else if (flow()) {
    if (level.items) out_.append(format_ == Format::kJson ? "," : ", ");
  } else {
    if (after_dash_) {
      after_dash_ = false;
    } else {
      if (!out_.empty() && out_.back() != '\n') out_.push_back('\n');
      Indent(levels_.size() - 1);
    }
    out_.append("- ");
  }
  ++level.items;
}

void DocWriter::Open(char bracket, bool row) {
  bool is_item = !after_key_ && !levels_.empty();
  bool block_value = after_key_ && format_ == Format::kYaml && !flow();
  bool parent_flow = flow();
  BeforeValue();
  bool row_here = row || (format_ == Format::kYaml && parent_flow && !levels_.empty()) ||
                  (format_ == Format::kJsonPretty && !levels_.empty() && levels_.back().row);
  levels_.push_back({bracket == '{' ? '}' : ']', row_here, 0});
  if (format_ != Format::kYaml || row_here) {
    if (block_value) out_.push_back(' ');
    out_.push_back(bracket);
  } else {
    after_dash_ = is_item;
  }
}

void DocWriter::Close(char bracket) {
  CT_CHECK(!levels_.empty() && levels_.back().close == bracket && !after_key_);
  Level level = levels_.back();
  bool in_flow = flow();
  levels_.pop_back();
  if (in_flow) {
    if (format_ == Format::kJsonPretty && !level.row && level.items) {
      out_.push_back('\n');
      Indent(levels_.size());
    }
    out_.push_back(bracket);
  } else if (level.items == 0) {
    // An empty block collection has no block spelling.
    if (!out_.empty() && out_.back() != ' ' && out_.back() != '\n') out_.push_back(' ');
    out_.append(bracket == '}' ? "{}" : "[]");
    after_dash_ = false;
  }
}

void DocWriter::Key(std::string_view key) {
  CT_CHECK(!levels_.empty() && levels_.back().close == '}' && !after_key_);
  Level& level = levels_.back();
  after_key_ = true;
  if (format_ == Format::kJson) {
    if (level.items++ > 0) out_.push_back(',');
    AppendJsonString(key, &out_);
    out_.push_back(':');
    return;
  }
  if (format_ == Format::kJsonPretty && !level.row) {
    out_.append(level.items ? ",\n" : "\n");
    Indent(levels_.size());
  } else if (flow()) {
    if (level.items) out_.append(", ");
  } else if (after_dash_) {
    after_dash_ = false;
  } else {
    if (!out_.empty() && out_.back() != '\n') out_.push_back('\n');
    Indent(levels_.size() - 1);
  }
  ++level.items;
  if (format_ == Format::kYaml && IsPlainSafe(key, true)) {
    out_.append(key);
  } else {
    AppendJsonString(key, &out_);
  }
  out_.append(format_ == Format::kYaml && !flow() ? ":" : ": ");
}

void DocWriter::Scalar(std::string_view spelled) {
  bool block_key = after_key_ && format_ == Format::kYaml && !flow();
  BeforeValue();
  if (block_key) out_.push_back(' ');
  out_.append(spelled);
}

void DocWriter::String(std::string_view text) {
  if (format_ == Format::kYaml && IsPlainSafe(text, flow())) return Scalar(text);
  Scalar({});
  AppendJsonString(text, &out_);
}

void DocWriter::Int(int64_t value) {
  constexpr size_t kMostDigits = 20;
  char digits[kMostDigits];
  Scalar({digits, std::to_chars(digits, digits + kMostDigits, value).ptr});
}
void DocWriter::Bool(bool value) { Scalar(value ? "true" : "false"); }
void DocWriter::Null() { Scalar("null"); }
void DocWriter::Number(std::string_view decimal) { Scalar(decimal); }

std::string DocWriter::Take() {
  CT_CHECK(levels_.empty());
  if (format_ != Format::kJson) {
    if (out_.empty() || out_.back() != '\n') out_.push_back('\n');
  }
  return std::exchange(out_, {});
}

}  // namespace clawtrace
