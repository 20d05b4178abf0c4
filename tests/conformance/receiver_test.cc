// The battery: what every receiver must do with the recorded requests of its protocol and with damaged ones.
// A new receiver is in it as soon as it is in receivers.def and Requests() knows its recordings.
#include "capture/receiver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <set>

#include "base/file.h"
#include "base/text.h"
#include "capture/importer.h"
#include "conformance/mutate.h"
#include "model/session.h"
#include "support/split_request.h"

namespace clawtrace::capture {
namespace {

namespace fs = std::filesystem;

struct Request {
  std::string name;
  Encoding encoding = Encoding::kJson;
  std::string body;
};

// Recordings of the source that are of this receiver's signal.
std::vector<Request> RequestsOf(const Receiver& receiver) {
  std::vector<Request> requests;
  fs::path root = fs::path(CLAWTRACE_SOURCE_DIR) / "tests/golden" / receiver.source;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    std::string name = entry.path().filename();
    if (!entry.is_regular_file() || name.starts_with("expected") || name.starts_with("truth")) continue;
    size_t dash = receiver.name.find('-');
    std::string_view signal = receiver.name.substr(dash + 1);
    if (receiver.source == "otlp" && name.find(signal) == std::string::npos) continue;
    std::string text = ReadFile(entry.path()).value_or("");
    if (name.ends_with(".jsonl") && receiver.source == "otlp") {
      int line = 0;
      for (std::string_view body : Split(Trim(text), '\n'))
        requests.push_back({name + ":" + std::to_string(++line), Encoding::kJson, std::string(body)});
    } else {
      requests.push_back({name, name.ends_with(".pb") ? Encoding::kProtobuf : Encoding::kJson, text});
    }
  }
  std::ranges::sort(requests, {}, &Request::name);
  return requests;
}

std::vector<Request> ItemsOf(const Receiver& receiver, const Request& request) {
  std::vector<std::string> bodies;
  JsonParser parser;
  if (receiver.source != "otlp") {
    for (std::string_view line : Split(Trim(request.body), '\n')) bodies.emplace_back(line);
  } else if (request.encoding == Encoding::kProtobuf) {
    bodies = test::SplitOtlpProtobuf(request.body);
  } else {
    bodies = test::SplitOtlpJson(*parser.Parse(request.body));
  }
  std::vector<Request> items;
  for (std::string& body : bodies) items.push_back({request.name, request.encoding, std::move(body)});
  return items;
}

struct Seen {
  std::set<std::string> facts, texts, links;
  bool operator==(const Seen&) const = default;

  void Add(const Received& received) {
    for (const Fact& fact : received.facts) facts.insert(EncodeFact(fact));
    for (const ReceivedText& text : received.texts)
      texts.insert(text.session_id + '\0' + text.id + '\0' + text.part + '\0' + text.bytes);
    for (const ReceivedLink& link : received.links) links.insert(link.session_id + '\0' + link.other);
  }
};

struct ImporterFacts final : FactSink {
  std::set<std::string> facts;
  void Add(Fact&& fact) override { facts.insert(EncodeFact(fact)); }
  void Skip(int64_t, int64_t, std::string_view) override {}
};

class ReceiverTest : public testing::TestWithParam<const Receiver*> {
 protected:
  const Receiver& receiver() const { return *GetParam(); }
  void SetUp() override {
    requests_ = RequestsOf(receiver());
    ASSERT_FALSE(requests_.empty()) << "no recording under tests/golden/" << receiver().source;
    for (const Request& request : requests_) {
      for (Request& item : ItemsOf(receiver(), request)) items_.push_back(std::move(item));
    }
    ASSERT_GT(items_.size(), 3u);
  }
  Seen ReadAll(const std::vector<Request>& requests) {
    Seen seen;
    for (const Request& request : requests) {
      auto received = receiver().receive(request.encoding, request.body);
      EXPECT_TRUE(received) << request.name << ": " << received.error().message;
      if (received) seen.Add(*received);
    }
    return seen;
  }
  // Whatever it is: an answer, and facts that can be stored and assembled.
  void Survive(Encoding encoding, std::string_view body) {
    auto received = receiver().receive(encoding, body);
    if (!received) {
      EXPECT_FALSE(received.error().message.empty());
      EXPECT_THAT(received.error().code, testing::AnyOf(ErrorCode::kInvalidInput, ErrorCode::kLimit));
      return;
    }
    EXPECT_GE(received->items, received->rejected_items());
    for (const Fact& fact : received->facts) {
      EXPECT_EQ(fact.source, receiver().source);
      EXPECT_FALSE(fact.session_id.empty());
      auto back = DecodeFact(EncodeFact(fact));
      EXPECT_TRUE(back && *back == fact) << EncodeFact(fact);
    }
    FindImporter(receiver().source)->resolve(&received->facts);
    (void)AssembleSessions(std::move(received->facts));
  }
  std::vector<Request> requests_, items_;
};

TEST_P(ReceiverTest, GivesTheFactsOfItsImporter) {
  for (const Request& request : requests_) {
    ImporterFacts file;
    auto reader = FindImporter(receiver().source)->open({}, &file);
    reader->Feed(request.body);
    reader->Finish();
    Seen seen = ReadAll({request});
    std::erase_if(seen.facts,
                  [](const std::string& fact) { return fact.find("\"id\":\"event:") != std::string::npos; });
    EXPECT_EQ(seen.facts, file.facts) << request.name;
    EXPECT_FALSE(seen.facts.empty()) << request.name;
  }
}

TEST_P(ReceiverTest, AnySplitOrderAndRepetitionGivesTheSame) {
  Seen whole = ReadAll(requests_), parts = ReadAll(items_);
  EXPECT_EQ(parts.facts, whole.facts);
  EXPECT_EQ(parts.texts, whole.texts);
  // Items side by side may show more.
  EXPECT_TRUE(std::ranges::includes(whole.links, parts.links));
  std::mt19937 random(7);
  std::vector<Request> shuffled = items_;
  shuffled.insert(shuffled.end(), items_.begin(), items_.end());
  shuffled.insert(shuffled.end(), requests_.begin(), requests_.end());
  std::ranges::shuffle(shuffled, random);
  EXPECT_TRUE(ReadAll(shuffled) == whole);
}

TEST_P(ReceiverTest, KeepsWholeTextsUnderIdsOfResolvedFacts) {
  Seen whole = ReadAll(requests_);
  if (receiver().name == "otlp-metrics") {
    EXPECT_TRUE(whole.texts.empty());
    return;
  }
  EXPECT_FALSE(whole.texts.empty());
  std::vector<Fact> facts;
  std::set<std::string> ids, known;
  for (const Request& request : requests_) {
    auto received = receiver().receive(request.encoding, request.body);
    ASSERT_TRUE(received);
    for (Fact& fact : received->facts) facts.push_back(std::move(fact));
    for (const ReceivedText& text : received->texts) ids.insert(text.id);
  }
  FindImporter(receiver().source)->resolve(&facts);
  for (const Fact& fact : facts) {
    known.insert(fact.id);
    if (fact.llm) known.insert(fact.llm->aliases.begin(), fact.llm->aliases.end());
  }
  size_t found = 0;
  for (const std::string& id : ids) found += known.contains(id);
  // Wrappers around a call, and events that a span told before them, give no fact of their own.
  EXPECT_GE(found * 2, ids.size());
}

TEST_P(ReceiverTest, EmptyRequestsHoldNothing) {
  if (receiver().source != "otlp") return;  // a body without an event is none in this protocol
  for (std::string_view body : {"", "{}", " \n"}) {
    auto received = receiver().receive(Encoding::kJson, body);
    ASSERT_TRUE(received) << body;
    EXPECT_EQ(received->items, 0);
    EXPECT_EQ(received->Message("spans"), "");
  }
  auto received = receiver().receive(Encoding::kProtobuf, "");
  ASSERT_TRUE(received);
  EXPECT_TRUE(received->facts.empty());
  EXPECT_EQ(received->Message("spans"), "");
}

TEST_P(ReceiverTest, RequestsOfNothingItKnowsAreTakenWithAWarning) {
  if (receiver().source != "otlp") return;
  for (auto [encoding, body] : {std::pair(Encoding::kJson, std::string_view("{\"unknown\":[1,{}]}")),
                                {Encoding::kProtobuf, std::string_view("\x12\x01x")}}) {
    auto received = receiver().receive(encoding, body);
    ASSERT_TRUE(received) << body;
    EXPECT_EQ(received->items, 0);
    EXPECT_EQ(received->Message("spans"), "used with changes: nothing-of-this-signal (1)");
  }
}

TEST_P(ReceiverTest, WhatIsNoRequestIsRefusedWhole) {
  for (std::string_view body :
       {"{", "[1]", "7", "\"x\"", "{\"resourceSpans\":7,\"resourceLogs\":7,\"resourceMetrics\":7}", "nul",
        "{\"a\":1}}",
        "\x0b"
        "4"}) {
    auto received = receiver().receive(Encoding::kJson, body);
    if (received && receiver().source != "otlp") {
      EXPECT_EQ(received->rejected_items(), received->items) << body;
      EXPECT_GT(received->items, 0) << body;
      continue;
    }
    EXPECT_FALSE(received) << body;
  }
  if (!receiver().protobuf) return;
  for (const Request& request : requests_) {
    if (request.encoding != Encoding::kProtobuf) continue;
    EXPECT_FALSE(receiver().receive(Encoding::kProtobuf, request.body.substr(0, request.body.size() - 1)));
    EXPECT_FALSE(receiver().receive(Encoding::kProtobuf, request.body + "\x0a"));
    EXPECT_FALSE(receiver().receive(Encoding::kProtobuf, request.body + std::string("\x0a\x02\x12\x05", 4)));
  }
}

TEST_P(ReceiverTest, SurvivesTruncation) {
  for (const Request& request : requests_) {
    size_t step = std::max<size_t>(1, request.body.size() / 60) | 1;
    for (size_t end = 0; end < request.body.size(); end += step)
      Survive(request.encoding, std::string_view(request.body).substr(0, end));
  }
}

TEST_P(ReceiverTest, SurvivesDamagedBytes) {
  std::mt19937 random(5);
  for (const Request& item : items_) {
    for (int round = 0; round < 8; ++round) {
      std::string body = item.body;
      for (int i = 0; i < 3; ++i) body[random() % body.size()] = "\0\xff\xc3\"{}[]\n,:0-"[random() % 13];
      Survive(item.encoding, body);
      Survive(item.encoding == Encoding::kJson ? Encoding::kProtobuf : Encoding::kJson, body);
    }
  }
}

TEST_P(ReceiverTest, SurvivesWrongTypes) {
  std::string deep = std::string(600, '[') + std::string(600, ']');
  std::mt19937 random(9);
  std::set<std::string> seen;
  int tried = 0;
  for (const Request& item : items_) {
    if (item.encoding != Encoding::kJson) continue;
    for (const test::JsonSpot& spot : test::JsonSpots::Of(item.body)) {
      if (!seen.insert(spot.path).second || tried > 600) continue;
      for (std::string_view stranger :
           std::vector<std::string_view>{"null", "7", "-1.5", "\"x\"", "[]", "{}", "true", deep}) {
        Survive(Encoding::kJson, test::Replaced(item.body, spot, std::string(stranger)));
        ++tried;
      }
    }
  }
}

TEST_P(ReceiverTest, CountsAndNestingHaveLimits) {
  std::string many;
  if (receiver().source == "otlp") {
    std::string span = test::Field(2, "");
    std::string spans;
    for (int i = 0; i < 100'001; ++i) spans += span;
    many = test::Field(1, test::Field(2, spans));
    if (receiver().name == "otlp-metrics") return;  // a metric without points is no item
    auto received = receiver().receive(Encoding::kProtobuf, many);
    ASSERT_FALSE(received);
    EXPECT_EQ(received.error().code, ErrorCode::kLimit);
    std::string nested = test::Field(1, "x");
    for (int i = 0; i < 2000; ++i) nested = test::Field(5, test::Field(1, nested));
    Survive(Encoding::kProtobuf,
            test::Field(1, test::Field(2, test::Field(2, test::Field(9, test::Field(2, nested))))));
    return;
  }
  many = "[";
  for (int i = 0; i < 100'001; ++i) many += "{},";
  many += "{}]";
  auto received = receiver().receive(Encoding::kJson, many);
  ASSERT_FALSE(received);
  EXPECT_EQ(received.error().code, ErrorCode::kLimit);
}

INSTANTIATE_TEST_SUITE_P(Receivers, ReceiverTest, testing::ValuesIn(Receivers()), [](const auto& param) {
  std::string name(param.param->name);
  std::ranges::replace(name, '-', '_');
  return name;
});

// One bad id among good ones: that span alone is refused, with its reason.
TEST(OtlpReceiverTest, OneBadIdIsPartial) {
  std::string body =
      R"({"resourceSpans":[{"scopeSpans":[{"spans":[)"
      R"({"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B174","name":"a"},)"
      R"({"traceId":"00000000000000000000000000000000","spanId":"EEE19B7EC3C1B174","name":"b"},)"
      R"({"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"xyz","name":"c"}]}]}]})";
  auto received = FindReceiver("otlp-traces")->receive(Encoding::kJson, body);
  ASSERT_TRUE(received) << received.error().message;
  EXPECT_EQ(received->items, 3);
  EXPECT_EQ(received->rejected_items(), 2);
  ASSERT_EQ(received->facts.size(), 1u);
  EXPECT_EQ(received->facts[0].session_id, "5b8efff798038103d269b633813fc60c");
  EXPECT_EQ(received->Message("spans"), "2 spans rejected: bad-span-id (2)");
}

// The fields of a log record have the numbers of a span's: nothing of it may be taken for one.
TEST(OtlpReceiverTest, LogsPostedAsSpansAreNoSpans) {
  std::string logs =
      ReadFile(fs::path(CLAWTRACE_SOURCE_DIR) / "tests/golden/otlp/claude-code-pb/002-logs.pb").value_or("");
  ASSERT_FALSE(logs.empty());
  auto received = FindReceiver("otlp-traces")->receive(Encoding::kProtobuf, logs);
  if (received) {
    EXPECT_TRUE(received->facts.empty());
    EXPECT_EQ(received->rejected_items(), received->items);
  }
}

TEST(OpenClawReceiverTest, EachEventLeavesAReceiptOnce) {
  std::string event =
      R"({"schemaVersion":1,"agentId":"a","event":{"eventId":"e1","eventType":"subagent_join","traceId":"t","spanId":"s",)"
      R"("parentSpanId":null,"tsMs":1795229485719,"payload":null}})";
  auto received = FindReceiver("openclaw-events")->receive(Encoding::kJson, event);
  ASSERT_TRUE(received) << received.error().message;
  ASSERT_EQ(received->facts.size(), 1u);
  EXPECT_EQ(received->facts[0].id, "event:e1");
  FindImporter("openclaw-plugin")->resolve(&received->facts);
  EXPECT_TRUE(received->facts.empty());
}

}  // namespace
}  // namespace clawtrace::capture
