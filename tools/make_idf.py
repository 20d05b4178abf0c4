#!/usr/bin/env python3
"""Makes src/distill/merge/idf.def: in how few of many passages of technical prose a word stands.

usage: make_idf.py FILE... > src/distill/merge/idf.def

A passage is a paragraph or list item of 5 to 80 words outside code. The table is shipped and fixed: similarity of rules
must not depend on which rules are given. Words are stemmed as in src/distill/merge/words.cc. A row is a word and its
weight, 16 * ln((passages + 1) / (passages with it + 1)); words that are not in the table get kTopWeight.
"""
import collections
import math
import re
import sys

KEEP = 4000
LEAST = 4  # passages


def stem(word):
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        if len(word) >= len(ending) + 4 and word.endswith(ending):
            word = word[: -len(ending)]
            if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "ls":
                word = word[:-1]
            break
    if len(word) > 4 and word.endswith("e"):
        word = word[:-1]
    return word


def passages(text):
    text = re.sub(r"(?ms)^(```|~~~).*?^\1", "\n\n", text)
    for block in re.split(r"\n\s*\n|\n(?=\s*[-*+] )", text):
        if block.startswith(("    ", "\t")):
            continue
        words = {stem(word) for word in re.findall(r"[a-z0-9_]+", block.lower()) if re.search(r"[a-z]", word)}
        if 5 <= len(block.split()) <= 80:
            yield words


def main():
    seen, counts, total = set(), collections.Counter(), 0
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8", errors="ignore") as file:
            for words in passages(file.read()):
                key = frozenset(words)
                if key in seen:
                    continue
                seen.add(key)
                total += 1
                counts.update(words)
    kept = [(word, n) for word, n in counts.most_common(KEEP) if n >= LEAST and re.fullmatch("[a-z][a-z0-9_]{0,23}", word)]
    print(f"// Words by how rare they are in {total} passages of technical prose. Made by tools/make_idf.py.")
    for word, n in sorted(kept):
        print(f'CT_IDF("{word}", {round(16 * math.log((total + 1) / (n + 1)))})')
    print(f"most common: {counts.most_common(12)}; top weight {round(16 * math.log((total + 1) / (LEAST)))}",
          file=sys.stderr)


if __name__ == "__main__":
    main()
