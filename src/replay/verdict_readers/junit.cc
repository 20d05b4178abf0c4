// JUnit XML, as pytest, jest, gradle and others write it. Wraps pugixml, which knows no external entities and
// does not expand those that a document declares. docs/oracles.md.
#include <pugixml.hpp>

#include "base/text.h"
#include "replay/verdict_json.h"

namespace clawtrace::replay {
namespace {

constexpr std::string_view kFiles[] = {"verifier/junit.xml",   "junit.xml",
                                       "verifier/report.xml",  "report.xml",
                                       "verifier/results.xml", "results.xml"};

// The node that follows in the document, without recursion: reports may be nested as deep as they like.
pugi::xml_node Next(pugi::xml_node at, bool into, pugi::xml_node root) {
  if (into && at.first_child()) return at.first_child();
  while (at && at != root && !at.next_sibling()) at = at.parent();
  return at && at != root ? at.next_sibling() : pugi::xml_node();
}

Check CheckOf(pugi::xml_node test, pugi::xml_node wrong) {
  Check check;
  std::string_view group = test.attribute("classname").value(), name = test.attribute("name").value();
  check.name = BoundedText(group.substr(0, kMostName), kMostName);
  if (!check.name.empty() && !name.empty()) check.name += ".";
  check.name = BoundedText(check.name + std::string(name.substr(0, kMostName)), kMostName);
  check.passed = !wrong;
  check.message = BoundedText(wrong.attribute("message").value(), kMostMessage);
  check.evidence = BoundedText(Trim(wrong.text().get()), kMostMessage);
  return check;
}

Result<Runs> Read(std::string_view, std::string_view text) {
  pugi::xml_document document;
  constexpr unsigned kPlain = pugi::parse_cdata | pugi::parse_escapes | pugi::parse_eol;
  auto parsed = document.load_buffer(text.data(), text.size(), kPlain);
  if (!parsed) return Fail(ErrorCode::kCorruptData, "it is no XML");
  pugi::xml_node root = document.document_element();
  std::string_view kind = root.name();
  if (kind != "testsuite" && kind != "testsuites")
    return Fail(ErrorCode::kCorruptData, "it has no test suite");
  CheckList checks;
  for (pugi::xml_node at = root; at;) {
    bool test = std::string_view(at.name()) == "testcase";
    if (test && !at.child("skipped")) {
      pugi::xml_node wrong = at.child("failure") ? at.child("failure") : at.child("error");
      checks.Add(CheckOf(at, wrong));
    }
    at = Next(at, !test, root);
  }
  return OneRun(std::move(checks).Judged());
}

bool Sniff(std::string_view, std::string_view text) {
  constexpr size_t kHead = 4096;
  std::string_view head = text.substr(0, kHead);
  return Trim(head).starts_with('<') && head.contains("<testsuite");
}

}  // namespace

extern const VerdictReader kJunitVerdict;
const VerdictReader kJunitVerdict = {
    .name = "junit",
    .summary = "JUnit XML",
    .oracle_files = kFiles,
    .sniff = Sniff,
    .read = Read,
};

}  // namespace clawtrace::replay
