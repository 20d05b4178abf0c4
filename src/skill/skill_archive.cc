#include "skill/skill_archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/core.h>
#include <locale.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>

#include "base/text.h"
#include "skill/front_matter.h"
#include "skill/paths.h"

namespace clawtrace::skill {
namespace {

struct Close {
  void operator()(archive* reader) const { ::archive_read_free(reader); }
};

// libarchive spells names in the thread's locale; with this one they are what the archive says, whatever the
// user's locale is.
class Utf8Locale {
 public:
  Utf8Locale() : utf8_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {
    if (utf8_) before_ = ::uselocale(utf8_);
  }
  ~Utf8Locale() {
    if (!utf8_) return;
    ::uselocale(before_);
    ::freelocale(utf8_);
  }
  Utf8Locale(const Utf8Locale&) = delete;
  Utf8Locale& operator=(const Utf8Locale&) = delete;

 private:
  locale_t utf8_, before_ = nullptr;
};

bool IsLeftOut(std::string_view path, Records records) {
  for (std::string_view part : Split(path, '/')) {
    if (part == ".git" || part == ".hg" || part == ".svn" || part == "__MACOSX" || part == ".DS_Store")
      return true;
    if (part == ".clawtrace" && records == Records::kStrip) return true;
  }
  return false;
}

std::unexpected<Error> Refused(std::string what) {
  return Fail(ErrorCode::kUnsupported, fmt::format("the archive is refused: {}", what),
              "unpack it by hand and look at it first");
}

class ArchiveReader {
 public:
  ArchiveReader(std::string_view bytes, Records records) : bytes_(bytes), records_(records) {}

  Result<SkillDir> Run() {
    Utf8Locale locale;
    std::unique_ptr<archive, Close> reader(::archive_read_new());
    if (!reader) return Fail(ErrorCode::kIo, "there is no memory to read an archive");
    // Named one by one: other filters start programs.
    ::archive_read_support_filter_gzip(reader.get());
    ::archive_read_support_format_tar(reader.get());
    ::archive_read_support_format_zip_seekable(reader.get());
    if (::archive_read_open_memory(reader.get(), bytes_.data(), bytes_.size()) != ARCHIVE_OK)
      return NoArchive();
    for (size_t entries = 0;; ++entries) {
      archive_entry* entry = nullptr;
      int code = ::archive_read_next_header(reader.get(), &entry);
      if (code == ARCHIVE_EOF) break;
      // A warning is about the spelling of a name, which is looked at below.
      if (code < ARCHIVE_WARN) return NoArchive();
      // Folders count too: a million empty ones are no skill.
      if (entries >= 2 * kMaxFiles)
        return Refused(fmt::format("it holds more than {} entries", 2 * kMaxFiles));
      CT_RETURN_IF_ERROR(Take(reader.get(), entry));
    }
    return std::move(skill_);
  }

 private:
  static std::unexpected<Error> NoArchive() {
    return Fail(ErrorCode::kCorruptData, "the file is no ZIP and no tar archive, or is damaged",
                "a skill's archive is a ZIP or tar.gz file");
  }

  static Status TooMuch() {
    return Refused(
        fmt::format("a file is above {} bytes or all are above {}", kMaxFileBytes, kMaxSkillBytes));
  }

  Status Take(archive* reader, archive_entry* entry) {
    const char* name = ::archive_entry_pathname_utf8(entry);
    if (!name) name = ::archive_entry_pathname(entry);
    std::string path = name ? name : "";
    // "tar c ." begins every name so.
    while (path.starts_with("./")) path.erase(0, 2);
    if (::archive_entry_filetype(entry) == AE_IFDIR) {
      while (path.ends_with('/')) path.pop_back();
      if (!path.empty() && path != "." && !IsConfinedPath(path)) return Refused("a folder leads out of it");
      return {};
    }
    if (::archive_entry_hardlink(entry) || ::archive_entry_symlink(entry)) return Refused("it holds links");
    if (::archive_entry_filetype(entry) != AE_IFREG) return Refused("it holds something that is no file");
    if (!IsConfinedPath(path) || !IsValidUtf8(path) || path.find('\\') != std::string::npos)
      return Refused("the path of a file leads out of it or is no plain text");
    if (::archive_entry_is_encrypted(entry)) return Refused("it is encrypted");
    if (IsLeftOut(path, records_)) {
      // What is skipped is unpacked all the same where a tar is compressed.
      total_ += static_cast<uint64_t>(std::max<la_int64_t>(::archive_entry_size(entry), 0));
      return total_ > kMaxSkillBytes ? TooMuch() : Status();
    }
    if (skill_.files.size() >= kMaxFiles)
      return Refused(fmt::format("it holds more than {} files", kMaxFiles));
    std::string bytes;
    CT_RETURN_IF_ERROR(ReadData(reader, &bytes));
    if (skill_.files.contains(path)) return Refused("it holds a path twice");
    if ((::archive_entry_perm(entry) & 0111) != 0) skill_.executable.insert(path);
    skill_.files.emplace(std::move(path), std::move(bytes));
    return {};
  }

  Status ReadData(archive* reader, std::string* out) {
    std::array<char, size_t{64} << 10> block{};
    for (;;) {
      auto count = ::archive_read_data(reader, block.data(), block.size());
      if (count < 0) return NoArchive();
      if (count == 0) return {};
      out->append(block.data(), static_cast<size_t>(count));
      total_ += static_cast<uint64_t>(count);
      if (out->size() > kMaxFileBytes || total_ > kMaxSkillBytes) return TooMuch();
    }
  }

  std::string_view bytes_;
  Records records_;
  SkillDir skill_;
  uint64_t total_ = 0;
};

// Takes the folder off that everything lies in.
SkillDir WithoutFolder(SkillDir all, std::string_view folder) {
  SkillDir out;
  for (auto& [path, bytes] : all.files) {
    if (path.starts_with(folder)) out.files.emplace(path.substr(folder.size()), std::move(bytes));
  }
  for (const std::string& path : all.executable) {
    if (path.starts_with(folder)) out.executable.insert(path.substr(folder.size()));
  }
  return out;
}

constexpr std::array<uint32_t, 256> MakeCrcTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < table.size(); ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value & 1u) != 0 ? value >> 1 ^ 0xEDB88320u : value >> 1;
    table[i] = value;
  }
  return table;
}

uint32_t Crc32(std::string_view bytes) {
  static constexpr std::array<uint32_t, 256> kTable = MakeCrcTable();
  uint32_t crc = 0xFFFFFFFFu;
  for (char c : bytes) crc = crc >> 8 ^ kTable[(crc ^ static_cast<unsigned char>(c)) & 0xFFu];
  return ~crc;
}

void Put(std::string* out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out->push_back(static_cast<char>(value >> (8 * i) & 0xFFu));
}

// Version, flags (UTF-8 names), method (stored), time and date (1980-01-01), sum and sizes: what both headers
// of an entry have.
void PutEntry(std::string* out, std::string_view path, std::string_view bytes) {
  constexpr uint64_t kVersion = 20, kUtf8 = 0x0800, kFirstDay = 0x0021;
  Put(out, kVersion, 2), Put(out, kUtf8, 2), Put(out, 0, 2), Put(out, 0, 2), Put(out, kFirstDay, 2);
  Put(out, Crc32(bytes), 4), Put(out, bytes.size(), 4), Put(out, bytes.size(), 4), Put(out, path.size(), 2),
      Put(out, 0, 2);
}

// What goes into an archive, by its path in it.
struct PackedFile {
  std::string_view bytes;
  bool executable = false;
};
using PackedFiles = std::map<std::string, PackedFile>;

std::unexpected<Error> TooLarge() { return Fail(ErrorCode::kLimit, "the skill is too large for an archive"); }

Result<std::string> WriteZip(const PackedFiles& files) {
  std::string out, directory;
  for (const auto& [path, file] : files) {
    constexpr uint64_t kUnix = 0x0314;
    uint64_t mode = file.executable ? 0100755 : 0100644;
    Put(&directory, 0x02014B50, 4), Put(&directory, kUnix, 2);
    PutEntry(&directory, path, file.bytes);
    Put(&directory, 0, 2), Put(&directory, 0, 2), Put(&directory, 0, 2), Put(&directory, mode << 16, 4);
    Put(&directory, out.size(), 4), directory += path;
    Put(&out, 0x04034B50, 4);
    PutEntry(&out, path, file.bytes);
    out += path, out += file.bytes;
  }
  constexpr uint64_t kMostEntries = 0xFFFF;
  if (files.size() > kMostEntries || out.size() > 2 * kMaxSkillBytes) return TooLarge();
  uint64_t start = out.size();
  out += directory;
  Put(&out, 0x06054B50, 4), Put(&out, 0, 2), Put(&out, 0, 2), Put(&out, files.size(), 2),
      Put(&out, files.size(), 2);
  Put(&out, directory.size(), 4), Put(&out, start, 4), Put(&out, 0, 2);
  return out;
}

// A header of ustar; false: the path has no room in it.
bool PutTarHeader(std::string* out, const std::string& path, const PackedFile& file) {
  constexpr size_t kBlock = 512, kName = 100, kPrefix = 155, kNameAt = 0, kPrefixAt = 345;
  size_t cut = 0;
  if (path.size() > kName) {
    cut = path.find('/', path.size() - kName - 1);
    if (cut == std::string::npos || cut > kPrefix) return false;
  }
  std::string header(kBlock, '\0');
  auto set = [&](size_t at, std::string_view text) { header.replace(at, text.size(), text); };
  set(kNameAt, std::string_view(path).substr(cut == 0 ? 0 : cut + 1));
  set(kPrefixAt, std::string_view(path).substr(0, cut));
  constexpr int64_t kFirstDay = 315532800;  // 1980-01-01
  set(100, file.executable ? "0000755" : "0000644"), set(108, "0000000"), set(116, "0000000");
  set(124, fmt::format("{:011o}", file.bytes.size())), set(136, fmt::format("{:011o}", kFirstDay));
  set(148, "        "), set(156, "0"), set(257, std::string_view("ustar\00000", 8));
  uint32_t sum = 0;
  for (char c : header) sum += static_cast<unsigned char>(c);
  set(148, fmt::format("{:06o}", sum)), header[154] = '\0';
  *out += header;
  return true;
}

// gzip with blocks that are stored: no version of a compressor changes the bytes.
std::string Gzip(std::string_view bytes) {
  constexpr size_t kMostStored = 0xFFFF;
  std::string out("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
  for (size_t at = 0; at == 0 || at < bytes.size(); at += kMostStored) {
    std::string_view block = bytes.substr(at, kMostStored);
    out.push_back(at + block.size() >= bytes.size() ? '\1' : '\0');
    Put(&out, block.size(), 2), Put(&out, ~block.size() & kMostStored, 2);
    out += block;
  }
  Put(&out, Crc32(bytes), 4), Put(&out, bytes.size() & 0xFFFFFFFFu, 4);
  return out;
}

Result<std::string> WriteTarGz(const PackedFiles& files) {
  constexpr size_t kBlock = 512;
  std::string out;
  for (const auto& [path, file] : files) {
    if (!PutTarHeader(&out, path, file))
      return Fail(ErrorCode::kLimit, fmt::format("{} is too long a path for a tar archive", path),
                  "a ZIP archive holds it");
    out += file.bytes;
    out.append((kBlock - out.size() % kBlock) % kBlock, '\0');
    if (out.size() > 2 * kMaxSkillBytes) return TooLarge();
  }
  out.append(2 * kBlock, '\0');
  return Gzip(out);
}

}  // namespace

Result<SkillDir> ReadSkillArchive(std::string_view bytes, std::string_view fallback, Records records) {
  auto all = ArchiveReader(bytes, records).Run();
  if (!all) return all;
  std::string name(fallback);
  if (!all->files.contains(std::string(kSkillFile))) {
    std::string folder;
    for (const auto& [path, text] : all->files) {
      size_t slash = path.find('/');
      if (slash != std::string::npos && path.substr(slash + 1) == kSkillFile) {
        if (!folder.empty()) return Refused("it holds more than one skill");
        folder = path.substr(0, slash + 1);
      }
    }
    if (folder.empty())
      return Fail(ErrorCode::kInvalidInput, "the archive holds no SKILL.md at its top or in a folder of it");
    all = WithoutFolder(std::move(*all), folder);
    name = folder.substr(0, folder.size() - 1);
  } else if (auto own = ReadFrontMatter(all->files.at(std::string(kSkillFile))).Text("name")) {
    if (IsFileNameSafe(*own)) name = *own;
  }
  if (!IsFileNameSafe(name)) return Refused("its folder's name cannot be a skill's");
  all->name = std::move(name);
  return all;
}

Result<std::string> WriteSkillArchive(const SkillDir& skill, Records records, ArchiveFormat format) {
  PackedFiles files;
  for (const auto& [path, bytes] : skill.files) {
    if (!IsConfinedPath(path))
      return Fail(ErrorCode::kInvalidInput, fmt::format("{} is not a path inside a skill", path));
    if (IsLeftOut(path, records)) continue;
    files.emplace(fmt::format("{}/{}", skill.name, path), PackedFile{bytes, skill.executable.contains(path)});
  }
  return format == ArchiveFormat::kZip ? WriteZip(files) : WriteTarGz(files);
}

bool LooksLikeArchive(std::string_view bytes) {
  constexpr size_t kTarMagic = 257;
  return bytes.starts_with("PK\x03\x04") || bytes.starts_with("PK\x05\x06") ||
         bytes.starts_with("\x1f\x8b") ||
         (bytes.size() > kTarMagic && bytes.substr(kTarMagic).starts_with("ustar"));
}

}  // namespace clawtrace::skill
