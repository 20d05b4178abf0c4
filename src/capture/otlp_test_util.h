#pragma once
// Test support: reads OTLP dumps and adds up what the resolved facts say, per session.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "base/file.h"
#include "capture/importer.h"
#include "capture/log_bytes.h"

namespace clawtrace::capture::test {

namespace fs = std::filesystem;

struct OtlpLog : FactSink {
  std::vector<Fact> facts;
  std::vector<std::string> skips;
  void Add(Fact&& fact) override { facts.push_back(std::move(fact)); }
  void Skip(int64_t line, int64_t offset, std::string_view reason) override {
    skips.push_back(std::string(reason) + "@" + std::to_string(line) + ":" + std::to_string(offset));
  }
};

inline const Importer& Otlp() { return *FindImporter("otlp"); }

inline void FeedText(std::string_view text, OtlpLog* log, size_t chunk = SIZE_MAX) {
  auto reader = Otlp().open({"x", ""}, log);
  for (size_t at = 0; at < text.size();) {
    std::string_view piece = text.substr(at, chunk);
    reader->Feed(piece);
    at += piece.size();
  }
  reader->Finish();
}

// Some clients send their bodies compressed.
inline std::string Body(const fs::path& path) {
  std::string text = ReadFile(path).value_or("");
  EXPECT_TRUE(Unzip(&text, uint64_t{1} << 30)) << path;
  return text;
}

// Signals: "traces", "logs", "metrics", or "" for all.
inline std::vector<fs::path> SignalFiles(const fs::path& folder, std::string_view signal) {
  std::vector<fs::path> files;
  for (auto& entry : fs::directory_iterator(folder)) {
    std::string name = entry.path().filename();
    bool dump = name.find("traces") != std::string::npos || name.find("logs") != std::string::npos ||
                name.find("metrics") != std::string::npos;
    if (dump && name.find(signal) != std::string::npos) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

inline OtlpLog ReadDump(const fs::path& folder, std::string_view signal = "traces") {
  OtlpLog log;
  for (const fs::path& file : SignalFiles(folder, signal)) FeedText(Body(file), &log);
  Otlp().resolve(&log.facts);
  return log;
}

inline fs::path SharedData() {
  const char* set = std::getenv("CLAWTRACE_SHARED_DATA");
  return set ? fs::path(set) : fs::path(CLAWTRACE_SOURCE_DIR) / "../shared/data";
}
inline fs::path Golden(const std::string& name) {
  return fs::path(CLAWTRACE_SOURCE_DIR) / "tests/golden/otlp" / name;
}

struct Totals {
  int64_t calls = 0, input = 0, read = 0, write = 0, output = 0;
  std::set<std::string> tools;
  bool operator==(const Totals&) const = default;
};
inline void PrintTo(const Totals& t, std::ostream* out) {
  *out << t.calls << " calls, input " << t.input << " read " << t.read << " write " << t.write << " out "
       << t.output << ", " << t.tools.size() << " tools";
  for (auto& id : t.tools) *out << ' ' << id;
}

struct SessionView {
  SessionInfo info;
  Totals totals;  // answered calls that are no auxiliary ones; input is all of it
  std::set<std::string> failing, failed_calls, auxiliary;
  std::map<std::string, ToolUse> uses;
  std::map<std::string, ToolResult> results;
  std::map<std::string, LlmCall> calls;
  std::vector<std::string> prompts;
};

inline std::map<std::string, SessionView> Sessions(const OtlpLog& log) {
  std::map<std::string, SessionView> out;
  for (const Fact& fact : log.facts) {
    SessionView& s = out[fact.session_id];
    if (fact.kind == FactKind::kSession) s.info = *fact.session;
    if (fact.kind == FactKind::kUser) s.prompts.push_back(fact.user->text);
    if (fact.kind == FactKind::kToolUse) s.totals.tools.insert(fact.id), s.uses[fact.id] = *fact.tool;
    if (fact.kind == FactKind::kToolResult) {
      s.results[fact.id] = *fact.result;
      if (fact.result->status == ToolStatus::kError) s.failing.insert(fact.id);
    }
    if (fact.kind != FactKind::kLlmCall) continue;
    s.calls[fact.id] = *fact.llm;
    if (fact.llm->auxiliary) {
      s.auxiliary.insert(fact.id);
    } else if (!fact.llm->error.empty()) {
      s.failed_calls.insert(fact.id);
    } else {
      Usage usage = fact.llm->usage.value_or(Usage());
      ++s.totals.calls;
      s.totals.input += usage.prompt();
      s.totals.read += usage.cache_read;
      s.totals.write += usage.cache_write();
      s.totals.output += usage.output;
    }
  }
  return out;
}

inline std::multiset<std::string> Encoded(const std::vector<Fact>& facts) {
  std::multiset<std::string> out;
  for (const Fact& fact : facts) out.insert(EncodeFact(fact));
  return out;
}

}  // namespace clawtrace::capture::test
