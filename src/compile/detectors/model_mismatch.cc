// Model mismatch: another model answered than was asked for: a fallback, a router's choice, or a sub-agent
// that did not get the model its spawn names. An observation: the session paid for what answered. Two
// spellings of one model are none (dated ids, prefixes, aliases of the book), and neither is a name that the
// book does not know as a model, such as a deployment's.
#include <algorithm>
#include <map>

#include "base/json.h"
#include "base/text.h"
#include "compile/detector.h"
#include "pricing/model_id.h"

namespace clawtrace::compile {
namespace {

// Every spelling of a model that the book knows; empty when it does not.
std::vector<std::string> NamesOf(const PriceBook& book, std::string_view id) {
  std::vector<std::string> names;
  PriceMatch match = book.Find(id, "", std::nullopt);
  if (!match.row) return names;
  for (std::string_view from : {id, std::string_view(match.row->model)}) {
    for (IdForm& form : IdForms(from)) names.push_back(std::move(form.id));
  }
  return names;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// "gpt-4-0613" and "gpt-4-turbo-preview" are versions of "gpt-4" and "gpt-4-turbo"; "gpt-4-1" is none.
bool IsVersionOf(std::string_view longer, std::string_view shorter) {
  constexpr size_t kDateDigits = 4;
  if (!longer.starts_with(shorter) || longer.size() <= shorter.size()) return false;
  std::string_view rest = longer.substr(shorter.size());
  if (rest.starts_with("-preview") || rest.starts_with("-exp") || rest.starts_with(":")) return true;
  return rest[0] == '-' && static_cast<size_t>(std::ranges::count_if(rest, IsDigit)) >= kDateDigits &&
         std::ranges::all_of(rest, [](char c) { return IsDigit(c) || c == '-'; });
}

bool Differ(const PriceBook& book, std::string_view requested, std::string_view answered) {
  std::vector<std::string> asked = NamesOf(book, requested), got = NamesOf(book, answered);
  if (asked.empty() || got.empty()) return false;
  for (const std::string& a : asked) {
    for (const std::string& b : got) {
      if (a == b || IsVersionOf(a, b) || IsVersionOf(b, a)) return false;
    }
  }
  return true;
}

// Families that a spawn can ask for without naming a version.
bool IsFamily(std::string_view name) { return name == "opus" || name == "sonnet" || name == "haiku"; }

std::string_view ModelOf(const Session& child) {
  for (const Step& step : child.steps) {
    bool counts = step.kind == StepKind::kLlmCall && step.llm.billed && !step.llm.auxiliary &&
                  step.llm.error.empty() && !step.llm.model.empty();
    if (counts) return step.llm.model;
  }
  return {};
}

// What the spawn asks for and what its agent ran on, when these are two models.
std::optional<std::pair<std::string, std::string>> SpawnMismatch(const PriceBook& book, const Step& step) {
  if (step.children.size() != 1) return std::nullopt;
  thread_local JsonParser parser;
  auto args = parser.Parse(step.tool.args);
  if (!args) return std::nullopt;
  std::string requested = ToLower((*args)["model"].text());
  std::string answered(ModelOf(step.children.front()));
  if (requested.empty() || NamesOf(book, answered).empty()) return std::nullopt;
  bool other = IsFamily(requested) ? ToLower(answered).find(requested) == std::string::npos
                                   : Differ(book, requested, answered);
  if (!other) return std::nullopt;
  return std::pair(std::move(requested), std::move(answered));
}

std::vector<Finding> Find(const Scene& scene) {
  std::vector<Finding> findings;
  if (!scene.money) return findings;
  const PriceBook& book = scene.money->book;
  std::map<std::pair<std::string_view, std::string_view>, std::optional<size_t>> seen;  // nullopt: the same
  for (size_t i = 0; i < scene.session.steps.size(); ++i) {
    const Step& step = scene.session.steps[i];
    if (step.kind == StepKind::kSubagentSpawn) {
      if (auto other = SpawnMismatch(book, step)) {
        Finding& finding = findings.emplace_back();
        finding.steps = {i}, finding.target = scene.meanings[i].target;
        finding.requested_model = std::move(other->first), finding.model = std::move(other->second);
      }
      continue;
    }
    bool counts = step.kind == StepKind::kLlmCall && step.llm.billed && !step.abandoned &&
                  step.llm.error.empty() && step.llm.requested_model;
    if (!counts) continue;
    const std::string &requested = *step.llm.requested_model, &answered = step.llm.model;
    auto [known, first] = seen.try_emplace({requested, answered});
    if (first && Differ(book, requested, answered)) {
      known->second = findings.size();
      Finding& finding = findings.emplace_back();
      finding.target = "another model answered", finding.requested_model = requested;
      finding.model = answered;
    }
    if (!known->second) continue;
    Finding& finding = findings[*known->second];
    finding.steps.push_back(i);
    if (auto billed = scene.money->priced.prices[i].billed)
      finding.cost = finding.cost.value_or(Usd()) + *billed;
  }
  return findings;
}

}  // namespace

extern const Detector kModelMismatch;
const Detector kModelMismatch = {
    .name = "model_mismatch",
    .summary = "another model answered than was asked for",
    .find = Find,
    .observes = true,
};

}  // namespace clawtrace::compile
