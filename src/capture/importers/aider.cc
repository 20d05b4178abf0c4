// Aider: .aider.chat.history.md, Markdown of all chats in a folder. docs/formats/aider.md says what is read
// and what such a text cannot tell.
#include <algorithm>
#include <cmath>
#include <set>

#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "capture/importers/log_text.h"
#include "capture/line_reader.h"

namespace clawtrace::capture {
namespace {

constexpr std::string_view kName = "aider";
constexpr std::string_view kStart = "# aider chat started at ";
constexpr std::string_view kUser = "####";

// "5,244", "2.1k", "12k"; *rounded is set when the text gives less than the number.
std::optional<int64_t> TokensOf(std::string_view word, bool* rounded) {
  std::string digits;
  for (char c : word) {
    if (c != ',') digits.push_back(c);
  }
  double scale = digits.ends_with('k') ? 1e3 : digits.ends_with('M') ? 1e6 : 1;
  if (scale == 1) return ParseInt(digits);
  digits.pop_back();
  size_t point = digits.find('.');
  auto whole = ParseInt(digits.substr(0, point));
  auto part = point == std::string::npos ? std::optional<int64_t>(0) : ParseInt(digits.substr(point + 1));
  size_t places = point == std::string::npos ? 0 : digits.size() - point - 1;
  if (!whole || *whole < 0 || *whole > 1'000'000 || !part || *part < 0 || places > 3) return std::nullopt;
  *rounded = true;
  double value = static_cast<double>(*whole) + static_cast<double>(*part) / std::pow(10, places);
  return std::llround(value * scale);
}

std::optional<Usd> DollarsOf(std::string_view word) {
  if (!word.starts_with('$')) return std::nullopt;
  JsonParser parser;
  auto number = parser.Parse(word.substr(1));
  auto value = number ? number->number() : std::nullopt;
  if (!value || !(*value > 0) || *value > 1e6) return std::nullopt;
  return Usd::FromDouble(*value);
}

// "Tokens: 2.1k sent, 900 cache hit, 1.3k received. Cost: $0.02 message, $0.05 session."
struct Report {
  std::optional<int64_t> sent, received, hit, write;
  std::optional<Usd> cost;
  bool rounded = false;
};

std::optional<Report> ReadReport(std::string_view line) {
  constexpr std::string_view kTokens = "Tokens: ", kCost = "Cost: ";
  if (!line.starts_with(kTokens)) return std::nullopt;
  Report report;
  std::string_view rest = line.substr(kTokens.size()), cost;
  if (size_t at = rest.find(kCost); at != std::string_view::npos) {
    cost = rest.substr(at + kCost.size());
    rest = rest.substr(0, at);
    report.cost = DollarsOf(cost.substr(0, cost.find_first_of(" ,")));
  }
  // Counts are separated by ", "; a comma inside of a number has no blank.
  while (!rest.empty()) {
    size_t end = rest.find(", ");
    std::string_view item = Trim(rest.substr(0, end));
    while (item.ends_with('.')) item.remove_suffix(1);
    auto count = TokensOf(item.substr(0, item.find(' ')), &report.rounded);
    if (item.ends_with(" sent")) report.sent = count;
    if (item.ends_with(" received")) report.received = count;
    if (item.ends_with(" cache hit")) report.hit = count;
    if (item.ends_with(" cache write")) report.write = count;
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 2);
  }
  if (!report.sent || !report.received || *report.sent < 0 || *report.received < 0) return std::nullopt;
  return report;
}

// One chat of the file.
class Chat {
 public:
  Chat(std::string_view started, FactSink* sink) : started_(started), sink_(*sink) {
    std::string iso = started_;
    std::ranges::replace(iso, ' ', 'T');
    start_ = ParseIsoTime(iso);
  }

  // line: without what stands behind it; raw: as it was read.
  void OnLine(std::string_view line, std::string_view raw) {
    bool user = line == kUser || line.starts_with("#### ");
    if (user && !in_user_) EndTurn();
    if (turn_.size() + raw.size() < kMaxLineBytes) turn_.append(raw).push_back('\n');
    if (user) return OnUser(line.substr(kUser.size()));
    EndUser();
    if (line == ">" || line.starts_with("> ")) return OnTool(Trim(line.substr(1)));
    if (!Trim(line).empty()) EndOutput();
    if (answer_.empty() && Trim(line).empty()) return;
    answer_bytes_ += static_cast<int64_t>(line.size()) + 1;
    if (answer_.size() < kMaxText) answer_.append(PrefixUtf8(line, kMaxText)).push_back('\n');
  }

  void Finish() {
    EndTurn();
    std::string id = "aider-";
    for (char c : started_) {
      if (c >= '0' && c <= '9') id.push_back(c);
    }
    // Chats of two folders may begin in the same second.
    id += "-" + HexOf(Hash64(prompt_, Hash64(command_))).substr(0, 8);
    Fact fact = Base(FactKind::kSession, "session");
    SessionInfo& info = fact.session.emplace();
    info.agent = kName;
    info.agent_version = version_;
    info.notes.assign(notes_.begin(), notes_.end());
    facts_.push_back(std::move(fact));
    records_.resize(facts_.size());
    for (size_t i = 0; i < facts_.size(); ++i) {
      facts_[i].session_id = id;
      sink_.FromKept(records_[i]);
      sink_.Add(std::move(facts_[i]));
    }
  }

 private:
  Fact Base(FactKind kind, std::string id) {
    Fact fact;
    fact.kind = kind;
    fact.source = kName;
    fact.id = std::move(id);
    fact.ordinal = next_++;
    fact.start_ns = start_;
    return fact;
  }

  // A turn is what a person said and what came of it: the record of its facts.
  void EndTurn() {
    EndUser();
    EndOutput();
    EndAnswer(nullptr);
    bool cut = std::any_of(facts_.begin() + std::ssize(records_), facts_.end(), IsCut);
    sink_.FromRecord(turn_, -1);
    records_.resize(facts_.size(), cut ? sink_.KeepRecord() : 0);
    sink_.FromRecord({}, -1);
    turn_.clear();
  }

  void OnUser(std::string_view text) {
    EndOutput();
    EndAnswer(nullptr);
    user_bytes_ += static_cast<int64_t>(text.size());
    if (!user_.empty()) user_.push_back('\n');
    if (user_.size() < kMaxText) user_.append(PrefixUtf8(Trim(text), kMaxText));
    in_user_ = true;
  }

  void EndUser() {
    if (!in_user_) return;
    in_user_ = false;
    std::string_view text = Trim(user_);
    std::string_view run = text.starts_with("/run ") ? text.substr(5)
                           : text.starts_with('!')   ? text.substr(1)
                                                     : "";
    if (!run.empty()) {
      std::string args = "{\"command\":";
      AppendJsonString(Trim(run), &args);
      AddTool("run", args + "}", "");
      output_ = std::string();
    } else if (!text.empty()) {
      if (prompt_.empty() && !text.starts_with('/')) prompt_ = text;
      Fact fact = Base(FactKind::kUser, "user-" + std::to_string(next_));
      fact.user =
          UserTurn{.text = Cut(text, kMaxText), .text_bytes = user_bytes_, .is_meta = text.starts_with('/')};
      facts_.push_back(std::move(fact));
    }
    user_.clear();
    user_bytes_ = 0;
  }

  void OnTool(std::string_view line) {
    if (command_.empty()) command_ = line;
    if (auto report = ReadReport(line)) {
      EndOutput();
      return EndAnswer(&*report);
    }
    constexpr std::string_view kVersion = "Aider v", kApplied = "Applied edit to ";
    if (line.starts_with(kVersion)) {
      version_ = Cut(line.substr(kVersion.size()), 64);
    } else if (line.starts_with(kApplied)) {
      AddEdit(line.substr(kApplied.size()), "");
    } else if (line.find("SEARCH/REPLACE block") != std::string_view::npos &&
               line.ends_with("failed to match!")) {
      AddEdit("", line.substr(line.find_first_not_of("# ")));
    } else if (line == "The LLM did not conform to the edit format.") {
      notes_.insert("edit_format_errors");
    } else if (line.starts_with("litellm.") && line.find("Error") != std::string_view::npos) {
      AddRefusal(line);
    } else if (output_) {
      if (output_->size() < kMaxArgs) output_->append(PrefixUtf8(line, kMaxArgs)).push_back('\n');
    }
    for (std::string_view said : {"Main model: ", "Models: ", "Model: "}) {
      if (line.starts_with(said))
        model_ = Cut(line.substr(said.size(), line.find(" with ") - said.size()), 256);
    }
  }

  // An answer ends with its report; without one its usage is unknown.
  void EndAnswer(const Report* report) {
    bool said = !Trim(answer_).empty();
    if (!said && !report) {
      answer_.clear(), answer_bytes_ = 0;
      return;
    }
    call_ = "call-" + std::to_string(++calls_);
    edits_ = 0;
    Fact fact = Base(FactKind::kLlmCall, call_);
    LlmCall& call = fact.llm.emplace();
    call.model = model_;
    call.text = Cut(Trim(answer_), kMaxText);
    call.text_bytes = answer_bytes_;
    if (report) SetUsage(*report, &call);
    facts_.push_back(std::move(fact));
    answer_.clear(), answer_bytes_ = 0;
  }

  void SetUsage(const Report& report, LlmCall* call) {
    int64_t hit = report.hit.value_or(0), write = report.write.value_or(0);
    Usage beside{.uncached_input = *report.sent,
                 .cache_read = hit,
                 .cache_write_unknown = write,
                 .output = *report.received};
    Usage within = beside;
    within.uncached_input -= hit + write;
    if (!IsPlausible(beside)) return;
    // Which providers' sent tokens hold the cached ones has changed between versions.
    bool both = hit + write > 0 && within.uncached_input >= 0;
    call->usage = both ? within : beside;
    if (both) call->other_reading = beside;
    call->reported_cost = report.cost;
    if (report.rounded) notes_.insert("tokens_rounded");
    if (report.cost) notes_.insert("reported_cost_rounded");
  }

  void AddRefusal(std::string_view line) {
    Fact fact = Base(FactKind::kLlmCall, "refused-" + std::to_string(next_));
    LlmCall& call = fact.llm.emplace();
    call.model = model_;
    call.billed = false;
    call.error = ErrorLine(line);
    facts_.push_back(std::move(fact));
  }

  void AddTool(std::string_view name, const std::string& args, std::string_view call) {
    Fact fact = Base(FactKind::kToolUse, std::string(name) + "-" + std::to_string(next_));
    tool_ = fact.id;
    ToolUse& tool = fact.tool.emplace();
    tool.name = name;
    tool.llm_call = call;
    tool.index = edits_++;
    SetArgsText(args, &parser_, &tool);
    facts_.push_back(std::move(fact));
  }

  void AddResult(std::string_view output, std::string_view error) {
    Fact fact = Base(FactKind::kToolResult, tool_);
    ToolResult& result = fact.result.emplace();
    SetOutput(output, &result);
    result.status = error.empty() ? ToolStatus::kOk : ToolStatus::kError;
    result.error = Cut(error, kMaxError);
    facts_.push_back(std::move(fact));
  }

  void AddEdit(std::string_view path, std::string_view error) {
    std::string args = "{}";
    if (!path.empty()) {
      args = "{\"path\":";
      AppendJsonString(path, &args);
      args.push_back('}');
    }
    EndOutput();
    AddTool("edit", args, call_);
    AddResult("", error);
  }

  // The chat does not say how a command ended.
  void EndOutput() {
    if (!output_) return;
    Fact fact = Base(FactKind::kToolResult, tool_);
    SetOutput(*output_, &fact.result.emplace());
    facts_.push_back(std::move(fact));
    output_.reset();
  }

  std::string started_;
  FactSink& sink_;
  std::optional<int64_t> start_;
  std::string command_, prompt_, version_, model_, user_, answer_, call_, tool_;
  std::optional<std::string> output_;  // of a command that a person ran
  int64_t user_bytes_ = 0, answer_bytes_ = 0, calls_ = 0, edits_ = 0, next_ = 0;
  bool in_user_ = false;
  std::set<std::string> notes_ = {"times_of_session_only"};
  std::vector<Fact> facts_;
  std::vector<KeptRecord> records_;  // of each, up to the last turn
  std::string turn_;                 // as read
  JsonParser parser_;
};

class AiderReader final : public LogReader {
 public:
  explicit AiderReader(FactSink* sink) : sink_(*sink) {}

  void Feed(std::string_view bytes) override {
    while (!bytes.empty()) {
      size_t end = bytes.find('\n');
      std::string_view part = bytes.substr(0, end);
      if (!dropping_ && pending_.size() + part.size() > kMaxLineBytes) {
        dropping_ = true;
        sink_.Skip(line_ + 1, offset_, "line-too-long");
        offset_ += static_cast<int64_t>(pending_.size());
        FreeText(&pending_);
      }
      if (dropping_)
        offset_ += static_cast<int64_t>(part.size());
      else
        pending_.append(part);
      if (end == std::string_view::npos) return;
      bytes.remove_prefix(end + 1);
      EndLine();
    }
  }

  void Finish() override {
    if (!pending_.empty()) EndLine();
    if (chat_) chat_->Finish();
  }

 private:
  void EndLine() {
    ++line_;
    if (!dropping_) OnLine(pending_);
    offset_ += static_cast<int64_t>(pending_.size()) + 1;
    pending_.clear();
    dropping_ = false;
  }

  void OnLine(std::string_view line) {
    if (line_ == 1 && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
    std::string repaired;
    if (!IsValidUtf8(line)) {
      sink_.Skip(line_, offset_, "invalid-utf8-repaired");
      line = repaired = ReplaceInvalidUtf8(line);
    }
    std::string_view raw = line;
    while (line.ends_with('\r') || line.ends_with(' ')) line.remove_suffix(1);
    if (line.starts_with(kStart)) {
      if (chat_) chat_->Finish();
      chat_ = std::make_unique<Chat>(Trim(line.substr(kStart.size(), 64)), &sink_);
    } else if (chat_) {
      chat_->OnLine(line, raw);
    } else if (!lost_ && !line.empty()) {
      // The end of a chat whose start is not there: nothing says when it was.
      lost_ = true;
      sink_.Skip(line_, offset_, "before-first-chat");
    }
  }

  FactSink& sink_;
  std::string pending_;
  bool dropping_ = false, lost_ = false;
  int64_t line_ = 0, offset_ = 0;
  std::unique_ptr<Chat> chat_;
};

bool Sniff(std::string_view head) {
  if (head.starts_with("\xEF\xBB\xBF")) head.remove_prefix(3);
  size_t at = head.starts_with(kStart) ? 0 : head.find("\n" + std::string(kStart));
  if (at == std::string_view::npos) return false;
  std::string_view date = head.substr(head.find(kStart, at) + kStart.size(), 4);
  return date.size() == 4 && ParseInt(date) && !head.starts_with('{') && !head.starts_with('[');
}

}  // namespace

extern const Importer kAider;
const Importer kAider = {
    .name = kName,
    .summary = "Aider chat histories (Markdown)",
    .default_root = "",
    .file_suffixes = ".md",
    .sniff = Sniff,
    .open = [](const FileContext&, FactSink* sink) -> std::unique_ptr<LogReader> {
      return std::make_unique<AiderReader>(sink);
    },
};

}  // namespace clawtrace::capture
