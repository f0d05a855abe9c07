"""The deliberate breaks of tests/breaks.json can still be made."""

import json
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent


def test_each_break_replaces_one_text_and_names_tests_that_exist():
    breaks = json.loads((HERE / "breaks.json").read_text(encoding="utf-8"))
    files = Counter(each["file"] for each in breaks)
    texts = {file: (HERE.parent / file).read_text(encoding="utf-8") for file in files}
    assert [each["why"] for each in breaks if texts[each["file"]].count(each["old"]) != 1] == []
    tests = {test.partition("::")[0] for each in breaks for test in each["tests"]}
    assert [test for test in tests if not (HERE.parent / test).exists()] == []
