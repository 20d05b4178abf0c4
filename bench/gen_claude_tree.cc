// Writes a synthetic tree of Claude Code logs for benchmarks and prints the truth about it as one JSON
// object.
//
//   gen_claude_tree DIR BYTES [SEED]
//
// DIR becomes a CLAUDE_CONFIG_DIR: projects/<slug>/<session>.jsonl and <session>/subagents/agent-<id>.jsonl.
// What it is made of follows measurements of real trees: several lines a message, each with the same usage
// (in one message of seven the earlier lines still show fewer output tokens), tool results of 1 to 50 KB that
// the line carries twice, growing cached prompts with writes of both lives, sub-agents, failing and repeated
// tools. Same arguments, same bytes.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"

namespace clawtrace {
namespace {

// Not <random>: its distributions differ between libraries.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  int64_t Below(int64_t n) { return static_cast<int64_t>(Next() % static_cast<uint64_t>(n)); }
  int64_t Between(int64_t low, int64_t high) { return low + Below(high - low + 1); }
  bool Chance(int64_t percent) { return Below(100) < percent; }
  // Between the two, every order of magnitude as likely as the others.
  int64_t LogBetween(int64_t low, int64_t high) {
    double part = static_cast<double>(Next() >> 11) / static_cast<double>(uint64_t{1} << 53);
    return static_cast<int64_t>(static_cast<double>(low) *
                                std::pow(static_cast<double>(high) / static_cast<double>(low), part));
  }

 private:
  uint64_t state_;
};

// Lines of code and prose, escaped as they stand inside a JSON string, to cut tool results from.
class TextPool {
 public:
  explicit TextPool(Random random) {
    static constexpr std::string_view kWords[] = {
        "return", "const", "value",     "=",        "(",      ")",         "{",        "}",
        "import", "test",  "request",   "response", "the",    "error",     "path",     "\\\"id\\\"",
        "<div>",  "::",    "config",    "if",       "length", "while",     "naïve",    "->",
        "0x1f",   "user",  "\\tindent", "session",  "//",     "C:\\\\tmp", "build",    "warning:",
        "→",      "12",    "total",     "None",     "self",   "await",     "function", "#"};
    starts_.push_back(0);
    while (text_.size() < kSize) {
      int64_t words = random.Between(2, 14);
      for (int64_t i = 0; i < words; ++i) {
        text_ += kWords[random.Below(std::ssize(kWords))];
        text_ += ' ';
      }
      text_ += fmt::format("{}\\n", random.Below(100'000));
      starts_.push_back(text_.size());
    }
  }

  // About that many bytes, whole lines.
  std::string_view Cut(Random& random, int64_t bytes) const {
    size_t from = starts_[static_cast<size_t>(random.Below(std::ssize(starts_) / 2))];
    auto to = std::lower_bound(starts_.begin(), starts_.end(), from + static_cast<size_t>(bytes));
    return std::string_view(text_).substr(from, *to - from);
  }

 private:
  static constexpr size_t kSize = size_t{1} << 20;
  std::string text_;
  std::vector<size_t> starts_;
};

struct Truth {
  int64_t bytes = 0, files = 0, sessions = 0, lines = 0, assistant_lines = 0, calls = 0, tool_calls = 0;
  int64_t input = 0, cache_read = 0, cache_write_5m = 0, cache_write_1h = 0, output = 0;
};

struct Tokens {
  int64_t input = 0, cache_read = 0, write_5m = 0, write_1h = 0, output = 0;
};

struct Spawn {
  std::string agent_id;
  std::string tool_id;
  int64_t at_ms = 0;
};

class Generator {
 public:
  Generator(std::filesystem::path root, int64_t bytes, uint64_t seed)
      : root_(std::move(root)), wanted_(bytes), random_(seed), pool_(Random(seed + 1)) {}

  bool Run() {
    constexpr int64_t kStart = 1'767'225'600'000;  // 2026-01-01
    int64_t clock = kStart;
    while (truth_.bytes < wanted_) {
      if (!WriteSession(clock)) return false;
      clock += random_.Between(60'000, 14'400'000);
    }
    return true;
  }
  const Truth& truth() const { return truth_; }

 private:
  std::string Hex(int64_t digits) {
    std::string text;
    while (static_cast<int64_t>(text.size()) < digits) text += fmt::format("{:016x}", random_.Next());
    text.resize(static_cast<size_t>(digits));
    return text;
  }
  std::string Uuid() {
    std::string h = Hex(32);
    return fmt::format("{}-{}-4{}-a{}-{}", h.substr(0, 8), h.substr(8, 4), h.substr(13, 3), h.substr(17, 3),
                       h.substr(20));
  }

  bool Flush(const std::filesystem::path& path) {
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    std::FILE* file = std::fopen(path.c_str(), "wb");
    bool good = file && std::fwrite(out_.data(), 1, out_.size(), file) == out_.size();
    if (file && std::fclose(file) != 0) good = false;
    if (!good) std::fprintf(stderr, "gen_claude_tree: cannot write %s\n", path.c_str());
    truth_.bytes += std::ssize(out_);
    ++truth_.files;
    out_.clear();
    return good;
  }

  bool WriteSession(int64_t clock) {
    ++truth_.sessions;
    session_ = Uuid();
    static constexpr std::string_view kProjects[] = {"shop", "ingest", "site", "tools", "paper", "firmware"};
    std::string project(kProjects[random_.Below(std::ssize(kProjects))]);
    cwd_ = "/home/dev/" + project;
    hour_writes_ = random_.Chance(60);
    std::filesystem::path folder = root_ / "projects" / ("-home-dev-" + project);
    static constexpr std::string_view kModels[] = {"claude-opus-4-5-20251101", "claude-sonnet-4-5-20250929",
                                                   "claude-sonnet-4-5-20250929"};
    std::vector<Spawn> spawns;
    WriteConversation(clock, kModels[random_.Below(std::ssize(kModels))], random_.LogBetween(20, 1'500), "",
                      &spawns);
    if (!Flush(folder / (session_ + ".jsonl"))) return false;
    for (const Spawn& spawn : spawns) {
      std::filesystem::path base = folder / session_ / "subagents" / ("agent-" + spawn.agent_id);
      WriteConversation(spawn.at_ms, "claude-haiku-4-5-20251001", random_.LogBetween(4, 60), spawn.agent_id,
                        nullptr);
      if (!Flush(base.string() + ".jsonl")) return false;
      out_ = fmt::format(
          R"({{"agentType":"general-purpose","description":"Look around","toolUseId":"{}","spawnDepth":1}})",
          spawn.tool_id);
      if (!Flush(base.string() + ".meta.json")) return false;
      --truth_.files;  // counts logs only
    }
    return true;
  }

  // The envelope that every line shares, up to its own content.
  void Open(std::string_view agent) {
    out_ += fmt::format(R"({{"parentUuid":{},"isSidechain":{},)",
                        parent_.empty() ? "null" : fmt::format("\"{}\"", parent_),
                        agent.empty() ? "false" : "true");
    if (!agent.empty()) out_ += fmt::format(R"("agentId":"{}",)", agent);
  }
  void Close(std::string_view type, int64_t clock) {
    parent_ = Uuid();
    out_ += fmt::format(
        R"("type":"{}","uuid":"{}","timestamp":"{}","userType":"external","entrypoint":"cli","cwd":"{}","sessionId":"{}","version":"2.1.197","gitBranch":"main"}})",
        type, parent_, FormatIsoTime(clock * 1'000'000), cwd_, session_);
    out_ += '\n';
    ++truth_.lines;
  }

  void WriteUser(std::string_view agent, int64_t clock) {
    Open(agent);
    out_ += fmt::format(R"("message":{{"role":"user","content":"{}"}},)",
                        pool_.Cut(random_, random_.LogBetween(60, 3'000)));
    Close("user", clock);
  }

  void WriteAssistantLine(std::string_view agent, std::string_view model, std::string_view id,
                          const Tokens& t, int64_t output, std::string_view content, bool tool,
                          int64_t clock) {
    Open(agent);
    out_ += fmt::format(
        R"("message":{{"id":"msg_{}","type":"message","role":"assistant","model":"{}","content":[{}],"stop_reason":"{}","stop_sequence":null,)",
        id, model, content, tool ? "tool_use" : "end_turn");
    out_ += fmt::format(
        R"("usage":{{"input_tokens":{},"cache_creation_input_tokens":{},"cache_read_input_tokens":{},"cache_creation":{{"ephemeral_5m_input_tokens":{},"ephemeral_1h_input_tokens":{}}},"output_tokens":{},"service_tier":"standard","inference_geo":"","speed":"standard"}}}},"requestId":"req_{}",)",
        t.input, t.write_5m + t.write_1h, t.cache_read, t.write_5m, t.write_1h, output, id);
    Close("assistant", clock);
    ++truth_.assistant_lines;
  }

  // The tool's name and arguments; a third of the reads come again later.
  std::string ToolInput(std::string* name) {
    switch (random_.Below(5)) {
      case 0:
      case 1:
        *name = "Read";
        return fmt::format(R"({{"file_path":"{}/src/module_{}.py"}})", cwd_, random_.Below(400));
      case 2:
        *name = "Bash";
        return fmt::format(R"({{"command":"make test_{} 2>&1 | tail -n {}","description":"Run a test"}})",
                           random_.Below(80), random_.Between(20, 400));
      case 3:
        *name = "Grep";
        return fmt::format(R"({{"pattern":"handler_{}","path":"{}/src","output_mode":"content"}})",
                           random_.Below(600), cwd_);
      default:
        *name = "Edit";
        return fmt::format(R"({{"file_path":"{}/src/module_{}.py","old_string":"{}","new_string":"{}"}})",
                           cwd_, random_.Below(400), pool_.Cut(random_, random_.LogBetween(50, 1'500)),
                           pool_.Cut(random_, random_.LogBetween(50, 1'500)));
    }
  }

  // Mostly a few KB, up to 50; an edit answers with a line.
  int64_t ResultSize(std::string_view name, bool error) {
    if (error || name == "Edit") return random_.Between(40, 400);
    return random_.LogBetween(1'000, random_.LogBetween(2'000, 50'000));
  }

  void WriteResult(std::string_view agent, std::string_view tool_id, std::string_view name, int64_t clock) {
    bool error = random_.Chance(4);
    std::string_view text = pool_.Cut(random_, ResultSize(name, error));
    Open(agent);
    out_ += fmt::format(
        R"("message":{{"role":"user","content":[{{"tool_use_id":"{}","type":"tool_result","content":"{}"{}}}]}},)",
        tool_id, text, error ? R"(,"is_error":true)" : "");
    if (error)
      out_ += fmt::format(R"("toolUseResult":"Error: {}",)", text.substr(0, text.find('\\')));
    else if (name == "Bash")
      out_ += fmt::format(R"("toolUseResult":{{"stdout":"{}","stderr":"","interrupted":false}},)", text);
    else if (name == "Read")
      out_ +=
          fmt::format(R"("toolUseResult":{{"type":"text","file":{{"content":"{}","numLines":40}}}},)", text);
    else
      out_ += fmt::format(R"("toolUseResult":{{"mode":"content","numFiles":{}}},)", random_.Below(9));
    Close("user", clock);
  }

  void WriteSpawnResult(const Spawn& spawn, int64_t clock) {
    Open("");
    out_ += fmt::format(
        R"("message":{{"role":"user","content":[{{"tool_use_id":"{}","type":"tool_result","content":[{{"type":"text","text":"Done."}}]}}]}},"toolUseResult":{{"status":"completed","agentId":"{}","agentType":"general-purpose"}},)",
        spawn.tool_id, spawn.agent_id);
    Close("user", clock);
  }

  // One model call with its lines and the results of its tools; grows *context, the tokens cached so far.
  void WriteTurn(std::string_view agent, std::string_view model, bool last, int64_t* context, int64_t* clock,
                 std::vector<Spawn>* spawns) {
    std::string id = Hex(24);
    Tokens t;
    t.input = random_.Between(3, 40);
    t.cache_read = *context;
    int64_t written = random_.LogBetween(200, 9'000);
    bool hour = hour_writes_ ? random_.Chance(80) : false;
    (hour ? t.write_1h : t.write_5m) = written;
    t.output = random_.LogBetween(20, 3'000);
    *context += written;
    constexpr int64_t kCompactAt = 160'000;
    if (*context > kCompactAt) *context = 20'000;

    std::vector<std::string> blocks;
    if (random_.Chance(40))
      blocks.push_back(fmt::format(R"({{"type":"thinking","thinking":"{}","signature":"{}"}})",
                                   pool_.Cut(random_, random_.LogBetween(100, 2'500)), Hex(200)));
    if (last || random_.Chance(70))
      blocks.push_back(
          fmt::format(R"({{"type":"text","text":"{}"}})", pool_.Cut(random_, random_.LogBetween(40, 2'000))));
    struct Tool {
      std::string id, name;
    };
    std::vector<Tool> tools;
    Spawn spawn;
    int64_t count = last ? 0 : random_.Chance(15) ? 2 : 1;
    for (int64_t i = 0; i < count; ++i) {
      Tool tool{.id = "toolu_" + Hex(22), .name = ""};
      std::string input = ToolInput(&tool.name);
      if (i == 0 && spawns && random_.Chance(1)) {
        tool.name = "Agent";
        input =
            R"({"description":"Look around","subagent_type":"general-purpose","prompt":"Find the callers."})";
        spawn = {.agent_id = "a" + Hex(16), .tool_id = tool.id, .at_ms = *clock + 1'000};
        spawns->push_back(spawn);
      }
      blocks.push_back(fmt::format(R"({{"type":"tool_use","id":"{}","name":"{}","input":{}}})", tool.id,
                                   tool.name, input));
      tools.push_back(std::move(tool));
    }
    bool growing = blocks.size() > 1 && random_.Chance(14);
    for (size_t i = 0; i < blocks.size(); ++i) {
      *clock += random_.Between(200, 4'000);
      bool final_usage = !growing || i + 1 == blocks.size();
      WriteAssistantLine(agent, model, id, t, final_usage ? t.output : 1, blocks[i], count > 0, *clock);
    }
    for (const Tool& tool : tools) {
      *clock += random_.LogBetween(50, 20'000);
      if (tool.name == "Agent")
        WriteSpawnResult(spawn, *clock);
      else
        WriteResult(agent, tool.id, tool.name, *clock);
    }
    ++truth_.calls;
    truth_.tool_calls += count;
    truth_.input += t.input, truth_.cache_read += t.cache_read, truth_.output += t.output;
    truth_.cache_write_5m += t.write_5m, truth_.cache_write_1h += t.write_1h;
  }

  void WriteConversation(int64_t clock, std::string_view model, int64_t turns, std::string_view agent,
                         std::vector<Spawn>* spawns) {
    parent_.clear();
    WriteUser(agent, clock);
    int64_t context = random_.Between(9'000, 24'000);
    for (int64_t i = 0; i < turns; ++i) {
      // A small tree ends inside its only session, but always with an answer.
      bool enough = truth_.bytes + std::ssize(out_) >= wanted_;
      bool last = enough || i + 1 == turns;
      WriteTurn(agent, model, last, &context, &clock, spawns);
      if (last) break;
      if (agent.empty() && random_.Chance(3)) WriteUser(agent, clock += 30'000);
    }
  }

  std::filesystem::path root_;
  int64_t wanted_;
  Random random_;
  TextPool pool_;
  Truth truth_;
  std::string out_, session_, cwd_, parent_;
  bool hour_writes_ = false;
};

int Main(int count, char** arguments) {
  auto bytes = count > 2 ? ParseInt(arguments[2]) : std::nullopt;
  auto seed = count > 3 ? ParseInt(arguments[3]) : std::optional<int64_t>(1);
  if (count < 3 || count > 4 || !bytes || *bytes <= 0 || !seed) {
    std::fputs("usage: gen_claude_tree DIR BYTES [SEED]\n", stderr);
    return 2;
  }
  Generator generator(arguments[1], *bytes, static_cast<uint64_t>(*seed));
  if (!generator.Run()) return 2;
  const Truth& t = generator.truth();
  fmt::print(
      R"({{"bytes":{},"files":{},"sessions":{},"lines":{},"assistant_lines":{},"calls":{},"tool_calls":{},"input":{},"cache_read":{},"cache_write_5m":{},"cache_write_1h":{},"output":{}}})"
      "\n",
      t.bytes, t.files, t.sessions, t.lines, t.assistant_lines, t.calls, t.tool_calls, t.input, t.cache_read,
      t.cache_write_5m, t.cache_write_1h, t.output);
  return 0;
}

}  // namespace
}  // namespace clawtrace

int main(int count, char** arguments) { return clawtrace::Main(count, arguments); }
