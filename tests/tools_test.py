"""Tests of the checks under tools/: each finds a planted fault and is silent on a clean tree."""
import os
import pathlib
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import check_docs  # noqa: E402
import check_layers  # noqa: E402
import check_size  # noqa: E402
import check_tests  # noqa: E402
import tidy  # noqa: E402


class Tree(unittest.TestCase):
    """A small repository in a temporary folder."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


class Layers(Tree):
    def setUp(self):
        super().setUp()
        self.write("src/layers.txt", "# order\nbase:\nmodel: base\ncapture: base model\nstore: base model\n")
        self.write("src/base/json.h", "#pragma once\n#include <string>\n")
        self.write("src/base/json.cc", '#include "base/json.h"\n#include <simdjson.h>\n#include <sys/stat.h>\n')
        self.write("src/store/store.h", '#pragma once\n#include "model/fact.h"\n')
        self.write("src/model/fact.h", '#pragma once\n#include <fmt/core.h>\n#include "base/json.h"\n')

    def problems(self):
        return [problem.replace(str(self.root), "") for problem in check_layers.check(self.root / "src")]

    def test_clean_tree(self):
        self.assertEqual(self.problems(), [])

    def test_sibling(self):
        self.write("src/capture/a.cc", '#include <vector>\n#include "store/store.h"\n')
        self.assertEqual(self.problems(), ["/src/capture/a.cc:2: capture may not include store (src/layers.txt)"])

    def test_upwards(self):
        self.write("src/base/a.h", '#include "model/fact.h"\n')
        self.assertEqual(self.problems(), ["/src/base/a.h:1: base may not include model (src/layers.txt)"])

    def test_third_party_outside_its_wrapper(self):
        self.write("src/model/a.cc", "#include <simdjson.h>\n")
        self.assertIn("/src/model/a.cc:1: <simdjson.h> belongs in base/json.cc", self.problems()[0])

    def test_unknown_third_party(self):
        self.write("src/model/a.cc", "#include <nlohmann/json.hpp>\n")
        self.assertIn("<nlohmann/json.hpp> is not known", self.problems()[0])

    def test_test_framework_only_in_tests(self):
        self.write("src/model/a_test.cc", "#include <gtest/gtest.h>\n")
        self.assertEqual(self.problems(), [])
        self.write("src/model/a.cc", "#include <gtest/gtest.h>\n")
        self.assertIn("/src/model/a.cc:1: <gtest/gtest.h> is not known", self.problems()[0])

    def test_missing_file_and_unknown_module(self):
        self.write("src/model/a.cc", '#include "fact.h"\n')
        self.write("src/extra/a.cc", "\n")
        problems = self.problems()
        self.assertIn("module extra is not in", problems[0])
        self.assertIn('"fact.h" is no file below src/', problems[1])

    def test_order_forbids_cycles(self):
        self.write("src/layers.txt", "base: model\nmodel: base\ncapture: base model\nstore: base model\n")
        self.assertIn("base names model, which does not stand above it", self.problems()[0])


class Size(Tree):
    def problems(self):
        return check_size.check(self.root)[0]

    def test_lines(self):
        def lines(count):
            return "".join(f"int x{i};\n" for i in range(count))

        self.write("src/base/a.cc", lines(700))
        self.write("tests/a.h", lines(300))
        self.assertEqual(self.problems(), [])
        self.write("src/base/a.cc", lines(701))
        self.write("tests/a.h", lines(301))
        self.assertEqual([problem.split(":")[0] for problem in self.problems()], ["src/base/a.cc", "tests/a.h"])

    def test_exception_needs_reason_and_a_file(self):
        self.write("src/base/a.cc", "".join(f"int x{i};\n" for i in range(800)))
        self.write("tools/size_exceptions.txt", "src/base/a.cc 900 a table of independent entries\n")
        self.assertEqual(self.problems(), [])
        self.write("tools/size_exceptions.txt", "src/base/a.cc 900\n")
        self.assertEqual(len(self.problems()), 2)
        self.write("tools/size_exceptions.txt", "src/base/a.cc 900 table\nsrc/base/gone.cc 900 table\n")
        self.assertIn("gone.cc does not exist", self.problems()[0])

    def test_header_includes(self):
        own = "".join(f'#include "base/h{i}.h"\n' for i in range(10))
        self.write("src/base/a.h", own + "#include <vector>\n#include <string>\n")
        self.assertEqual(self.problems(), [])
        self.write("src/base/a.h", own + "#include <fmt/core.h>\n")
        self.assertIn("includes 11 headers", self.problems()[0])

    def test_repeated_text(self):
        block = "".join(f"  call_number_{i}(argument);\n" for i in range(30))
        self.write("src/base/a.cc", block)
        self.assertEqual(self.problems(), [])
        self.write("src/base/b.cc", "// other\n" + block.replace("  call", "\tcall"))
        self.assertIn("windows are repeated: src/base/a.cc and src/base/b.cc", self.problems()[0])

    def test_shared_ptr(self):
        self.write("src/base/a.cc", "std::shared_ptr<int> x;\n")
        self.assertIn("1 shared_ptr", self.problems()[0])


class Docs(Tree):
    def setUp(self):
        super().setUp()
        self.write("src/capture/importers.def", "// a list\nCT_IMPORTER(kOne)\nCT_IMPORTER(kTwo)\n")
        self.write("src/capture/one.cc", 'extern const Importer kOne;\nconst Importer kOne = {\n    .name = "one-log",\n};\n')
        self.write("src/capture/two.cc", 'constexpr std::string_view kName = "two";\nconst Importer kTwo = {.name = kName, .x = 1};\n')
        self.write("docs/formats.md", "Reads `one-log` and `two`, see [the list](../src/capture/importers.def).\n")

    def problems(self):
        return [problem.replace(str(self.root) + "/", "") for problem in check_docs.check(self.root)]

    def test_clean_tree(self):
        self.write("README.md", "Type `src/capture/one.cc --now`, `build/x`, `a/b`, `src/<module>/NAME.cc`, `src/*/two.cc`.\n```\nsrc/gone.cc\n```\n")
        self.assertEqual(self.problems(), [])

    def test_path_that_does_not_exist(self):
        self.write("README.md", "one\nsee `src/capture/gone.cc`\n")
        self.assertEqual(self.problems(), ["README.md:2: src/capture/gone.cc does not exist"])

    def test_link_that_leads_nowhere(self):
        self.write("README.md", "[a](https://example.org) [b](docs/gone.md#part)\n")
        self.assertEqual(self.problems(), ["README.md:1: the link to docs/gone.md leads nowhere"])

    def test_entry_without_a_word(self):
        self.write("docs/formats.md", "Reads `two`, and one-log without quotes.\n")
        self.assertEqual(self.problems(), ["src/capture/importers.def: no document describes the importer `one-log`"])

    def test_entry_without_definition(self):
        self.write("src/capture/two.cc", "")
        self.assertEqual(self.problems(), ["src/capture/importers.def: no definition with .name found for kTwo"])


class Tests(Tree):
    def places(self):
        return [problem.split(": ")[0] for problem in check_tests.check(self.root)]

    def test_clean_tree(self):
        self.write("src/base/temp_folder_test_util.h", 'pattern = fs::temp_directory_path() / "x"; ::mkdtemp(pattern);\n')
        self.write("src/base/folder.cc", "::mkdtemp(pattern);\n")
        self.write("src/base/a_test.cc", 'test::TempFolder folder;  // never TempDir()\nsession.info.cwd = "/tmp/demo";\n'
                   'EXPECT_FALSE(fs::exists("/tmp/demo"));\nhost = {.scratch = "/tmp"};\n'
                   'folder.Write("a/tmp/b", "x");\nRun(Shell("cd /tmp && ls"));\n')
        self.write("tests/a.py", 'with tempfile.TemporaryDirectory() as folder:\n    log = {"cwd": "/tmp/demo"}\n')
        self.write("tests/e2e/transcripts/a.txt", "$ clawtrace export x -o $SCRATCH/tmp/x\n! clawtrace: /tmp/demo\n> /tmp/a\n")
        self.assertEqual(self.places(), [])

    def test_folder_of_a_tests_own(self):
        self.write("src/base/a_test.cc", 'auto a = fs::path(testing::TempDir()) / ("x" + std::to_string(::getpid()));\n')
        self.write("src/base/b_test_util.h", '\nauto b = fs::temp_directory_path() / "x";\n')
        self.write("tests/c.h", "::mkdtemp(pattern.data());\n")
        self.assertEqual(self.places(), ["src/base/a_test.cc:1", "src/base/b_test_util.h:2", "tests/c.h:1"])

    def test_fixed_name(self):
        self.write("src/base/a_test.cc", 'std::ofstream("/tmp/clawtrace.txt") << 1;\nfs::path place = "/var/tmp/x";\n'
                   'fs::create_directories("/dev/shm/x");\nASSERT_TRUE(WriteFileAtomically("/tmp/x", ""));\n'
                   'std::system("mkdir /tmp/x");\n')
        self.write("tests/a.py", 'open("/tmp/x", "w")\npathlib.Path(f"/tmp/{name}")\ntempfile.gettempdir() + "/x"\n')
        self.write("tests/e2e/transcripts/a.txt", "$ echo x >/tmp/a\n$ clawtrace import logs --store /tmp/s.db\n")
        self.assertEqual(self.places(), [f"src/base/a_test.cc:{n}" for n in range(1, 6)] + [f"tests/a.py:{n}" for n in range(1, 4)] +
                         [f"tests/e2e/transcripts/a.txt:{n}" for n in (1, 2)])


class Tidy(Tree):
    def test_key_follows_every_input(self):
        self.write("a.cc", "one")
        self.write("a.h", "two")
        inputs = [self.root / "a.cc", self.root / "a.h"]
        first = tidy.key_of(inputs, "options")
        self.assertEqual(first, tidy.key_of(inputs, "options"))
        self.write("a.h", "three")
        self.assertNotEqual(first, tidy.key_of(inputs, "options"))
        self.assertNotEqual(tidy.key_of(inputs, "options"), tidy.key_of(inputs, "other options"))

    def test_key_is_the_same_in_every_clone(self):
        keys = set()
        for clone in ("one", "another/two"):
            self.write(f"{clone}/src/a.cc", "same")
            self.write(f"{clone}/build/x", "")
            root = self.root / clone
            keys.add(tidy.key_of([root / "build" / "../src/a.cc"], f"c++ -I{root}/src -c {root}/src/a.cc", root))
        self.assertEqual(len(keys), 1)

    def test_commands_without_precompiled_headers(self):
        self.assertEqual(
            tidy.own_headers("c++ -O3 -Winvalid-pch -Xclang -include-pch -Xclang /b/x.pch -Xclang -include -Xclang /b/x.hxx -o a.o -c a.cc"),
            "c++ -O3 -o a.o -c a.cc")

    def test_what_was_not_used_for_long_is_forgotten(self):
        for name, days in (("old", 31), ("new", 29)):
            self.write(name, "")
            then = time.time() - days * 86400
            os.utime(self.root / name, (then, then))
        tidy.forget(self.root)
        self.assertEqual([path.name for path in self.root.iterdir()], ["new"])

    def test_dependencies_as_ninja_prints_them(self):
        text = "x/a.cc.o: #deps 2, deps mtime 1 (VALID)\n    ../a.cc\n    ../a.h\n\nx/b.cc.o: #deps 1, deps mtime 1 (VALID)\n    ../b.cc\n\n"
        self.assertEqual(tidy.parse_deps(text), {"x/a.cc.o": ["../a.cc", "../a.h"], "x/b.cc.o": ["../b.cc"]})

    def test_exceptions_by_function(self):
        allowed = tidy.read_exceptions("# why\nsrc/a.cc Long a table\nsrc/a.cc Short was long once\nsrc/a.cc bugprone-y known\n")
        output = (f"{tidy.ROOT}/src/a.cc:3:1: error: function 'Long' has cognitive complexity of 30 [readability-function-cognitive-complexity]\n"
                  "    3 | void Long() {\nsrc/a.cc:9:1: note: +1\n"
                  f"{tidy.ROOT}/src/a.cc:8:1: error: function 'Other' exceeds [readability-function-size]\n"
                  f"{tidy.ROOT}/src/a.cc:9:1: error: function 'Long' is bad [bugprone-x,-warnings-as-errors]\n"
                  f"{tidy.ROOT}/src/a.cc:9:1: error: known [bugprone-y,-warnings-as-errors]\n")
        found = tidy.findings(output, "src/a.cc", allowed)
        self.assertEqual(len(found), 3)
        self.assertIn("'Other'", found[0])
        self.assertIn("bugprone-x", found[1])
        self.assertIn("Short is not needed", found[2])


if __name__ == "__main__":
    unittest.main()
