#pragma once
// Test support: reads logs through an importer and compares what it found with a recording's truth.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "capture/importer.h"

namespace clawtrace::capture::test {

namespace fs = std::filesystem;

struct Collected : FactSink {
  std::vector<Fact> facts;
  std::vector<std::string> skips;
  void Add(Fact&& fact) override { facts.push_back(std::move(fact)); }
  void Skip(int64_t, int64_t, std::string_view reason) override { skips.emplace_back(reason); }

  const Fact* Find(FactKind kind, std::string_view id, std::string_view session = {}) const {
    for (const Fact& fact : facts) {
      if (fact.kind == kind && fact.id == id && (session.empty() || fact.session_id == session)) return &fact;
    }
    return nullptr;
  }
  size_t Count(FactKind kind) const {
    return static_cast<size_t>(std::ranges::count(facts, kind, &Fact::kind));
  }
};

inline void ReadText(const Importer& importer, std::string_view text, Collected* out,
                     std::string path = "x.jsonl", std::string sidecar = {}) {
  auto reader = importer.open({std::move(path), std::move(sidecar)}, out);
  reader->Feed(text);
  reader->Finish();
}

inline std::string MustRead(const fs::path& path) {
  auto text = ReadFile(path);
  EXPECT_TRUE(text) << path;
  return text.value_or("");
}

inline void ReadLog(const Importer& importer, const fs::path& path, Collected* out) {
  std::string sidecar;
  if (importer.sidecar_path) {
    std::string candidates = importer.sidecar_path(path.string());
    for (std::string_view beside : Split(candidates, '\n')) {
      if (sidecar.empty() && !beside.empty() && fs::exists(beside)) sidecar = MustRead(beside);
    }
  }
  ReadText(importer, MustRead(path), out, path.string(), sidecar);
}

// All regular files below a folder, sorted.
inline std::vector<fs::path> FilesBelow(const fs::path& folder) {
  std::vector<fs::path> files;
  for (auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

inline bool Accepts(const Importer& importer, const fs::path& path) {
  return importer.sniff(std::string_view(MustRead(path)).substr(0, kHeadBytes));
}

inline fs::path SharedData() {
  const char* set = std::getenv("CLAWTRACE_SHARED_DATA");
  return set ? fs::path(set) : fs::path(CLAWTRACE_SOURCE_DIR) / "../shared/data";
}

inline fs::path Golden(std::string_view name) {
  return fs::path(CLAWTRACE_SOURCE_DIR) / "tests/golden" / name;
}

// What one agent did, as a recording's truth states it and as the facts add up to.
struct AgentTotals {
  int64_t calls = 0, input = 0, cache_read = 0, cache_write = 0, output = 0, reasoning = 0;
  std::set<std::string> tools;
  bool operator==(const AgentTotals&) const = default;
};

inline void PrintTo(const AgentTotals& t, std::ostream* out) {
  *out << t.calls << " calls, input " << t.input << " read " << t.cache_read << " write " << t.cache_write
       << " out " << t.output << " reasoning " << t.reasoning << ", tools";
  for (auto& id : t.tools) *out << ' ' << id;
}

// By session. The versions of one call (its lines) count once, with the largest output.
inline std::map<std::string, AgentTotals> TotalsOf(const Collected& log) {
  std::map<std::pair<std::string, std::string>, Usage> calls;
  std::map<std::string, AgentTotals> totals;
  for (const Fact& fact : log.facts) {
    if (fact.kind == FactKind::kLlmCall && fact.llm->billed) {
      Usage& best = calls[{fact.session_id, fact.id}];
      if (fact.llm->usage && fact.llm->usage->output >= best.output) best = *fact.llm->usage;
    }
    if (fact.kind == FactKind::kToolUse) totals[fact.session_id].tools.insert(fact.id);
  }
  for (auto& [key, usage] : calls) {
    AgentTotals& t = totals[key.first];
    ++t.calls;
    t.input += usage.uncached_input;
    t.cache_read += usage.cache_read;
    t.cache_write += usage.cache_write();
    t.output += usage.output;
    t.reasoning += usage.reasoning;
  }
  return totals;
}

struct Truth {
  std::vector<AgentTotals> agents;   // sub-agents apart
  std::set<std::string> failing;     // tool call ids
  std::vector<std::string> repeats;  // calls that repeat an earlier one
};

inline AgentTotals TokensOf(Json tokens, bool writes_on_wire) {
  AgentTotals t;
  auto read = [&](std::string_view key) { return tokens[key].integer().value_or(-1); };
  t.cache_write = writes_on_wire ? read("cache_write") : 0;
  t.input = read("uncached_input") + (writes_on_wire ? 0 : read("cache_write"));
  t.cache_read = read("cache_read"), t.output = read("output"), t.reasoning = read("reasoning");
  return t;
}

// expected.json of the client kit; its tool ids lack the client's prefix.
inline Truth KitTruth(const fs::path& path, std::string_view id_prefix, bool writes_on_wire) {
  Truth truth;
  JsonParser parser;
  auto json = parser.Parse(MustRead(path));
  EXPECT_TRUE(json) << path;
  if (!json) return truth;
  (*json)["agents"].ForEachField([&](std::string_view name, Json agent) {
    if (name == "aux") return;
    AgentTotals t = TokensOf(agent["tokens"], writes_on_wire);
    t.calls = agent["llm_calls"].integer().value_or(-1);
    agent["tool_calls"].ForEachItem([&](Json tool) {
      std::string id = std::string(id_prefix) + std::string(tool["id"].text());
      t.tools.insert(id);
      if (tool["note"].text() == "fails") truth.failing.insert(id);
      if (tool["note"].text() == "repeats") truth.repeats.push_back(id);
    });
    truth.agents.push_back(std::move(t));
  });
  return truth;
}

// truth.json of the task suite.
inline Truth SuiteTruth(const fs::path& path, bool writes_on_wire) {
  Truth truth;
  JsonParser parser;
  auto json = parser.Parse(MustRead(path));
  EXPECT_TRUE(json) << path;
  if (!json) return truth;
  AgentTotals t = TokensOf((*json)["totals"]["tokens"], writes_on_wire);
  t.calls = (*json)["totals"]["llm_calls"].integer().value_or(-1);
  (*json)["tool_calls"].ForEachItem([&](Json tool) {
    std::string id(tool["id"].text());
    t.tools.insert(id);
    if (tool["fails"].boolean() == true) truth.failing.insert(id);
    tool["reasons"].ForEachItem([&](Json reason) {
      if (reason.text() == "repeat_read" || reason.text() == "retry_unchanged") truth.repeats.push_back(id);
    });
  });
  truth.agents.push_back(std::move(t));
  return truth;
}

inline void ExpectTruth(const Collected& log, const Truth& truth, const std::string& where) {
  SCOPED_TRACE(where);
  std::vector<AgentTotals> got;
  for (auto& [session, totals] : TotalsOf(log)) got.push_back(totals);
  EXPECT_EQ(got.size(), truth.agents.size());
  for (const AgentTotals& agent : truth.agents) {
    EXPECT_TRUE(std::ranges::find(got, agent) != got.end())
        << "truth: " << testing::PrintToString(agent) << "\ngot: " << testing::PrintToString(got);
  }
  std::map<std::string, const Fact*> uses, results;
  std::vector<const Fact*> in_order;
  for (const Fact& fact : log.facts) {
    if (fact.kind == FactKind::kToolUse && uses.emplace(fact.id, &fact).second) in_order.push_back(&fact);
    if (fact.kind == FactKind::kToolResult) results[fact.id] = &fact;
    if (fact.kind == FactKind::kToolUse) {
      EXPECT_TRUE(log.Find(FactKind::kLlmCall, fact.tool->llm_call, fact.session_id)) << fact.id;
    }
  }
  for (auto& [id, use] : uses) {
    ASSERT_TRUE(results.contains(id)) << id << " has no result";
    bool failed = results[id]->result->status == ToolStatus::kError;
    if (truth.failing.contains(id)) {
      EXPECT_TRUE(failed) << id;
      EXPECT_NE(results[id]->result->error, "") << id;
    } else if (failed) {
      ADD_FAILURE() << id << " is no failing call: " << results[id]->result->error;
    }
  }
  for (auto& id : truth.repeats) {
    ASSERT_TRUE(uses.contains(id)) << id;
    const Fact* use = uses[id];
    bool found = false;
    for (const Fact* earlier : in_order) {
      if (earlier == use) break;
      if (earlier->tool->args_hash != use->tool->args_hash || earlier->tool->name != use->tool->name)
        continue;
      const ToolResult &now = *results[id]->result, &then = *results[earlier->id]->result;
      found |= now.unchanged || now.output_hash == then.output_hash;
    }
    EXPECT_TRUE(found) << id << " repeats no earlier call";
  }
}

// The same lines in another order, for order independence.
inline std::string Reversed(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (text.ends_with('\n')) text.remove_suffix(1);
    size_t at = text.rfind('\n') + 1;
    out.append(text.substr(at)).push_back('\n');
    text = text.substr(0, at);
  }
  return out;
}

inline std::multiset<std::string> Encoded(const Collected& log) {
  std::multiset<std::string> out;
  for (const Fact& fact : log.facts) out.insert(EncodeFact(fact));
  return out;
}

inline std::set<std::string> EncodedOnce(const Collected& log) {
  auto all = Encoded(log);
  return {all.begin(), all.end()};
}

}  // namespace clawtrace::capture::test
