#pragma once
// A skill as one file: a ZIP or tar.gz archive with a folder NAME/ that holds SKILL.md, as the Agent Skills
// tools exchange them. Reading wraps libarchive; what comes in is as untrusted as anything from the network.
#include <string>
#include <string_view>

#include "base/result.h"
#include "skill/skill.h"

namespace clawtrace::skill {

// Our own records, .clawtrace/.
enum class Records { kStrip, kKeep };

// Everything of the archive below the one folder that holds SKILL.md, or its root; name is that of the
// folder, else that of the front matter, else fallback. Refused: paths that lead out, links and other things
// that are no files, encrypted entries, one path twice, more than kMaxFiles files, a file above kMaxFileBytes
// or kMaxSkillBytes in all (after decompression). Version control folders and __MACOSX are left out, and
// .clawtrace unless it is kept: records of others vouch for nothing here.
Result<SkillDir> ReadSkillArchive(std::string_view bytes, std::string_view fallback, Records records);

enum class ArchiveFormat { kZip, kTarGz };

// Stored without compression, in order of paths, every time stamp 1980-01-01: the same skill gives the same
// bytes anywhere. kLimit: too large, or a path too long for a tar (100 bytes, 155 more before a '/').
Result<std::string> WriteSkillArchive(const SkillDir& skill, Records records,
                                      ArchiveFormat format = ArchiveFormat::kZip);

// By its first bytes: ZIP, gzip or tar.
bool LooksLikeArchive(std::string_view bytes);

}  // namespace clawtrace::skill
