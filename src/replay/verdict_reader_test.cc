// What every reader of verdicts must do, and what each makes of its own format.
#include "replay/verdict_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/text.h"
#include "model/archive.h"

namespace clawtrace::replay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kWhole = 1'000'000;

struct Sample {
  std::string file;  // its name
  std::string text;
  std::string reversed;  // the same with its runs the other way round; "" for formats of one run
};

// One at least of every reader.
const std::map<std::string, std::vector<Sample>>& Samples() {
  static const std::map<std::string, std::vector<Sample>> kAll = {
      {"clawtrace",
       {{"result.json",
         R"({"score":0.5,"passed":false,"checks":[{"name":"a","passed":true,"weight":2,"message":"m","evidence":"e"},{"name":"b","passed":false,"score":0.25}],"metrics":{"seconds":1.5}})",
         ""},
        {"graded.json",
         R"([{"session_id":"s1","status":"pass","score":1,"judge":"x"},{"session_id":"s2","status":"error","message":"broken"}])",
         R"([{"session_id":"s2","status":"error","message":"broken"},{"session_id":"s1","status":"pass","score":1,"judge":"x"}])"}}},
      {"harbor",
       {{"reward.txt", "0.5\n", ""},
        {"reward.json", R"({"reward":1,"speed":0.25})", ""},
        {"result.json",
         R"({"task_name":"t","trial_name":"t__x1","verifier_result":{"rewards":{"reward":1.0}},"exception_info":null})",
         ""}}},
      {"ctrf",
       {{"ctrf.json",
         R"({"results":{"tool":{"name":"pytest"},"summary":{"tests":3,"passed":1,"failed":1},"tests":[{"name":"a","status":"passed"},{"name":"b","status":"failed","message":"no","trace":"line 1"},{"name":"c","status":"skipped"}]}})",
         ""}}},
      {"junit",
       {{"junit.xml",
         R"(<?xml version="1.0"?><testsuites><testsuite name="s" tests="3"><testcase classname="m" name="a"/><testcase classname="m" name="b"><failure message="no">line 1</failure></testcase><testcase name="c"><skipped/></testcase></testsuite></testsuites>)",
         ""}}},
      {"swe-bench",
       {{"report.json",
         R"({"a__b-1":{"resolved":false,"tests_status":{"FAIL_TO_PASS":{"success":["t1"],"failure":["t2"]},"PASS_TO_PASS":{"success":["t3"],"failure":[]}}},"a__b-2":{"resolved":true}})",
         R"({"a__b-2":{"resolved":true},"a__b-1":{"tests_status":{"PASS_TO_PASS":{"failure":[],"success":["t3"]},"FAIL_TO_PASS":{"failure":["t2"],"success":["t1"]}},"resolved":false}})"},
        {"run.json",
         R"({"resolved_ids":["x-1"],"unresolved_ids":["x-2"],"error_ids":["x-3"],"submitted_ids":["x-1","x-2","x-3"]})",
         R"({"submitted_ids":["x-3","x-2","x-1"],"error_ids":["x-3"],"unresolved_ids":["x-2"],"resolved_ids":["x-1"]})"}}},
      {"grading",
       {{"grading.json",
         R"({"expectations":[{"text":"says hello","passed":true,"evidence":"line 1"},{"text":"no typo","passed":false,"evidence":"helo"}],"summary":{"passed":1,"failed":1,"total":2,"pass_rate":0.5}})",
         ""},
        {"grading.json", R"({"assertion_results":[{"text":"a","passed":true,"evidence":"x"}]})", ""}}},
      {"tau-bench",
       {{"runs.json",
         R"([{"task_id":1,"reward":1.0,"trial":0,"info":{"task":{"q":1}},"traj":[]},{"task_id":2,"reward":0.0,"trial":0,"info":{"task":{"q":2}},"traj":[]}])",
         R"([{"task_id":2,"reward":0.0,"trial":0,"info":{"task":{"q":2}},"traj":[]},{"task_id":1,"reward":1.0,"trial":0,"info":{"task":{"q":1}},"traj":[]}])"}}},
      {"csv",
       {{"verdicts.csv", "session,verdict,score,judge\ns1,success,1,ci\n\"s,2\",partial,0.25,\ns3,error,,\n",
         "session,verdict,score,judge\ns3,error,,\n\"s,2\",partial,0.25,\ns1,success,1,ci\n"},
        {"tasks.csv", "\xEF\xBB\xBFTask , Outcome\r\nt1,failure\r\nt2,pass", ""}}},
  };
  return kAll;
}

class EveryReader : public ::testing::TestWithParam<const VerdictReader*> {};
INSTANTIATE_TEST_SUITE_P(VerdictReaders, EveryReader, ::testing::ValuesIn(VerdictReaders()),
                         [](const auto& param) {
                           std::string name(param.param->name);
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

void ExpectBounded(const Judgement& judgement) {
  auto text = [](const std::string& value, size_t most) {
    EXPECT_LE(value.size(), most);
    EXPECT_TRUE(IsValidUtf8(value));
  };
  auto score = [](std::optional<int64_t> ppm) { EXPECT_TRUE(!ppm || (*ppm >= 0 && *ppm <= kWhole)) << *ppm; };
  text(judgement.message, kMostMessage), score(judgement.score_ppm);
  EXPECT_LE(judgement.checks.size(), kMostChecks);
  EXPECT_LE(judgement.metrics.size(), kMostMetrics);
  for (const Check& check : judgement.checks) {
    text(check.name, kMostName), text(check.message, kMostMessage), text(check.evidence, kMostMessage);
    score(check.score_ppm);
  }
  for (const auto& [name, value] : judgement.metrics) {
    text(name, kMostName);
    EXPECT_TRUE(std::isfinite(value));
  }
  EXPECT_TRUE(judgement.status != OracleStatus::kError || !judgement.message.empty());
}

// Whatever text is: no more than an error, and the same twice.
void ReadAnything(const VerdictReader& reader, std::string_view file, std::string_view text) {
  (void)reader.sniff(file, text);
  auto runs = reader.read(file, text);
  if (!runs) {
    EXPECT_NE(runs.error().message, "");
    return;
  }
  EXPECT_FALSE(runs->empty());
  for (const JudgedRun& run : *runs) {
    ExpectBounded(run.judgement);
    EXPECT_LE(run.session.size(), kMostName);
    EXPECT_LE(run.task.size(), kMostName);
  }
  auto again = reader.read(file, text);
  EXPECT_TRUE(again && *again == *runs);
}

TEST_P(EveryReader, KnowsItsOwnFormatAndNoOther) {
  ASSERT_TRUE(Samples().contains(std::string(GetParam()->name))) << "a sample is missing";
  for (const auto& [name, samples] : Samples()) {
    for (const Sample& sample : samples) {
      const VerdictReader* sniffed = SniffVerdicts(sample.file, sample.text);
      ASSERT_TRUE(sniffed) << sample.text;
      EXPECT_EQ(sniffed->name, name) << sample.text;
      EXPECT_TRUE(name != GetParam()->name || GetParam()->read(sample.file, sample.text)) << sample.text;
    }
  }
  for (std::string_view text : {"", " ", "{}", "[]", "null", "hello", "<html></html>", "a,b\n1,2\n"})
    EXPECT_FALSE(SniffVerdicts("x", text)) << text;
}

TEST_P(EveryReader, OrderOfRunsIsNothing) {
  for (const Sample& sample : Samples().at(std::string(GetParam()->name))) {
    if (sample.reversed.empty()) continue;
    auto one = GetParam()->read(sample.file, sample.text),
         other = GetParam()->read(sample.file, sample.reversed);
    ASSERT_TRUE(one && other);
    auto key = [](const JudgedRun& run) { return run.session + "\n" + run.task; };
    std::ranges::sort(*one, {}, key), std::ranges::sort(*other, {}, key);
    EXPECT_EQ(*one, *other);
    EXPECT_GE(one->size(), 2u);
  }
}

TEST_P(EveryReader, TotalOnCutAndChangedSamples) {
  for (const Sample& sample : Samples().at(std::string(GetParam()->name))) {
    for (size_t cut = 0; cut <= sample.text.size(); ++cut)
      ReadAnything(*GetParam(), sample.file, std::string_view(sample.text).substr(0, cut));
    EXPECT_TRUE(rc::check("changed bytes", [&] {
      std::string text = sample.text;
      for (int i = 0; i < 3; ++i)
        text[*rc::gen::inRange<size_t>(0, text.size())] = static_cast<char>(*rc::gen::inRange(0, 256));
      ReadAnything(*GetParam(), sample.file, text);
    }));
  }
}

TEST_P(EveryReader, TotalOnGarbage) {
  std::string file = Samples().at(std::string(GetParam()->name)).front().file;
  auto repeated = [](std::string_view text, size_t times) {
    std::string all;
    for (size_t i = 0; i < times; ++i) all += text;
    return all;
  };
  constexpr size_t kMany = 200'000;
  const std::vector<std::string> garbage = {
      std::string(),
      std::string(1, '\0'),
      std::string("\xFF\xFE\x00\x00", 4),
      repeated("[", kMany),
      repeated("{\"a\":", kMany),
      repeated("<testsuite>", kMany),
      repeated("\"", kMany),
      repeated(",", kMany),
      repeated("\n", kMany),
      "{\"score\":1e999}",
      "{\"reward\":-1e308}",
      "1e999",
      "-inf",
      "nan",
      "{\"results\":{\"tests\":{}}}",
      "{\"results\":{\"summary\":{\"passed\":-1,\"failed\":9223372036854775807}}}",
      "{\"expectations\":[1,null,{}]}",
      "{\"checks\":[[[[]]]]}",
      "[[],{},null]",
      "{\"x\":{\"resolved\":true,\"tests_status\":7}}",
      "<testsuites><testcase><failure/></testcase></testsuites>",
      R"(<!DOCTYPE t [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;"><!ENTITY f SYSTEM "file:///etc/passwd">]><testsuite><testcase name="&b;&f;"><failure>&f;</failure></testcase></testsuite>)"};
  for (const std::string& text : garbage) ReadAnything(*GetParam(), file, text);
  EXPECT_TRUE(
      rc::check("any bytes", [&](const std::string& text) { ReadAnything(*GetParam(), file, text); }));
}

Judgement Only(std::string_view reader, std::string_view file, std::string_view text) {
  auto runs = FindVerdictReader(reader)->read(file, text);
  EXPECT_TRUE(runs) << runs.error().message;
  EXPECT_EQ(runs->size(), 1u);
  return runs ? runs->front().judgement : Judgement();
}
Judgement FirstSample(std::string_view reader, size_t number = 0) {
  const Sample& sample = Samples().at(std::string(reader))[number];
  return Only(reader, sample.file, sample.text);
}
std::vector<std::string> Spelled(const Judgement& judgement) {
  std::vector<std::string> checks;
  for (const Check& check : judgement.checks)
    checks.push_back(check.name + (check.passed ? " +" : " - ") + check.message + "/" + check.evidence);
  return checks;
}

TEST(ClawtraceVerdictTest, Fields) {
  Judgement judgement = FirstSample("clawtrace");
  EXPECT_EQ(judgement.status, OracleStatus::kFail);
  EXPECT_EQ(judgement.score_ppm, kWhole / 2);
  EXPECT_THAT(Spelled(judgement), ElementsAre("a +m/e", "b - /"));
  EXPECT_EQ(judgement.checks[0].weight_ppm, 2 * kWhole);
  EXPECT_EQ(judgement.checks[1].score_ppm, kWhole / 4);
  EXPECT_EQ(judgement.metrics.at("seconds"), 1.5);
  EXPECT_EQ(judgement.tests_run, 2);
}

TEST(ClawtraceVerdictTest, WhatDecides) {
  auto status = [](std::string_view text) { return Only("clawtrace", "result.json", text).status; };
  EXPECT_EQ(status(R"({"score":1})"), OracleStatus::kPass);
  EXPECT_EQ(status(R"({"score":0.999})"), OracleStatus::kFail);
  EXPECT_EQ(status(R"({"score":0.8,"passed":true})"), OracleStatus::kPass);
  EXPECT_EQ(status(R"({"score":1,"passed":false})"), OracleStatus::kFail);
  EXPECT_EQ(status(R"({"checks":[{"name":"a","passed":true}]})"), OracleStatus::kPass);
  EXPECT_EQ(status(R"({"checks":[]})"), OracleStatus::kError);
  EXPECT_EQ(status(R"({"status":"skipped"})"), OracleStatus::kSkipped);
  EXPECT_EQ(status(R"({"passed":false,"status":"error"})"), OracleStatus::kError);
  for (std::string_view wrong :
       {R"({"status":"great"})", R"({"passed":"yes"})", R"({"score":1.5})", R"({"score":-1})",
        R"({"checks":[{"name":"a"}]})", R"({"checks":[{"passed":true}]})",
        R"({"checks":{"a":true},"passed":true})", R"({"checks":[{"name":"a","passed":true,"weight":-1}]})"})
    EXPECT_EQ(status(wrong), OracleStatus::kError) << wrong;
  Judgement weighed =
      Only("clawtrace", "result.json",
           R"({"checks":[{"name":"a","passed":true,"weight":3},{"name":"b","passed":false}]})");
  EXPECT_EQ(weighed.score_ppm, 3 * kWhole / 4);
}

TEST(HarborVerdictTest, RewardsAndTrials) {
  EXPECT_EQ(FirstSample("harbor").score_ppm, kWhole / 2);
  EXPECT_EQ(FirstSample("harbor").status, OracleStatus::kFail);
  EXPECT_EQ(FirstSample("harbor", 1).status, OracleStatus::kPass);
  EXPECT_EQ(FirstSample("harbor", 1).metrics.at("speed"), 0.25);
  EXPECT_EQ(Only("harbor", "reward.json", R"({"accuracy":0.75})").score_ppm, kWhole * 3 / 4);
  EXPECT_EQ(Only("harbor", "reward.json", R"({"a":1,"b":1})").status, OracleStatus::kError);
  EXPECT_EQ(Only("harbor", "reward.json", R"({"reward":"1"})").status, OracleStatus::kError);
  EXPECT_EQ(Only("harbor", "reward.txt", "1").status, OracleStatus::kPass);
  EXPECT_EQ(Only("harbor", "reward.txt", "-3").score_ppm, 0);
  EXPECT_FALSE(FindVerdictReader("harbor")->read("reward.txt", "1 2"));
  const Sample& trial = Samples().at("harbor")[2];
  auto runs = FindVerdictReader("harbor")->read(trial.file, trial.text);
  ASSERT_TRUE(runs);
  EXPECT_EQ(runs->front().task, "t");
  EXPECT_EQ(runs->front().session, "t__x1");
  Judgement broken = Only(
      "harbor", "result.json",
      R"({"task_name":"t","trial_name":"x","verifier_result":null,"exception_info":{"exception_type":"RewardFileNotFoundError","exception_message":"no file\nmore"}})");
  EXPECT_EQ(broken.status, OracleStatus::kError);
  EXPECT_EQ(broken.message, "RewardFileNotFoundError: no file");
  EXPECT_EQ(Only("harbor", "result.json",
                 R"({"trial_name":"x","exception_info":{"exception_type":"VerifierTimeoutError"}})")
                .status,
            OracleStatus::kTimeout);
}

TEST(CtrfVerdictTest, Tests) {
  Judgement judgement = FirstSample("ctrf");
  EXPECT_EQ(judgement.status, OracleStatus::kFail);
  EXPECT_EQ(judgement.score_ppm, kWhole / 2);
  EXPECT_EQ(judgement.tests_run, 2) << "what was skipped says nothing";
  EXPECT_THAT(Spelled(judgement), ElementsAre("a +/", "b - no/line 1"));
  EXPECT_EQ(Only("ctrf", "ctrf.json", R"({"results":{"summary":{"passed":3,"failed":0}}})").status,
            OracleStatus::kPass);
  EXPECT_EQ(Only("ctrf", "ctrf.json", R"({"results":{"tests":[]}})").status, OracleStatus::kError);
  EXPECT_EQ(Only("ctrf", "ctrf.json", R"({"results":{"tests":[{"name":"a","status":"skipped"}]}})").status,
            OracleStatus::kError);
}

TEST(JunitVerdictTest, Tests) {
  Judgement judgement = FirstSample("junit");
  EXPECT_EQ(judgement.status, OracleStatus::kFail);
  EXPECT_EQ(judgement.score_ppm, kWhole / 2);
  EXPECT_THAT(Spelled(judgement), ElementsAre("m.a +/", "m.b - no/line 1"));
  EXPECT_EQ(Only("junit", "junit.xml", "<testsuite/>").status, OracleStatus::kError);
  EXPECT_EQ(
      Only("junit", "junit.xml", "<testsuite><testcase name='x'><error/></testcase></testsuite>").status,
      OracleStatus::kFail);
  EXPECT_FALSE(FindVerdictReader("junit")->read("junit.xml", "<html/>"));
}

TEST(JunitVerdictTest, EntitiesAreNotExpanded) {
  Judgement judgement =
      Only("junit", "junit.xml",
           R"(<!DOCTYPE t [<!ENTITY b "boom"><!ENTITY f SYSTEM "file:///etc/passwd">]>)"
           R"(<testsuite><testcase name="&b;"><failure>&f;</failure></testcase></testsuite>)");
  EXPECT_THAT(Spelled(judgement), ElementsAre("&b; - /&f;"));
}

TEST(SweBenchVerdictTest, Instances) {
  const Sample& sample = Samples().at("swe-bench")[0];
  auto runs = FindVerdictReader("swe-bench")->read(sample.file, sample.text);
  ASSERT_TRUE(runs);
  ASSERT_EQ(runs->size(), 2u);
  const JudgedRun& first = runs->front();
  EXPECT_EQ(first.session, "a__b-1");
  EXPECT_EQ(first.judgement.status, OracleStatus::kFail);
  EXPECT_EQ(first.judgement.score_ppm, 0) << "resolved or not, whatever the share of tests";
  EXPECT_THAT(Spelled(first.judgement), ElementsAre("t1 +/", "t2 - /", "t3 +/"));
  const Sample& lists = Samples().at("swe-bench")[1];
  runs = FindVerdictReader("swe-bench")->read(lists.file, lists.text);
  ASSERT_TRUE(runs);
  ASSERT_EQ(runs->size(), 3u);
  EXPECT_EQ((*runs)[0].judgement.status, OracleStatus::kPass);
  EXPECT_EQ((*runs)[1].judgement.status, OracleStatus::kFail);
  EXPECT_EQ((*runs)[2].judgement.status, OracleStatus::kError);
}

TEST(GradingVerdictTest, BothSpellings) {
  Judgement judgement = FirstSample("grading");
  EXPECT_EQ(judgement.status, OracleStatus::kFail);
  EXPECT_EQ(judgement.score_ppm, kWhole / 2);
  EXPECT_THAT(Spelled(judgement), ElementsAre("says hello +/line 1", "no typo - /helo"));
  EXPECT_EQ(FirstSample("grading", 1).status, OracleStatus::kPass);
  EXPECT_EQ(Only("grading", "grading.json", R"({"expectations":[{"text":"a"}]})").status,
            OracleStatus::kError);
  EXPECT_EQ(Only("grading", "grading.json", R"({"expectations":[]})").status, OracleStatus::kError);
}

TEST(TauBenchVerdictTest, NamesOfRuns) {
  const Sample& sample = Samples().at("tau-bench")[0];
  auto runs = FindVerdictReader("tau-bench")->read(sample.file, sample.text);
  ASSERT_TRUE(runs);
  EXPECT_TRUE((*runs)[0].session.starts_with("task-1-trial-0-")) << (*runs)[0].session;
  EXPECT_TRUE((*runs)[0].task.starts_with("tau-bench-1-")) << (*runs)[0].task;
  EXPECT_EQ((*runs)[0].judgement.status, OracleStatus::kPass);
  EXPECT_EQ((*runs)[1].judgement.status, OracleStatus::kFail);
}

TEST(CsvVerdictTest, Rows) {
  const Sample& sample = Samples().at("csv")[0];
  auto runs = FindVerdictReader("csv")->read(sample.file, sample.text);
  ASSERT_TRUE(runs);
  ASSERT_EQ(runs->size(), 3u);
  EXPECT_EQ((*runs)[0].judge, "ci");
  EXPECT_EQ((*runs)[1].session, "s,2");
  EXPECT_EQ((*runs)[1].judgement.score_ppm, kWhole / 4);
  EXPECT_EQ(OutcomeOf((*runs)[1].judgement, "x").verdict, Verdict::kPartial);
  EXPECT_EQ((*runs)[2].judgement.status, OracleStatus::kError);
  const Sample& tasks = Samples().at("csv")[1];
  runs = FindVerdictReader("csv")->read(tasks.file, tasks.text);
  ASSERT_TRUE(runs) << runs.error().message;
  EXPECT_EQ((*runs)[1].task, "t2");
  EXPECT_EQ((*runs)[1].judgement.status, OracleStatus::kPass);
  auto wrong = [](std::string_view text) {
    auto read = FindVerdictReader("csv")->read("x.csv", text);
    return read ? std::string("read") : read.error().message;
  };
  EXPECT_THAT(wrong("session,verdict\ns,great\n"), HasSubstr("row 2: great is no verdict"));
  EXPECT_THAT(wrong("session,score\ns,2\n"), HasSubstr("0 to 1"));
  EXPECT_THAT(wrong("session,verdict\ns,partial\n"), HasSubstr("needs a score"));
  EXPECT_THAT(wrong("session,verdict\n,pass\n"), HasSubstr("neither session nor task"));
  EXPECT_THAT(wrong("session,verdict\n\"s,pass\n"), HasSubstr("without an end"));
  EXPECT_THAT(wrong("session,verdict\n"), HasSubstr("no run"));
}

TEST(OutcomeTest, ErrorIsNoFailure) {
  auto verdict = [](OracleStatus status, std::optional<int64_t> score = {}) {
    Judgement judgement;
    judgement.status = status, judgement.score_ppm = score;
    return OutcomeOf(judgement, "judge").verdict;
  };
  EXPECT_EQ(verdict(OracleStatus::kPass), Verdict::kSuccess);
  EXPECT_EQ(verdict(OracleStatus::kFail), Verdict::kFailure);
  EXPECT_EQ(verdict(OracleStatus::kFail, 1), Verdict::kPartial);
  EXPECT_EQ(verdict(OracleStatus::kFail, kWhole), Verdict::kFailure);
  EXPECT_EQ(verdict(OracleStatus::kError), Verdict::kError);
  EXPECT_EQ(verdict(OracleStatus::kTimeout), Verdict::kError);
  EXPECT_EQ(verdict(OracleStatus::kSkipped), Verdict::kUnknown);
  EXPECT_EQ(verdict(OracleStatus::kFlaky), Verdict::kPartial);
}

}  // namespace
}  // namespace clawtrace::replay
