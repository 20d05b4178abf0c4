#include "replay/edits.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace clawtrace::replay {
namespace {

Action Edit(std::vector<Replacement> edits, Leniency leniency = Leniency::kExact) {
  return {.kind = ActionKind::kEdit, .edits = std::move(edits), .leniency = leniency};
}

std::string Edited(std::string_view file, const Action& action) {
  auto text = ApplyEdits(file, action);
  return text ? *text : "refused: " + text.error().message;
}

struct EditCase {
  std::string name, file;
  Action action;
  std::string want;
};

TEST(EditsTest, ReplacesAsTheClientWould) {
  Action at_once = Edit({{.old_text = "one", .new_text = "two"}, {.old_text = "two", .new_text = "three"}},
                        Leniency::kTypography);
  at_once.edits_at_once = true;
  Action overlap = Edit({{.old_text = "ab", .new_text = "1"}, {.old_text = "bc", .new_text = "2"}});
  overlap.edits_at_once = true;
  Action creates = Edit({{.new_text = "new\n"}});
  creates.creates = true;
  const EditCase kCases[] = {
      {"once", "a b c", Edit({{.old_text = "b", .new_text = "x"}}), "a x c"},
      {"absent", "a b c", Edit({{.old_text = "z", .new_text = "x"}}),
       "refused: the old text is not in the file"},
      {"not unique", "b b", Edit({{.old_text = "b", .new_text = "x"}}),
       "refused: the old text is in the file 2 times, not 1"},
      {"all", "b b", Edit({{.old_text = "b", .new_text = "bb", .all = true}}), "bb bb"},
      {"expected", "b b", Edit({{.old_text = "b", .new_text = "x", .expected = 2}}), "x x"},
      {"not as expected", "b b b", Edit({{.old_text = "b", .new_text = "x", .expected = 2}}),
       "refused: the old text is in the file 3 times, not 2"},
      {"first", "b b", Edit({{.old_text = "b", .new_text = "x", .first = true}}), "x b"},
      {"one after another", "one",
       Edit({{.old_text = "one", .new_text = "two"}, {.old_text = "two", .new_text = "three"}}), "three"},
      {"at once", "one two", at_once, "two three"},
      {"overlap", "abc", overlap, "refused: edits overlap"},
      {"no change", "a", Edit({{.old_text = "a", .new_text = "a"}}), "refused: nothing would change"},
      {"empty old text", "a", Edit({{.new_text = "x"}}), "refused: no old text, and the file is not empty"},
      {"makes a file", "", creates, "new\n"},
      {"makes none where one is", "text", creates, "refused: no old text, and the file is not empty"},
      {"unicode",
       "gr\xC3\xBC\xC3\x9F"
       "e \xE6\xBC\xA2\xE5\xAD\x97",
       Edit({{.old_text = "\xE6\xBC\xA2", .new_text = "\xE5\xAD\x97"}}),
       "gr\xC3\xBC\xC3\x9F"
       "e \xE5\xAD\x97\xE5\xAD\x97"},
      {"no newline at the end", "a\nb", Edit({{.old_text = "b", .new_text = "c"}}), "a\nc"},
      {"CRLF is bytes", "a\r\nb\r\n", Edit({{.old_text = "a\nb", .new_text = "c"}}),
       "refused: the old text is not in the file"},
      {"CRLF is kept", "a\r\nb\r\n", Edit({{.old_text = "a\nb", .new_text = "c\nd"}}, Leniency::kLineEnds),
       "c\r\nd\r\n"},
      {"quotes", "x = \xE2\x80\x9Chi\xE2\x80\x9D;",
       Edit({{.old_text = "\"hi\"", .new_text = "'ho'"}}, Leniency::kQuotes), "x = 'ho';"},
      {"quotes elsewhere stay",
       "\xE2\x80\x98"
       "a\xE2\x80\x99 \xE2\x80\x98"
       "b\xE2\x80\x99",
       Edit({{.old_text = "'b'", .new_text = "c"}}, Leniency::kQuotes),
       "\xE2\x80\x98"
       "a\xE2\x80\x99 c"},
      {"lines by their text", "  if x:\n\tgo()\n",
       Edit({{.old_text = "if x:\n  go()", .new_text = "pass"}}, Leniency::kIndent), "pass\n"},
      {"reindented", "    if x:\n        go()\n",
       Edit({{.old_text = "if x:\n    go()", .new_text = "if y:\n    stay()"}}, Leniency::kReindent),
       "    if y:\n        stay()\n"},
  };
  for (const EditCase& c : kCases) EXPECT_EQ(Edited(c.file, c.action), c.want) << c.name;
}

TEST(EditsTest, LevelsTheWholeFileWhereTheClientDoes) {
  Action action = Edit({{.old_text = "b - c", .new_text = "d"}}, Leniency::kTypography);
  action.edits_at_once = true;
  EXPECT_EQ(Edited("a  \nb \xE2\x80\x93 c\n", action), "a\nd\n");
  // Found exactly, nothing else is touched.
  EXPECT_EQ(Edited("a  \nb - c\n", action), "a  \nd\n");
  // Counted as leniently: two places look alike to it.
  EXPECT_EQ(Edited("b - c\nb \xE2\x80\x93 c\n", action),
            "refused: the old text is in the file 2 times, not 1");
}

TEST(EditsTest, InsertsBehindALine) {
  auto inserted = [](std::string_view file, int64_t after, std::string text) {
    return Edited(file, {.kind = ActionKind::kEdit, .text = std::move(text), .insert_after = after});
  };
  EXPECT_EQ(inserted("a\nb\n", 0, "x"), "x\na\nb\n");
  EXPECT_EQ(inserted("a\nb\n", 1, "x\ny"), "a\nx\ny\nb\n");
  EXPECT_EQ(inserted("a\nb\n", 2, "x"), "a\nb\nx\n");
  EXPECT_EQ(inserted("a", 1, "x"), "a\nx");
  EXPECT_EQ(inserted("a\n", 9, "x"), "refused: no such line: 9");
  EXPECT_EQ(inserted("a\n", -1, "x"), "refused: no such line: -1");
}

std::string Patched(std::string_view file, std::string_view body) {
  auto files = ParsePatch("*** Begin Patch\n*** Update File: f\n" + std::string(body) + "\n*** End Patch");
  if (!files) return "refused: " + files.error().message;
  EXPECT_EQ(files->size(), 1u);
  auto text = ApplyChunks(file, files->front().chunks);
  return text ? *text : "refused: " + text.error().message;
}

TEST(PatchTest, FindsLinesAsCodexDoes) {
  EXPECT_EQ(Patched("a\nb\nc\n", "@@\n a\n-b\n+B\n c"), "a\nB\nc\n");
  EXPECT_EQ(Patched("a\nb\nc\n", " a\n-b\n+B"), "a\nB\nc\n") << "the first change may go without its mark";
  EXPECT_EQ(Patched("f\nx\ng\nx\n", "@@ g\n-x\n+y"), "f\nx\ng\ny\n") << "the second of two alike";
  EXPECT_EQ(Patched("f\nx\ng\nx\n", "@@ h\n-x\n+y"), "refused: no such line: h");
  EXPECT_EQ(Patched("x\na\nx\n", "@@\n-x\n+y\n*** End of File"), "x\na\ny\n");
  EXPECT_EQ(Patched("a\n", "@@\n+b"), "a\nb\n") << "nothing old: at the end";
  EXPECT_EQ(Patched("a", "@@\n-a\n+b"), "b\n") << "a file ends with a line end afterwards";
  EXPECT_EQ(Patched("", "@@\n+b"), "b\n");
  EXPECT_EQ(Patched("  a  \n", "@@\n-a\n+b"), "b\n");
  EXPECT_EQ(Patched("say \xE2\x80\x9Chi\xE2\x80\x9D\n", "@@\n-say \"hi\"\n+say \"ho\""), "say \"ho\"\n");
  EXPECT_EQ(Patched("a\r\nb\r\n", "@@\n-b\n+B"), "a\r\nB\r\n");
  EXPECT_EQ(Patched("a\nb\nc\nd\n", "@@\n-a\n+A\n@@\n-c\n+C\n+CC"), "A\nb\nC\nCC\nd\n");
  EXPECT_EQ(Patched("a\n", "@@\n-z\n+y"), "refused: no such lines: z");
  EXPECT_EQ(Patched("a\n", "@@"), "refused: a change without lines");
  EXPECT_EQ(Patched("a\n", "@@\n-a\n+A\n@@\n a\n"), "refused: no such lines: a") << "changes go forward";
}

TEST(PatchTest, ReadsAllKindsOfFiles) {
  auto files = ParsePatch(
      "*** Begin Patch\n*** Add File: a/b.txt\n+one\n+\n+three\n*** Delete File: gone\n*** Update File: "
      "old\n*** Move to: new\n@@\n-x\n+y\n"
      "*** End Patch\n");
  ASSERT_TRUE(files) << files.error().message;
  ASSERT_EQ(files->size(), 3u);
  EXPECT_EQ((*files)[0].text, "one\n\nthree\n");
  EXPECT_EQ((*files)[1].what, PatchFile::What::kDelete);
  EXPECT_EQ((*files)[1].path, "gone");
  EXPECT_EQ((*files)[2].move_to, "new");
  EXPECT_EQ((*files)[2].chunks[0].new_lines, std::vector<std::string>{"y"});
  EXPECT_TRUE(ParsePatch("<<'EOF'\n*** Begin Patch\n*** Delete File: x\n*** End Patch\nEOF\n"));
  for (std::string_view bad : {"", "*** Begin Patch", "*** Begin Patch\nx\n*** End Patch",
                               "*** Begin Patch\n*** Update File: f\n*** End Patch"})
    EXPECT_FALSE(ParsePatch(bad)) << bad;
}

constexpr std::string_view kNotebook =
    R"({"cells":[{"cell_type":"markdown","id":"m1","metadata":{},"source":["# T"]},)"
    R"({"cell_type":"code","execution_count":3,"id":"c1","metadata":{"x":1.5},"outputs":[{"text":"3"}],"source":["1+2"]}],)"
    R"("metadata":{},"nbformat":4,"nbformat_minor":5})";

std::string Cells(const Action& action) {
  auto text = EditNotebook(kNotebook, action);
  if (!text) return "refused: " + text.error().message;
  JsonParser parser;
  auto parsed = parser.Parse(*text);
  EXPECT_TRUE(parsed) << *text;
  std::string all;
  (*parsed)["cells"].ForEachItem([&](Json cell) {
    all += std::string(cell["cell_type"].text()) + ":" +
           (cell["source"].is_string() ? std::string(cell["source"].text()) : "-") + ":" +
           std::to_string(cell["outputs"].size()) + " ";
  });
  return all;
}

TEST(NotebookTest, ChangesOneCell) {
  Action edit{.kind = ActionKind::kNotebook, .text = "2+2", .cell_id = "c1"};
  EXPECT_EQ(Cells(edit), "markdown:-:0 code:2+2:0 ") << "what it had put out is gone";
  edit.cell_id.clear(), edit.cell_number = 0;
  EXPECT_EQ(Cells(edit), "markdown:2+2:0 code:-:1 ");
  edit.cell_mode = CellMode::kInsert;
  EXPECT_EQ(Cells(edit), "markdown:-:0 code:2+2:0 code:-:1 ");
  edit.cell_number.reset();
  EXPECT_EQ(Cells(edit), "code:2+2:0 markdown:-:0 code:-:1 ");
  edit.cell_mode = CellMode::kDelete, edit.cell_id = "m1";
  EXPECT_EQ(Cells(edit), "code:-:1 ");
  edit.cell_id = "nobody";
  EXPECT_EQ(Cells(edit), "refused: no such cell");
  edit.cell_mode = CellMode::kReplace, edit.cell_id = "cell-2";
  EXPECT_EQ(Cells(edit), "markdown:-:0 code:-:1 code:2+2:0 ") << "the one behind the last is a new one";
  EXPECT_FALSE(EditNotebook("no json", edit));
  EXPECT_FALSE(EditNotebook(R"({"cells":{}})", edit));
}

TEST(NotebookTest, LaysItOutAsTheClientDoes) {
  auto text = EditNotebook(
      R"({"cells":[{"cell_type":"markdown","metadata":{},"source":"a"}],"nbformat":4,"v":[1,2.5,{}]})",
      {.kind = ActionKind::kNotebook, .text = "b", .cell_number = 0});
  ASSERT_TRUE(text);
  EXPECT_EQ(*text,
            "{\n \"cells\": [\n  {\n   \"cell_type\": \"markdown\",\n   \"metadata\": {},\n   \"source\": "
            "\"b\"\n  }\n ],\n"
            " \"nbformat\": 4,\n \"v\": [\n  1,\n  2.5,\n  {}\n ]\n}");
}

TEST(EditsTest, AnyBytesGiveATextOrARefusal) {
  EXPECT_TRUE(rc::check([](const std::string& file, const std::string& text, const std::string& other,
                           int64_t number) {
    for (Leniency leniency : {Leniency::kExact, Leniency::kLineEnds, Leniency::kQuotes, Leniency::kTypography,
                              Leniency::kIndent, Leniency::kReindent}) {
      Action action =
          Edit({{.old_text = text, .new_text = other}, {.old_text = other, .new_text = file, .all = true}},
               leniency);
      (void)ApplyEdits(file, action);
      action.edits_at_once = true, action.creates = true;
      (void)ApplyEdits(file, action);
    }
    (void)ApplyEdits(file, {.kind = ActionKind::kEdit, .text = text, .insert_after = number});
    (void)ParsePatch("*** Begin Patch\n*** Update File: f\n" + text + "\n*** End Patch");
    if (auto files = ParsePatch("*** Begin Patch\n*** Update File: f\n@@\n-" + text + "\n+" + other +
                                "\n*** End Patch"))
      (void)ApplyChunks(file, files->front().chunks);
    (void)EditNotebook(file, {.kind = ActionKind::kNotebook, .text = text, .cell_number = number});
  }));
}

// What an edit puts in, the opposite edit takes out.
TEST(EditsTest, AnEditAndItsOppositeGiveTheFileBack) {
  EXPECT_TRUE(rc::check([](const std::string& head, const std::string& tail) {
    RC_PRE(!head.contains('@') && !tail.contains('@') && !head.contains('#') && !tail.contains('#'));
    std::string file = head + "@old@" + tail;
    auto there = ApplyEdits(file, Edit({{.old_text = "@old@", .new_text = "#new#"}}));
    RC_ASSERT(there.has_value());
    auto back = ApplyEdits(*there, Edit({{.old_text = "#new#", .new_text = "@old@"}}));
    RC_ASSERT(back.has_value());
    RC_ASSERT(*back == file);
  }));
}

}  // namespace
}  // namespace clawtrace::replay
