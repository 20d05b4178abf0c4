#pragma once
// Provider traffic on a file: what was asked and answered once is answered again without a network. One JSON
// object a line: {"hash","provider","path","request","status","response"}, or "error" with what failed in the
// place of the last two. Holds texts of the session, never a key. Readable by its owner alone.
#include <memory>
#include <string>

#include "base/result.h"
#include "llm/transport.h"

namespace clawtrace::llm {

// Beyond it a cassette is not read: kLimit.
inline constexpr uint64_t kMostCassetteBytes = uint64_t{1} << 30;

// What tells requests apart: SHA-256 of provider, path and body.
std::string RequestHash(const Provider& provider, const WireRequest& request);

// Passes on to inner and writes each answer down before it is returned. kAlreadyExists when there is such a
// file, kIo when it cannot be made. An answer that cannot be written down is an error of the call.
Result<std::unique_ptr<Transport>> RecordTo(const std::string& path, const Provider& provider,
                                            std::unique_ptr<Transport> inner);

// Answers from the file only: equal requests in the order in which they were recorded, each answer once; a
// request that it does not hold is kCassetteMiss. kCorruptData names the line that is no record.
Result<std::unique_ptr<Transport>> ReplayFrom(const std::string& path, const Provider& provider);

}  // namespace clawtrace::llm
