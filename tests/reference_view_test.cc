// The reference view must equal what the published reference compiler printed for the same logs: parsed
// values, numbers to 1e-9.
#include "compile/reference_view.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/file.h"
#include "base/json.h"
#include "base/value.h"
#include "support/data.h"
#include "tools/python_text.h"

namespace clawtrace {
namespace {

void ExpectEqual(Json ours, Json theirs, const std::string& where) {
  if (theirs.is_number()) {
    ASSERT_TRUE(ours.is_number()) << where;
    EXPECT_NEAR(*ours.number(), *theirs.number(), 1e-9) << where;
  } else if (theirs.is_object()) {
    EXPECT_EQ(ours.size(), theirs.size()) << where;
    theirs.ForEachField([&](std::string_view key, Json value) {
      ExpectEqual(ours[key], value, where + "." + std::string(key));
    });
  } else if (theirs.is_array()) {
    ASSERT_EQ(ours.size(), theirs.size()) << where;
    for (size_t i = 0; i < theirs.size(); ++i)
      ExpectEqual(ours.at(i), theirs.at(i), where + "[" + std::to_string(i) + "]");
  } else {
    EXPECT_EQ(ours.Canonical(), theirs.Canonical()) << where;
  }
}

TEST(ReferenceViewTest, EqualsThePublishedCompilerOnEveryCase) {
  int cases = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(test::SourceDir() / "tests/golden/reference")) {
    std::string name = entry.path().filename().string();
    if (!name.ends_with(".expected.json")) continue;
    std::string stem = name.substr(0, name.size() - std::string_view(".expected.json").size());
    auto path = [&](const char* ending) { return entry.path().parent_path() / (stem + ending); };
    if (!std::filesystem::exists(path(".meta.json"))) continue;
    JsonParser meta, theirs, ours;
    Json about = *meta.Parse(*ReadFile(path(".meta.json")));
    std::string final_message(about["final_message"].text());
    std::string log = *ReadFile(path(".jsonl"));
    compile::ReferenceInput input{.log = log,
                                  .task_id = std::string(about["task_id"].text()),
                                  .final_message = final_message,
                                  .top_k = static_cast<size_t>(*about["top_k"].integer())};
    auto card = ours.Parse(compile::ReferenceCard(input, true));
    ASSERT_TRUE(card) << stem;
    ExpectEqual(*card, *theirs.Parse(*ReadFile(path(".expected.json"))), stem);
    EXPECT_TRUE(ParseYaml(compile::ReferenceCard(input, false), stem)) << stem;
    ++cases;
  }
  EXPECT_GE(cases, 16);
}

TEST(ReferenceViewTest, BrokenLogsGiveACardWhereTheReferenceStops) {
  for (const auto& entry :
       std::filesystem::directory_iterator(test::SourceDir() / "tests/golden/reference")) {
    if (!entry.path().filename().string().starts_with("15") || entry.path().extension() != ".jsonl") continue;
    JsonParser parser;
    EXPECT_TRUE(parser.Parse(compile::ReferenceCard({.log = *ReadFile(entry.path())}, true))) << entry.path();
  }
}

TEST(PythonTextTest, SpellsLikePython) {
  JsonParser parser;
  Json value = *parser.Parse(R"({"b":[1,1.0,-0.5,1e-7,1e300,true,null],"a":"\"é\n\u0001\\","c":{}})");
  EXPECT_EQ(tools::PythonDumps(value),
            "{\"a\": \"\\\"é\\n\\u0001\\\\\", \"b\": [1, 1.0, -0.5, 1e-07, 1e+300, true, null], \"c\": {}}");
  EXPECT_EQ(tools::PythonStr(value),
            "{'b': [1, 1.0, -0.5, 1e-07, 1e+300, True, None], 'a': '\"é\\n\\x01\\\\', 'c': {}}");
  EXPECT_EQ(tools::PythonRound(2.675, 2), "2.67") << "halves go by the binary value, as in Python";
  EXPECT_EQ(tools::PythonRound(2, 4), "2.0");
  EXPECT_EQ(tools::FirstCharacters("aé漢b", 3), "aé漢");
  EXPECT_EQ(tools::LastCharacters("aé漢b", 2), "漢b");
}

}  // namespace
}  // namespace clawtrace
