#include "tools/shell.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace clawtrace::tools {
namespace {

TEST(ShellTest, ReadOnlyNeedsEveryPartOnTheList) {
  for (std::string_view line :
       {"cat a.txt", "ls -la .", "grep -rn x . | head -5", "cat a && wc -l b", "git status",
        "git log --oneline | head", "find . -name '*.py'", "sed -n '1,5p' f", "cat f 2>/dev/null",
        "cat f 2>&1 | tail -3", "bat -p f", "FOO=1 cat f", "echo 'rm -rf /'", "cat <<'EOF'\nrm x\nEOF"}) {
    EXPECT_TRUE(ParseShell(line).read_only) << line;
  }
  for (std::string_view line :
       {"python3 x.py", "cat a > b", "ls; rm b", "find . -delete", "find . -exec rm {} +", "sed -i s/a/b/ f",
        "cat $(make list)", "echo `date > x`", "sort -o f f", "git commit -m x", "make", "",
        "echo \"$(rm x)\"", "cat a | tee b", "bat --pager=rm f", "bat cache --clear"}) {
    EXPECT_FALSE(ParseShell(line).read_only) << line;
  }
}

TEST(ShellTest, NamesWhatIsTouched) {
  auto c = ParseShell("cat 'docs in work/a b.md' notes > out/x.txt");
  EXPECT_THAT(c.reads, testing::IsEmpty()) << "a command that redirects is not taken as a reader";
  EXPECT_THAT(c.writes, testing::ElementsAre("out/x.txt"));
  EXPECT_THAT(ParseShell("cat 'docs in work/a b.md' notes").reads,
              testing::ElementsAre("docs in work/a b.md", "notes"));
  EXPECT_THAT(ParseShell("grep -n needle a.txt b.txt").reads, testing::ElementsAre("a.txt", "b.txt"));
  EXPECT_THAT(ParseShell("grep -n x a.txt | head -n 5").reads, testing::ElementsAre("a.txt"));
  EXPECT_THAT(ParseShell("head -n 5 a.txt").reads, testing::ElementsAre("a.txt"));
  EXPECT_THAT(ParseShell("grep -e needle a.txt").reads, testing::ElementsAre("a.txt"));
  EXPECT_THAT(ParseShell("mkdir -p out").writes, testing::ElementsAre("out"));
  EXPECT_THAT(ParseShell("sed -i s/a/b/ one two").writes, testing::ElementsAre("one", "two"));
  EXPECT_TRUE(ParseShell("mv a b").mutates);
}

TEST(ShellTest, NamesWhatIsReadFromStandardInput) {
  auto inputs = [](std::string_view line) {
    std::vector<std::string> all;
    for (const SimpleCommand& part : ParseShell(line).parts)
      all.insert(all.end(), part.inputs.begin(), part.inputs.end());
    return all;
  };
  EXPECT_THAT(inputs("tr a b < in.txt > out"), testing::ElementsAre("in.txt"));
  EXPECT_THAT(inputs("while read x; do echo $x; done < 'a b'"), testing::ElementsAre("a b"));
  EXPECT_THAT(inputs("cat <<< word; cat <<EOF\nx\nEOF"), testing::IsEmpty());
}

TEST(ShellTest, VolatileAndChecks) {
  for (std::string_view line :
       {"date", "curl -s http://x", "ps aux | grep x", "git fetch && git log", "docker ps"})
    EXPECT_TRUE(ParseShell(line).volatile_result) << line;
  for (std::string_view line :
       {"pytest -q", "npm test", "cargo test", "make", "python3 -m unittest discover -s tests",
        "python3 -m json.tool f.json", "bash -n run.sh", "npx tsc"}) {
    EXPECT_TRUE(ParseShell(line).check) << line;
  }
  EXPECT_FALSE(ParseShell("python3 build.py").check);
  EXPECT_FALSE(ParseShell("npm install").check);
}

TEST(ShellTest, AnyBytesAreSafe) {
  for (std::string_view line : {"'", "\"", "<<", "<<'", "a <<EOF", "\\", "$(", "`", "|", "&&", ">", ">>",
                                "2>", "a\\\nb", "((((", "\x01\xff"})
    (void)ParseShell(line);
}

TEST(Shell, ReadersThatWriteByAnOptionOrAnOperandAreNoReaders) {
  for (const char* line :
       {"env python3 gen.py", "env FOO=1 npm install", "command git commit -m x", "echo x >& out",
        "echo x >| out", "uniq in out", "xxd -r in out", "yq -i .a f", "tree -o out", "date -s now",
        "sed 'w out' f", "sed 's/a/b/w out' f", "find . -fprintf out x", "find . -fls out",
        "find . -okdir rm", "fd -x rm", "rg --pre cat x", "git diff --output=x", "hostname new"})
    EXPECT_FALSE(ParseShell(line).read_only) << line;
  for (const char* line :
       {"env", "command -v python3", "cat a 2>&1", "cat a 2>&-", "uniq in", "xxd in", "date +%s",
        "sed -n 's/we/they/p' f", "sed 's/a/b/' f", "find . -name x", "git diff", "hostname"})
    EXPECT_TRUE(ParseShell(line).read_only) << line;
  EXPECT_EQ(ParseShell("echo x >& out").writes, std::vector<std::string>{"out"});
  EXPECT_EQ(ParseShell("echo x >| out").writes, std::vector<std::string>{"out"});
}

}  // namespace
}  // namespace clawtrace::tools
