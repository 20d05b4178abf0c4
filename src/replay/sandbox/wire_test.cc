#include "replay/sandbox/wire.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstring>

#include "replay/sandbox/open_file.h"

namespace clawtrace::replay {
namespace {

Reply Sample() {
  Reply reply;
  reply.result = {.how = Ended::kTimedOut,
                  .exit_code = 137,
                  .output = std::string("a\0\xff", 3),
                  .output_bytes = 5,
                  .final_cwd = "/x",
                  .left_running = 2,
                  .limit = "wall",
                  .error = {},
                  .wall_ns = 7};
  reply.tree["a"] = {.kind = 'l', .mode = 0777, .hash = ~uint64_t{0}, .size = 3};
  return reply;
}

TEST(Wire, WhatIsSentArrives) {
  auto reply = DecodeReply(Encode(Result<Reply>(Sample())));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->tree, Sample().tree);
  EXPECT_EQ(reply->result.output, Sample().result.output);
  EXPECT_EQ(reply->result.how, Ended::kTimedOut);
  EXPECT_EQ(reply->result.wall_ns, 7);
  auto error = DecodeReply(Encode(Result<Reply>(Fail(ErrorCode::kLimit, "too much", "less"))));
  ASSERT_FALSE(error);
  EXPECT_EQ(error.error().code, ErrorCode::kLimit);
  EXPECT_EQ(error.error().message, "too much");
  EXPECT_EQ(error.error().hint, "less");
}

TEST(Wire, WhatIsCutOrLongerIsAnError) {
  std::string bytes = Encode(Result<Reply>(Sample()));
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_EQ(DecodeReply(bytes.substr(0, size)).error().code, ErrorCode::kCorruptData) << size;
  EXPECT_EQ(DecodeReply(bytes + "x").error().code, ErrorCode::kCorruptData);
}

TEST(Wire, NoLengthIsBelieved) {
  std::string bytes = Encode(Result<Reply>(Sample()));
  int64_t huge[] = {-1, INT64_MAX, int64_t{1} << 40};
  for (size_t at = 0; at + sizeof(int64_t) <= bytes.size(); ++at)
    for (int64_t length : huge) {
      std::string changed = bytes;
      std::memcpy(changed.data() + at, &length, sizeof(length));
      auto reply = DecodeReply(changed);  // either is right; memory for it is not taken
      if (reply) EXPECT_LE(reply->result.output.size(), bytes.size());
    }
}

TEST(Wire, EnumsHaveTheirValuesOnly) {
  std::string bytes = Encode(Result<Reply>(Sample()));
  int64_t how = 4;
  std::memcpy(bytes.data() + sizeof(int64_t), &how, sizeof(how));
  EXPECT_EQ(DecodeReply(bytes).error().code, ErrorCode::kCorruptData);
}

TEST(Wire, FramesThatAreTooLargeOrLateOrCutAreErrors) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  OpenFile here(ends[0]), there(ends[1]);
  ASSERT_TRUE(SendFrame(here.get(), "hello"));
  EXPECT_EQ(*ReceiveFrame(there.get(), 5, 1000), "hello");
  EXPECT_EQ(ReceiveFrame(there.get(), 5, 10).error().code, ErrorCode::kUnavailable);
  ASSERT_TRUE(SendFrame(here.get(), "hello!"));
  EXPECT_EQ(ReceiveFrame(there.get(), 5, 1000).error().code, ErrorCode::kLimit);
  here.Close();
  EXPECT_EQ(ReceiveFrame(there.get(), 1 << 20, 1000).error().code, ErrorCode::kIo);
  EXPECT_EQ(SendFrame(there.get(), "x").error().code, ErrorCode::kIo);
}

}  // namespace
}  // namespace clawtrace::replay
