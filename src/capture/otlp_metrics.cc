// Token and cost counters. They are sums over calls that spans, events or logs tell one by one, so they are
// never billed: they only show whether all calls have come.
#include <algorithm>
#include <tuple>

#include "capture/otlp_tree.h"
#include "capture/sessions.h"

namespace clawtrace::capture {
namespace {

using Kind = SpanRecord::Kind;

constexpr int64_t kSlackNs = int64_t{60} * 1'000'000'000;  // a counter may begin after the calls it counts
constexpr int64_t kMaxSum = int64_t{1} << 57;

struct Interval {
  int64_t start = INT64_MAX, end = INT64_MIN;
  void Add(std::optional<int64_t> time) {
    if (time) start = std::min(start, *time), end = std::max(end, *time);
  }
};

size_t RootOf(const std::vector<SpanSession>& sessions, size_t at) {
  for (int step = 0; sessions[at].parent >= 0 && step < 2 * kMaxAgentDepth; ++step)
    at = static_cast<size_t>(sessions[at].parent);
  return at;
}

std::vector<Interval> TimesOf(const SpanTree& tree, const std::vector<SpanSession>& sessions) {
  std::vector<Interval> times(sessions.size());
  for (const SpanNode& node : tree.nodes) {
    if (node.session < 0 || (node.span.kind != Kind::kLlm && node.span.kind != Kind::kTool)) continue;
    Interval& time = times[RootOf(sessions, static_cast<size_t>(node.session))];
    time.Add(node.span.start_ns), time.Add(node.span.end_ns);
  }
  return times;
}

// Counters of one conversation, or of one client that does not say which.
struct Counter {
  Interval time;
  // (metric, bucket, series, start, end of the window or 0 when cumulative) -> largest value
  std::map<std::tuple<std::string, std::string, std::string, int64_t, int64_t>, int64_t> values;
};

// A client's own counters count before OpenTelemetry's, which repeat them.
std::map<std::string, int64_t> TotalsOf(const Counter& counter) {
  std::map<std::string, int64_t> own, standard;
  for (const auto& [key, value] : counter.values) {
    auto& totals = std::get<0>(key).starts_with("gen_ai.") ? standard : own;
    int64_t& total = totals[std::get<1>(key)];
    total = std::min(total + value, kMaxSum);
  }
  bool tokens = std::ranges::any_of(own, [](const auto& part) { return part.first != "cost"; });
  if (!tokens) own.insert(standard.begin(), standard.end());
  return own;
}

void Give(const Counter& counter, SpanSession* session) {
  session->metrics = TotalsOf(counter);
  session->metrics_start_ns = counter.time.start, session->metrics_end_ns = counter.time.end;
}

void AddSession(std::string id, const std::string& conversation, const std::string& agent,
                const Counter& counter, std::vector<SpanSession>* sessions) {
  SpanSession& session = sessions->emplace_back();
  session.id = std::move(id), session.conversation = conversation, session.agent = agent;
  Give(counter, &session);
}

bool Disagree(int64_t a, int64_t b) { return std::abs(a - b) > std::max(a, b) / 100; }

int64_t Part(const SpanSession& session, const std::string& bucket) {
  auto found = session.metrics.find(bucket);
  return found == session.metrics.end() ? 0 : found->second;
}

// Claude Code counts cached tokens beside the input, Gemini CLI thoughts beside the output.
Usage UsageOf(const SpanSession& session) {
  Usage usage;
  usage.uncached_input = Part(session, "input") + Part(session, "tool");
  usage.cache_read = Part(session, "cache_read");
  usage.cache_write_unknown = Part(session, "cache_write");
  if (session.agent != "claude-code")
    usage.uncached_input =
        std::max<int64_t>(0, usage.uncached_input - usage.cache_read - usage.cache_write_unknown);
  usage.output = Part(session, "output") + (session.agent == "gemini-cli" ? Part(session, "thought") : 0);
  usage.reasoning = std::min(Part(session, "thought"), usage.output);
  return usage;
}

}  // namespace

void AssignMetrics(const std::vector<SpanRecord>& points, const SpanTree& tree,
                   std::vector<SpanSession>* sessions) {
  std::map<std::pair<std::string, std::string>, Counter> counters;  // by agent, conversation
  for (const SpanRecord& point : points) {
    Counter& counter = counters[{AgentOf(point), point.conversation}];
    int64_t end = point.cumulative ? 0 : point.end_ns.value_or(0);
    int64_t& value =
        counter.values[{point.name, point.call_id, point.spawned_by, point.start_ns.value_or(0), end}];
    value = std::max(value, point.amount);
    counter.time.Add(point.start_ns), counter.time.Add(point.end_ns);
  }
  if (counters.empty()) return;
  std::vector<Interval> times = TimesOf(tree, *sessions);
  size_t known = sessions->size();
  for (auto& [key, counter] : counters) {
    const auto& [agent, conversation] = key;
    std::vector<size_t> counted;
    for (size_t i = 0; i < known; ++i) {
      const SpanSession& session = (*sessions)[i];
      if (session.parent >= 0 || session.agent != agent || times[i].end == INT64_MIN) continue;
      bool same = conversation.empty()
                      ? times[i].start <= counter.time.end && times[i].end >= counter.time.start - kSlackNs
                      : session.conversation == conversation;
      if (same) counted.push_back(i);
    }
    if (counted.empty())
      AddSession(conversation.empty() ? std::string(kCountersOf) + agent : conversation, conversation, agent,
                 counter, sessions);
    else if (!conversation.empty() && counted.size() == 1)
      Give(counter, &(*sessions)[counted[0]]);
  }
}

void TellMetrics(const SpanSession& session, const Usage& billed, std::optional<Usd> cost, int64_t calls,
                 SessionInfo* info) {
  Usage counted = UsageOf(session);
  if (calls == 0) {
    info->notes.push_back("only_metrics");
    if (IsPlausible(counted) && counted.total() > 0) info->reported_usage = counted;
    if (int64_t nano = Part(session, "cost"); nano > 0 && nano <= INT64_MAX / 1000)
      info->reported_cost = Usd::Pico(nano * 1000);
    return;
  }
  auto check = [&](const char* bucket, int64_t ours, int64_t theirs) {
    if (session.metrics.contains(bucket) && Disagree(ours, theirs))
      info->notes.push_back(std::string("metrics_disagree:") + bucket);
  };
  check("input", counted.prompt(), billed.prompt());
  check("output", counted.output, billed.output);
  if (cost) check("cost", Part(session, "cost"), cost->pico() / 1000);
}

}  // namespace clawtrace::capture
