#pragma once
// Writes one document as YAML or JSON through one set of calls, byte-stable: the caller decides order, the
// writer decides spelling. YAML: block style, with flow style on request for small rows; scalars are plain
// where YAML 1.1 and 1.2 readers agree on the meaning, else JSON-style double-quoted.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace clawtrace {

class DocWriter {
 public:
  enum class Format { kYaml, kJson, kJsonPretty };
  explicit DocWriter(Format format) : format_(format) {}

  // Objects and arrays opened as "row" are written on one line in YAML.
  void BeginObject(bool row = false) { Open('{', row); }
  void EndObject() { Close('}'); }
  void BeginArray(bool row = false) { Open('[', row); }
  void EndArray() { Close(']'); }
  void Key(std::string_view key);
  void String(std::string_view text);
  void Int(int64_t value);
  void Bool(bool value);
  void Null();
  void Number(std::string_view decimal);  // already spelled, e.g. by Usd

  // Inside an object: Key and value in one call.
  void Field(std::string_view key, std::string_view text) { Key(key), String(text); }
  void Field(std::string_view key, const char* text) { Key(key), String(text); }
  void Field(std::string_view key, int64_t value) { Key(key), Int(value); }

  // The text so far; complete, with a final newline (YAML, pretty JSON), once everything is closed.
  std::string Take();

 private:
  struct Level {
    char close = '}';
    bool row = false;
    int64_t items = 0;
  };
  void Open(char bracket, bool row);
  void Close(char bracket);
  void BeforeValue();
  void Scalar(std::string_view spelled);
  bool flow() const { return format_ != Format::kYaml || (!levels_.empty() && levels_.back().row); }
  void Indent(size_t depth) { out_.append(depth * 2, ' '); }

  Format format_;
  std::string out_;
  std::vector<Level> levels_;
  bool after_key_ = false;   // the next value belongs to the key just written
  bool after_dash_ = false;  // the next key continues the line of its "- "
};

}  // namespace clawtrace
