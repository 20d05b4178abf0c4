#include <fmt/core.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "base/http_client.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/inputs.h"
#include "cli/table.h"
#include "cli/verify_session.h"

namespace clawtrace::cli {
namespace {

constexpr Flag kFlags[] = {
    {"--key", "KEY",
     "key with roles ingest and read (admin: the session is removed afterwards); else "
     "$CLAWTRACE_KEY",
     FlagKind::kValue},
    {"--seed", "N", "makes the same session again; the time when not given", FlagKind::kValue},
    {"--keep", "", "leave the session in the collector", FlagKind::kSwitch},
    {"--ca", "FILE", "PEM of an authority to trust besides the system's", FlagKind::kPath},
    kPricesFlag,
};

constexpr auto kPatience = std::chrono::seconds(30);

class Collector {
 public:
  Collector(std::string url, std::string key, std::string ca)
      : url_(std::move(url)), key_(std::move(key)), client_(std::move(ca)) {
    while (url_.ends_with('/')) url_.pop_back();
  }

  Result<HttpReply> Ask(std::string method, const std::string& path, std::string body = {}) {
    HttpCall call{.method = std::move(method), .url = url_ + path, .headers = {}, .body = std::move(body)};
    if (!call.body.empty()) call.headers.emplace_back("Content-Type", "application/json");
    if (!key_.empty()) call.headers.emplace_back("Authorization", "Bearer " + key_);
    return client_.Send(call);
  }

  // The body of an answer 200, anything else as an error.
  Result<std::string> Get(const std::string& path) {
    auto reply = Ask("GET", path);
    if (!reply) return std::unexpected(std::move(reply.error()));
    if (reply->status != 200)
      return Fail(ErrorCode::kUnavailable,
                  fmt::format("GET {}: {} {}", path, reply->status, PrefixUtf8(reply->body, 300)));
    return std::move(reply->body);
  }

 private:
  std::string url_, key_;
  HttpClient client_;
};

class Check {
 public:
  Check(const World& world, Collector* collector, const VerifySession& session)
      : world_(world), collector_(*collector), session_(session) {}

  // false: could not even ask.
  Status Run() {
    CT_RETURN_IF_ERROR(Write());
    CT_RETURN_IF_ERROR(ReadCard());
    CT_RETURN_IF_ERROR(ReadList());
    CT_RETURN_IF_ERROR(ReadReport());
    return Search();
  }
  bool good() const { return good_; }

 private:
  void Tell(std::string_view what, const std::vector<std::string>& differences) {
    *world_.out << (differences.empty() ? "ok    " : "FAIL  ") << what << "\n";
    for (const std::string& difference : differences)
      *world_.out << "      " << Printable(difference) << "\n";
    good_ = good_ && differences.empty();
  }

  Status Write() {
    for (const std::string& body : session_.bodies) {
      auto reply = collector_.Ask("POST", "/v1/traces", body);
      if (!reply) return std::unexpected(std::move(reply.error()));
      if (reply->status == 401 || reply->status == 403)
        return Fail(ErrorCode::kInvalidInput,
                    fmt::format("the collector wants another key ({})", reply->status),
                    "--key KEY or CLAWTRACE_KEY; clawtrace key add makes one");
      if (reply->status != 200 || Contains(reply->body, "rejected")) {
        Tell("writing", {fmt::format("{} {}", reply->status, PrefixUtf8(reply->body, 300))});
        return {};
      }
    }
    Tell(
        fmt::format("writing: {} requests with {} steps", session_.bodies.size(), session_.card.steps.size()),
        {});
    return {};
  }

  Status ReadCard() {
    auto text = collector_.Get("/api/v1/sessions/" + session_.id + "/card?form=full");
    if (!text) return std::unexpected(std::move(text.error()));
    auto card = DecodeCard(*text, "the collector's card");
    if (!card) return std::unexpected(std::move(card.error()));
    if (card->price_book != session_.card.price_book)
      *world_.err << fmt::format(
          "clawtrace: the collector prices by {}, this program by {}: no amounts are compared\n",
          Printable(card->price_book), session_.card.price_book);
    Tell("card, step by step", CompareCards(session_.card, *card));
    return {};
  }

  Status ReadList() {
    auto text = collector_.Get("/api/v1/sessions?agent=" + session_.agent);
    if (!text) return std::unexpected(std::move(text.error()));
    JsonParser parser;
    auto json = parser.Parse(*text);
    if (!json) return std::unexpected(std::move(json.error()));
    Json row = (*json)["sessions"].at(0);
    std::vector<std::string> differences;
    if ((*json)["sessions"].size() != 1 || row["session_id"].text() != session_.id)
      differences.push_back(fmt::format("{} sessions of this agent", (*json)["sessions"].size()));
    else if (row["llm_call_count"].integer() != session_.card.llm_call_count)
      differences.push_back(fmt::format("{} calls", row["llm_call_count"].integer().value_or(-1)));
    Tell("list of sessions", differences);
    return {};
  }

  Status ReadReport() {
    auto text = collector_.Get("/api/v1/report?by=agent");
    if (!text) return std::unexpected(std::move(text.error()));
    JsonParser parser;
    auto json = parser.Parse(*text);
    if (!json) return std::unexpected(std::move(json.error()));
    std::vector<std::string> differences = {"no row of this agent"};
    (*json)["rows"].ForEachItem([&](Json row) {
      if (row["key"].text() != session_.agent) return;
      differences.clear();
      if (row["llm_call_count"].integer() != session_.card.llm_call_count)
        differences.push_back(fmt::format("{} calls", row["llm_call_count"].integer().value_or(-1)));
      if (row["tokens"]["output"].integer() != session_.card.total_tokens->output)
        differences.push_back(
            fmt::format("{} tokens of output", row["tokens"]["output"].integer().value_or(-1)));
    });
    Tell("report", differences);
    return {};
  }

  // Texts are indexed behind the commit, which may take a moment.
  Status Search() {
    auto until = std::chrono::steady_clock::now() + kPatience;
    while (true) {
      auto text = collector_.Get("/api/v1/search?q=" + session_.word);
      if (!text) return std::unexpected(std::move(text.error()));
      JsonParser parser;
      auto json = parser.Parse(*text);
      if (!json) return std::unexpected(std::move(json.error()));
      bool found = false, other = false;
      (*json)["hits"].ForEachItem(
          [&](Json hit) { (hit["session_id"].text().starts_with(session_.id) ? found : other) = true; });
      bool waits = (*json)["not_indexed_yet"].integer().value_or(0) > 0;
      if (!found && waits && std::chrono::steady_clock::now() < until) {
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
        continue;
      }
      Tell("search", found && !other ? std::vector<std::string>{}
                                     : std::vector<std::string>{fmt::format(
                                           "{} {}", session_.word,
                                           found ? "is in another session too" : "is not found")});
      return {};
    }
  }

  const World& world_;
  Collector& collector_;
  const VerifySession& session_;
  bool good_ = true;
};

int Run(const Arguments& arguments, const World& world) {
  if (arguments.positional.size() != 1)
    return Report(world, {ErrorCode::kInvalidInput, "verify needs the address of one collector",
                          "such as clawtrace verify http://127.0.0.1:4318"});
  auto book = LoadPrices(arguments, world);
  if (!book) return Report(world, book.error());
  auto now = std::chrono::system_clock::now().time_since_epoch();
  int64_t seed = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
  if (arguments.Has("--seed")) {
    auto given = ParseInt(arguments.Value("--seed"));
    if (!given || *given < 0)
      return Report(world, {ErrorCode::kInvalidInput,
                            fmt::format("--seed {} is no number", arguments.Value("--seed")), "0 or above"});
    seed = *given;
  }
  VerifySession session = MakeVerifySession(static_cast<uint64_t>(seed), *book);
  std::string key = arguments.Value("--key");
  if (const char* variable = std::getenv("CLAWTRACE_KEY"); key.empty() && variable) key = variable;
  Collector collector(arguments.positional.front(), key, arguments.Value("--ca"));
  Check check(world, &collector, session);
  if (auto done = check.Run(); !done) return Report(world, done.error());
  if (!arguments.Has("--keep")) {
    auto removed = collector.Ask("DELETE", "/api/v1/sessions/" + session.id);
    if (!removed || removed->status != 200)
      *world.err << fmt::format("clawtrace: session {} stays in the collector: the key may not remove it\n",
                                session.id);
  }
  return check.good() ? kDone : kNo;
}

}  // namespace

extern const Command kVerify;
const Command kVerify = {
    .name = "verify",
    .summary = "write a session to a running collector, read it back and compare",
    .usage = "verify URL [--key KEY] [--seed N] [--keep] [--ca FILE] [--prices FILE]",
    .details =
        "Sends a made-up session in pieces, out of order and with a repetition, as an OpenTelemetry exporter "
        "would, then asks for its card, the list, the report and a search, and compares them with what this "
        "program makes of the same bytes. Exit 1: something differs, and what.",
    .flags = kFlags,
    .positional_paths = false,
    .run = Run,
};

}  // namespace clawtrace::cli
