#pragma once
// How a workplace and the process that does its work talk: frames over a socket, each a request or its
// reply. What comes out of a sandbox is untrusted: every length is checked before memory is taken for it.
// Nothing here keeps state; a socket is used by one thread at a time.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "replay/sandbox/open_file.h"
#include "replay/workplace.h"

namespace clawtrace::replay {

// The first frame: all that the process needs to know.
struct Setup {
  bool isolated = true;
  WorkplaceOptions options;  // with the whole environment
  std::string scratch;       // not isolated: folder of its own, with "home" and "tmp"
};

// kHold: the workspace's folder itself follows the reply, by SendFile.
enum class RequestKind : uint8_t { kRun = 1, kRead, kWrite, kRemove, kTree, kHold };

struct Request {
  RequestKind action = RequestKind::kRun;
  Command command;    // kRun
  std::string path;   // kRead, kWrite, kRemove
  std::string bytes;  // kWrite
};

// What a request gave; of the three the one that it asks for.
struct Reply {
  CommandResult result;
  std::string bytes;
  Tree tree;
};

// Decoding fails with kCorruptData on anything but what Encode makes.
std::string Encode(const Setup& setup);
std::string Encode(const Request& request);
std::string Encode(const Result<Reply>& reply);
Result<Setup> DecodeSetup(std::string_view bytes);
Result<Request> DecodeRequest(std::string_view bytes);
Result<Reply> DecodeReply(std::string_view bytes);  // the error that was sent, too

// Blocks until all is written. Errors: kIo.
Status SendFrame(int socket, std::string_view bytes);
// Errors: kIo (the other side has gone), kLimit (more than max_bytes), kUnavailable (not whole within
// wait_ms; -1 waits for ever). After an error the socket is of no further use.
Result<std::string> ReceiveFrame(int socket, uint64_t max_bytes, int64_t wait_ms);

// An open file, given to the other side. Errors: kIo (the other side has gone, or sends none), kUnavailable.
Status SendFile(int socket, int file);
Result<OpenFile> ReceiveFile(int socket, int64_t wait_ms);

}  // namespace clawtrace::replay
