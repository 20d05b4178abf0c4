#include "llm/server_events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace clawtrace::llm {
namespace {

using testing::ElementsAre;

std::vector<std::string> EventsOf(std::string_view bytes, size_t piece) {
  std::vector<std::string> out;
  ServerEvents events([&](std::string_view event, std::string_view data) {
    out.push_back(std::string(event) + "|" + std::string(data));
  });
  for (size_t at = 0; at < bytes.size(); at += piece) events.Feed(bytes.substr(at, piece));
  return out;
}

TEST(ServerEvents, AreTheSameHoweverTheyAreCut) {
  constexpr std::string_view kBytes =
      "\xEF\xBB\xBF"
      ": a comment\n"
      "event: one\ndata: {\"a\":\ndata:1}\nid: 7\nretry: 5\n\n"
      "data: two\r\n\r\n"
      "event: no data\n\n"
      "data\rdata:  x\r\r"
      "data: never ended\n";
  for (size_t piece = 1; piece <= kBytes.size(); ++piece)
    EXPECT_THAT(EventsOf(kBytes, piece), ElementsAre("one|{\"a\":\n1}", "|two", "|\n x")) << piece;
}

}  // namespace
}  // namespace clawtrace::llm
