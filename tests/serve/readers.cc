// Clients that do not take what they asked for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serve/live_server.h"

namespace clawtrace {
namespace {

using test::Eventually;
using test::HttpClient;
using test::LiveServer;
using testing::HasSubstr;

constexpr size_t kLarge = size_t{2} << 20;
constexpr std::string_view kTrace = "cccccccccccccccccccccccccccccccc";
constexpr std::string_view kPath =
    "/api/v1/sessions/cccccccccccccccccccccccccccccccc/payloads/c1c1c1c1c1c1c1c1?part=large";

// A span with an attribute of that size, which is stored whole.
void StoreLarge(LiveServer& live, size_t size = kLarge) {
  std::string span = test::SpanJson("c1c1c1c1c1c1c1c1", kTrace), text;
  for (int i = 0; text.size() < size; ++i) text += std::to_string(i) + ' ';
  span.insert(span.find(R"({"key":"gen_ai.operation)"),
              R"({"key":"large","value":{"stringValue":")" + text + R"("}},)");
  ASSERT_EQ(live.Post("/v1/traces", "application/json", span).status, 200);
  ASSERT_GT(test::Call(live.port(), "GET", kPath, {}).body.size(), size - 10);
  ASSERT_TRUE(Eventually([&] { return live.answers().used() == 0; }));
}

// Frames of HTTP/2, written by hand: the library would read.
std::string Frame(char type, char flags, char stream, std::string_view payload) {
  std::string frame = {'\0',
                       static_cast<char>(payload.size() >> 8),
                       static_cast<char>(payload.size()),
                       type,
                       flags,
                       '\0',
                       '\0',
                       '\0',
                       stream};
  return frame + std::string(payload);
}
std::string Field(std::string_view name, std::string_view value) {
  std::string field = {'\0', static_cast<char>(name.size())};
  field += name;
  field += static_cast<char>(value.size());
  return field + std::string(value);
}
std::string Get(char stream) {
  constexpr char kHeaders = 1, kEndStreamAndHeaders = 5;
  return Frame(kHeaders, kEndStreamAndHeaders, stream,
               Field(":method", "GET") + Field(":scheme", "http") + Field(":path", kPath) +
                   Field(":authority", "localhost"));
}
constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr char kSettings = 4, kWindowUpdate = 8;
constexpr std::string_view kMost("\x7f\xff\xff\xff", 4), kMore("\x7f\xff\0\0", 4);

TEST(Readers, LargeAnswersAreBounded) {
  constexpr size_t kHuge = size_t{9} << 20;  // more than sockets take
  LiveServer live({.answers = 3 * kHuge});
  StoreLarge(live, kHuge);
  std::vector<std::unique_ptr<HttpClient>> slow;
  for (int i = 0; i < 8; ++i) {
    slow.push_back(std::make_unique<HttpClient>(live.port(), 4096));
    ASSERT_TRUE(slow.back()->Send(test::HttpHead("GET", kPath, {})));
  }
  int served = 0, refused = 0;
  for (auto& client : slow) {
    auto answer = client->Read(20'000, true);
    served += answer.status == 200;
    if (answer.status != 503) continue;
    ++refused;
    EXPECT_EQ(answer.Header("content-type"), "application/problem+json");
    EXPECT_FALSE(answer.Header("retry-after").empty());
  }
  EXPECT_GT(served, 0);
  EXPECT_GT(refused, 0);
  EXPECT_EQ(served + refused, 8);
  EXPECT_LE(live.answers().used(), 3 * kHuge);
  EXPECT_EQ(test::Call(live.port(), "GET", "/api/v1/sessions", {}).status, 200) << "a small one";
  EXPECT_EQ(live.Post("/v1/traces", "application/json", test::SpanJson("d1d1d1d1d1d1d1d1")).status, 200);
  slow.clear();
  EXPECT_TRUE(Eventually([&] { return live.answers().used() == 0; }));
  EXPECT_EQ(test::Call(live.port(), "GET", kPath, {}).status, 200);
}

TEST(Readers, StreamsThatNobodyReadsEnd) {
  LiveServer live({.body_ms = 300, .slowest = size_t{1} << 30});
  StoreLarge(live);
  HttpClient client(live.port());
  ASSERT_TRUE(client.Send(std::string(kPreface) + Frame(kSettings, 0, 0, "") + Get(1) + Get(3) + Get(5)));
  ASSERT_TRUE(Eventually([&] { return live.answers().used() > 2 * kLarge; }));
  EXPECT_TRUE(Eventually([&] { return live.answers().used() == 0; }, 5'000));
  EXPECT_EQ(live.server().counts().timeouts, 3);
}

// All windows are open, it is the connection that stands still.
TEST(Readers, ConnectionsThatNobodyReadsEnd) {
  LiveServer live({.body_ms = 300, .slowest = size_t{1} << 30});
  StoreLarge(live);
  HttpClient client(live.port(), 4096);
  std::string window = std::string("\0\4", 2) + std::string(kMost);
  std::string all =
      std::string(kPreface) + Frame(kSettings, 0, 0, window) + Frame(kWindowUpdate, 0, 0, kMore);
  for (int i = 0; i < 20; ++i) all += Get(static_cast<char>(2 * i + 1));
  ASSERT_TRUE(client.Send(all));
  ASSERT_TRUE(Eventually([&] { return live.answers().used() > 2 * kLarge; }));
  EXPECT_TRUE(Eventually([&] { return live.answers().used() == 0; }, 10'000));
  EXPECT_TRUE(client.Closed(5'000));
}

}  // namespace
}  // namespace clawtrace
