#include "distill/model/answer.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/json.h"
#include "base/secrets.h"
#include "base/text.h"
#include "distill/model/edit_check.h"
#include "model/archive.h"
#include "skill/blocks.h"
#include "skill/rules.h"

namespace clawtrace::distill {
namespace {

// All strings of a document, as they read without escapes.
void AppendStrings(Json json, std::string* out) {
  if (json.is_string()) {
    *out += json.text();
    *out += '\n';
  }
  if (json.is_array()) json.ForEachItem([&](Json item) { AppendStrings(item, out); });
  if (json.is_object()) {
    json.ForEachField([&](std::string_view key, Json value) {
      *out += key;
      *out += '\n';
      AppendStrings(value, out);
    });
  }
}

std::string TextOf(const EvidenceStep& step) {
  std::string out = fmt::format("{}\n{}\n{}\n{}\n{}\n", step.tool, step.signature.fine, step.error_class,
                                step.args, step.output);
  JsonParser parser;
  if (auto args = parser.Parse(step.args)) AppendStrings(*args, &out);
  for (const std::string& path : step.reads) out += path + "\n";
  for (const std::string& path : step.writes) out += path + "\n";
  return out;
}

// Something to speak of, and not the marks that every call has.
bool IsObject(std::string_view text) {
  constexpr int64_t kLeastLetters = 4;
  auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           static_cast<unsigned char>(c) >= 0x80;
  };
  return std::ranges::count_if(text, is_letter) >= kLeastLetters &&
         text.find_first_of("{}[]\\") == text.npos && !text.contains("\":");
}

class Checker {
 public:
  Checker(const AnswerGround& ground, const AnswerLimits& limits) : ground_(ground), limits_(limits) {}

  CheckedAnswer Check(std::string_view text) {
    JsonParser parser;
    auto root = parser.Parse(ObjectIn(text));
    if (!root || !root->is_object()) {
      Refuse("the answer is no JSON object; answer with one object and nothing else");
      return {.answer = std::nullopt, .reasons = std::move(reasons_)};
    }
    Known(*root, {"lessons", "edits"}, "the answer");
    Json lessons = (*root)["lessons"], edits = (*root)["edits"];
    if (!lessons.is_array()) Refuse("\"lessons\" is no list");
    if (edits && !edits.is_array()) Refuse("\"edits\" is no list");
    if (lessons.size() > limits_.lessons)
      Refuse(fmt::format("there are {} lessons, at most {} are taken", lessons.size(), limits_.lessons));
    if (edits.size() > limits_.edits)
      Refuse(fmt::format("there are {} edits, at most {} are taken", edits.size(), limits_.edits));
    if (reasons_.empty()) {
      lessons.ForEachItem([&](Json json) { AddLesson(json); });
      edits.ForEachItem([&](Json json) { AddEdit(json); });
      if (tokens_ > limits_.tokens)
        Refuse(
            fmt::format("the new texts have about {} tokens, at most {} are taken", tokens_, limits_.tokens));
    }
    if (!reasons_.empty()) return {.answer = std::nullopt, .reasons = std::move(reasons_)};
    return {.answer = std::move(answer_), .reasons = {}};
  }

 private:
  void Refuse(std::string_view reason) {
    constexpr size_t kMostReasons = 12;
    if (reasons_.size() == kMostReasons) return;
    // A reason may quote what the model said.
    RedactSecrets(&reasons_.emplace_back(ReplaceInvalidUtf8(reason)));
  }

  // Members that nobody knows are mistakes, not extras.
  void Known(Json object, std::initializer_list<std::string_view> names, std::string_view where) {
    object.ForEachField([&](std::string_view key, Json) {
      if (std::ranges::find(names, key) == names.end())
        Refuse(fmt::format("{} has no member \"{}\"", where, PrefixUtf8(key, 40)));
    });
  }

  std::string Text(Json json, std::string_view name, size_t most, const std::string& where) {
    if (json && !json.is_string() && !json.is_null()) Refuse(fmt::format("{}: {} is no text", where, name));
    std::string text(json.text());
    if (text.size() > most) Refuse(fmt::format("{}: {} is longer than {} bytes", where, name, most));
    if (std::string against = ReasonAgainst(text, ground_.outside, ground_.redact); !against.empty())
      Refuse(fmt::format("{}: {}: {}", where, name, against));
    return text;
  }

  std::optional<size_t> PlaceOf(std::string_view cited) const {
    size_t mark = cited.rfind('#');
    if (mark == cited.npos || cited.substr(0, mark) != ground_.session_name) return std::nullopt;
    const auto& steps = ground_.session.steps;
    auto found = std::ranges::find(steps, cited.substr(mark + 1), &EvidenceStep::id);
    if (found == steps.end()) return std::nullopt;
    return static_cast<size_t>(found - steps.begin());
  }

  void ReadEvidence(Json json, const std::string& where, Lesson* lesson) {
    if (!json.is_array() || json.size() == 0) {
      Refuse(where + ": it cites no evidence");
      return;
    }
    if (json.size() > limits_.evidence)
      Refuse(
          fmt::format("{}: it cites {} steps, at most {} are taken", where, json.size(), limits_.evidence));
    std::set<size_t> places;
    json.ForEachItem([&](Json item) {
      std::string cited(PrefixUtf8(item.text(), 100));
      auto place = PlaceOf(item.text());
      if (!place) {
        Refuse(fmt::format("{}: there is no step \"{}\"", where, cited));
        return;
      }
      if (!lesson->object.empty() && !Contains(TextOf(ground_.session.steps[*place]), lesson->object))
        Refuse(fmt::format("{}: step {} does not contain the object \"{}\"", where, cited, lesson->object));
      places.insert(*place);
    });
    for (size_t place : places) lesson->steps.push_back(ground_.session.steps[place].id);
  }

  void ReadFix(Json json, const std::string& where, Lesson* lesson) {
    if (!json || json.is_null()) return;
    auto number = json.integer();
    bool is_tried = number && *number >= 1 && *number <= std::ssize(ground_.fixes);
    if (!is_tried || ground_.fixes[static_cast<size_t>(*number - 1)].empty()) {
      Refuse(where + ": its fix is none that was tried and turned the oracle's verdict to pass");
      return;
    }
    if (!Contains(ground_.fixes[static_cast<size_t>(*number - 1)], lesson->object)) {
      Refuse(where + ": the object stands nowhere in the tried fix");
      return;
    }
    lesson->fix = number;
  }

  void AddLesson(Json json) {
    constexpr size_t kLeastStatement = 10;
    std::string where = fmt::format("lesson {}", answer_.lessons.size());
    Lesson lesson;
    Known(json, {"statement", "polarity", "condition", "object", "evidence", "fix"}, where);
    lesson.statement = Text(json["statement"], "statement", limits_.statement_bytes, where);
    lesson.condition = Text(json["condition"], "condition", limits_.condition_bytes, where);
    // What it is about stands in the session, word for word: only its form is looked at.
    lesson.object = json["object"].text();
    if (!IsObject(lesson.object) || lesson.object.size() > limits_.object_bytes)
      Refuse(fmt::format("{}: object has at least 4 letters or digits, at most {} bytes and no marks of JSON",
                         where, limits_.object_bytes));
    if (!AttemptsIn(lesson.object, "").empty()) Refuse(where + ": object is no plain text");
    if (lesson.statement.size() < kLeastStatement || !skill::IsPlainItem(lesson.statement))
      Refuse(where + ": statement is no single line of plain text that can be a list item");
    if (lesson.condition.contains('\n')) Refuse(where + ": condition is no single line");
    lesson.condition = skill::PlainCondition(lesson.condition);
    if (skill::HasMarkup(lesson.statement) || skill::HasMarkup(lesson.condition))
      Refuse(where + ": it holds HTML; what looks like a tag stands in a code span");
    std::string_view polarity = json["polarity"].text();
    if (polarity != "do" && polarity != "avoid") Refuse(where + ": polarity is neither \"do\" nor \"avoid\"");
    lesson.polarity = polarity == "avoid" ? Polarity::kAvoid : Polarity::kDo;
    ReadEvidence(json["evidence"], where, &lesson);
    ReadFix(json["fix"], where, &lesson);
    // Else the steps that are cited speak for anything.
    if (!Contains(Folded(lesson.statement + "\n" + lesson.condition), Folded(lesson.object)))
      Refuse(where + ": the object stands neither in the statement nor in the condition");
    Count(lesson.statement), Count(lesson.condition);
    answer_.lessons.push_back(std::move(lesson));
  }

  void AddEdit(Json json) {
    constexpr size_t kMostText = 8000, kMostPath = 300;
    std::string where = fmt::format("edit {}", edits_++);
    Known(json, {"lesson", "op", "file", "heading_path", "block_hash", "old_text", "new_text"}, where);
    auto lesson = json["lesson"] ? json["lesson"].integer() : std::optional<int64_t>(0);
    bool is_said = json["lesson"] || answer_.lessons.size() == 1;
    if (!is_said || !lesson || *lesson < 0 || *lesson >= std::ssize(answer_.lessons)) {
      Refuse(where + ": \"lesson\" is not the number of a lesson, counted from 0");
      return;
    }
    auto op = EnumFrom<EditOp>(json["op"].text());
    if (!op) {
      Refuse(where + ": there is no such op");
      return;
    }
    PatchEdit edit{.op = *op,
                   .file = std::string(json["file"].text()),
                   .heading_path = std::string(json["heading_path"].text()),
                   .block_hash = std::string(json["block_hash"].text()),
                   .old_text = std::string(json["old_text"].text()),
                   .new_text = Text(json["new_text"], "new_text", kMostText, where)};
    if (edit.op == EditOp::kAddSection) (void)Text(json["heading_path"], "heading_path", kMostPath, where);
    if (edit.op == EditOp::kCreateFile) (void)Text(json["file"], "file", kMostPath, where);
    auto resolved = ResolveEdit(edit, ground_.skill, ground_.pinned);
    if (!resolved) {
      Refuse(fmt::format("{}: {}", where, resolved.error()));
      return;
    }
    Count(edit.new_text);
    answer_.lessons[static_cast<size_t>(*lesson)].edits.push_back(std::move(*resolved));
  }

  void Count(std::string_view text) {
    constexpr size_t kBytesPerToken = 4;
    tokens_ += (text.size() + kBytesPerToken - 1) / kBytesPerToken;
  }

  const AnswerGround& ground_;
  const AnswerLimits& limits_;
  ModelAnswer answer_;
  std::vector<std::string> reasons_;
  size_t tokens_ = 0, edits_ = 0;
};

}  // namespace

std::string_view ObjectIn(std::string_view text) {
  constexpr std::string_view kFence = "```";
  text = Trim(text);
  if (text.starts_with('{')) return text;
  size_t begin = text.find(kFence);
  if (begin == text.npos) return text;
  size_t line = text.find('\n', begin), end = text.rfind(kFence);
  if (line == text.npos || end <= line) return text;
  return Trim(text.substr(line, end - line));
}

CheckedAnswer CheckAnswer(std::string_view text, const AnswerGround& ground, const AnswerLimits& limits) {
  return Checker(ground, limits).Check(text);
}

}  // namespace clawtrace::distill
