#include "skill/encoding.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "base/unicode.h"

namespace clawtrace::skill {
namespace {

constexpr std::string_view kLittleEndian = "\xFF\xFE", kBigEndian = "\xFE\xFF";

bool IsUtf16(std::string_view bytes) {
  return bytes.starts_with(kLittleEndian) || bytes.starts_with(kBigEndian);
}

std::string FromUtf16(std::string_view bytes) {
  size_t low = bytes.starts_with(kBigEndian) ? 1 : 0;
  auto unit = [&](size_t at) {
    return static_cast<uint32_t>(static_cast<unsigned char>(bytes[at + low])) |
           static_cast<uint32_t>(static_cast<unsigned char>(bytes[at + 1 - low])) << 8;
  };
  std::string out;
  for (size_t at = 2; at + 1 < bytes.size(); at += 2) {
    uint32_t code = unit(at), next = at + 3 < bytes.size() ? unit(at + 2) : 0;
    if (code >= 0xD800 && code < 0xDC00 && next >= 0xDC00 && next < 0xE000) {
      code = 0x10000 + ((code - 0xD800) << 10) + (next - 0xDC00);
      at += 2;
    }
    bool half = code >= 0xD800 && code < 0xE000;
    if (code != 0) AppendUtf8(half ? ' ' : code, &out);
  }
  return out;
}

// Files whose name says that they are read or run as texts.
bool IsTextName(std::string_view path) {
  static constexpr auto kEnds = std::to_array<std::string_view>(
      {".adoc", ".awk",      ".bash", ".bat",  ".c",   ".cc",   ".cfg",  ".cjs",   ".cmd",   ".conf",
       ".cpp",  ".cs",       ".css",  ".csv",  ".env", ".fish", ".go",   ".h",     ".hpp",   ".htm",
       ".html", ".ini",      ".j2",   ".java", ".jl",  ".js",   ".json", ".jsonl", ".jsx",   ".kt",
       ".lua",  ".markdown", ".md",   ".mdx",  ".mjs", ".org",  ".php",  ".pl",    ".ps1",   ".py",
       ".r",    ".rb",       ".rs",   ".rst",  ".sed", ".sh",   ".sql",  ".svg",   ".swift", ".tex",
       ".tmpl", ".toml",     ".ts",   ".tsv",  ".tsx", ".txt",  ".xml",  ".yaml",  ".yml",   ".zsh"});
  std::string lower = ToLower(path.substr(path.rfind('/') + 1));
  size_t dot = lower.rfind('.');
  return dot != std::string::npos &&
         std::find(kEnds.begin(), kEnds.end(), std::string_view(lower).substr(dot)) != kEnds.end();
}

// Formats that may hold little but text and are opened by programs all the same.
bool IsKnownBinary(std::string_view bytes) {
  using namespace std::string_view_literals;
  static constexpr auto kStarts = std::to_array<std::string_view>(
      {"\x89PNG"sv, "\xFF\xD8\xFF"sv, "GIF8"sv, "%PDF-"sv, "PK\x03\x04"sv, "\x1F\x8B"sv, "wOF"sv, "RIFF"sv});
  return std::any_of(kStarts.begin(), kStarts.end(),
                     [&](std::string_view start) { return bytes.starts_with(start); });
}

// At most one byte in ten is none of a text.
bool IsMostlyText(std::string_view bytes) {
  size_t odd = 0;
  for (size_t at = 0; at < bytes.size();) {
    uint32_t code = 0;
    size_t length = DecodeUtf8(bytes.substr(at), &code);
    bool control = code < 0x20 && code != '\n' && code != '\r' && code != '\t' && code != '\f';
    bool broken = code == 0xFFFD && length == 1;
    odd += control || broken ? 1 : 0;
    at += length;
  }
  return odd * 10 <= bytes.size();
}

}  // namespace

std::string EncodingProblem(std::string_view bytes) {
  if (IsUtf16(bytes)) return "is UTF-16, not UTF-8";
  if (!IsValidUtf8(bytes)) return "is no UTF-8 text";
  if (bytes.find('\0') != std::string_view::npos) return "holds a NUL byte, which no text does";
  return "";
}

std::string ReadLeniently(std::string_view bytes) {
  if (IsUtf16(bytes)) return FromUtf16(bytes);
  std::string out;
  out.reserve(bytes.size());
  for (size_t at = 0; at < bytes.size();) {
    uint32_t code = 0;
    size_t length = DecodeUtf8(bytes.substr(at), &code);
    if (code == 0xFFFD && length == 1)
      out.push_back(' ');
    else if (code != 0)
      out.append(bytes.substr(at, length));
    at += length;
  }
  return out;
}

bool MayBeText(std::string_view path, std::string_view bytes) {
  if (IsTextName(path) || bytes.starts_with("#!") || IsUtf16(bytes)) return true;
  if (path.starts_with("scripts/")) return !IsProgram(bytes);
  return !IsKnownBinary(bytes) && IsMostlyText(bytes);
}

bool IsProgram(std::string_view bytes) {
  return bytes.starts_with(
             "\x7F"
             "ELF") ||
         bytes.starts_with("MZ") || bytes.starts_with("\xCF\xFA\xED\xFE");
}

}  // namespace clawtrace::skill
