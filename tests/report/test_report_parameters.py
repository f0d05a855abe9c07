import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from workbench.report import NotebookError, ParameterError
from workbench.report.parameters import check, declared

from .conftest import PARAMETERS


def notebook(source, **metadata):
    cell = new_code_cell(source, metadata={"tags": ["parameters"]})
    return new_notebook(cells=[new_code_cell("x = 1"), cell], metadata=metadata)


LRN = notebook(PARAMETERS, workbench={"operator": "LRN"})


def test_declared_reads_name_type_default_meaning_and_limits():
    rows = [(p.name, p.type_name, p.default, p.meaning, p.allowed) for p in declared(LRN).values()]
    assert rows == [
        ("alpha", "float", 1e-4, "strength: how strongly neighbours inhibit", "a number"),
        ("size", "int", 5, "channels (or rows and columns) in the window", "an odd whole number of at least 1"),
        ("photo", "str", "china.jpg", "photograph", "one of 'china.jpg', 'flower.jpg'"),
        ("count", "int", 3, "how many", "a whole number from 0 to 10"),
        ("quick", "bool", False, "skip the slow half", "True or False"),
    ]


def test_declared_takes_types_from_defaults_and_open_ranges():
    found = declared(notebook("a = 2  # [1 ..]\nb = 1.5  # [.. 2]\nc = '#fff'\nd: float = 3"))
    assert [(p.type_name, p.default, p.allowed) for p in found.values()] == [
        ("int", 2, "a whole number of at least 1"),
        ("float", 1.5, "a number of at most 2.0"),
        ("str", "#fff", "any text"),
        ("float", 3.0, "a number"),
    ]
    assert type(found["d"].default) is float


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("alpha", "-1e-3", -0.001),
        ("alpha", "2", 2.0),
        ("size", "7", 7),
        ("photo", "flower.jpg", "flower.jpg"),
        ("count", "0", 0),
        ("quick", "TRUE", True),
        ("quick", "false", False),
    ],
)
def test_text_becomes_the_declared_type(name, text, value):
    converted = check(LRN, {name: text}, text=True)
    assert converted == {name: value}
    assert type(converted[name]) is type(value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *[("alpha", text) for text in ("nan", "1e400", "-inf", "", " ", "strong", "1,5", "0x10")],
        *[("size", text) for text in ("4", "-1", "5.0", "1e1", "", "nan", "9" * 5000)],
        *[("count", text) for text in ("11", "-1", "2.5")],
        *[("photo", text) for text in ("China.jpg", "", "china.jpg | flower.jpg")],
        *[("quick", text) for text in ("1", "yes", "")],
        ("alhpa", "1"),
    ],
)
def test_wrong_text_is_refused_by_name_with_all_that_exist(name, text):
    with pytest.raises(ParameterError) as refusal:
        check(LRN, {name: text}, text=True)
    assert refusal.value.problems[0].startswith(name)
    assert list(refusal.value.declared) == ["alpha", "size", "photo", "count", "quick"]
    assert "count: int = 3 (a whole number from 0 to 10)" in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "value"), [("alpha", "1"), ("size", 5.0), ("size", True), ("photo", 3), ("quick", 1), ("count", None)]
)
def test_python_values_are_not_converted(name, value):
    with pytest.raises(ParameterError):
        check(LRN, {name: value})


def test_every_problem_is_named_at_once():
    with pytest.raises(ParameterError) as refusal:
        check(LRN, {"size": "4", "alhpa": "1", "alpha": "0.5"}, text=True)
    assert [problem.split("=")[0].split(":")[0] for problem in refusal.value.problems] == ["size", "alhpa"]


def test_a_notebook_without_parameters_refuses_any():
    with pytest.raises(ParameterError, match="tag one of its cells `parameters`"):
        check(new_notebook(cells=[new_code_cell("alpha = 1")]), {"alpha": "1"}, text=True)


def test_what_cannot_be_read_is_listed_but_not_settable():
    source = "a: float = 1  # as in a=1\nb = [1, 2]\nc = a + 1\nd: Path = 'x'\ne = None"
    assert list(declared(notebook(source))) == ["a", "b", "c", "d", "e"]
    assert check(notebook(source), {"a": "3"}, text=True) == {"a": 3.0}
    for name in "bcde":
        with pytest.raises(ParameterError, match=f"{name}: not settable: needs a bool, int, float or str"):
            check(notebook(source), {name: "3"}, text=True)


@pytest.mark.parametrize(
    ("source", "rows"),
    [
        ("s = 'a=b'", [("s", "str", "a=b", "", "any text")]),
        ("s = ''  # empty", [("s", "str", "", "empty", "any text")]),
        ("s: str = '#fff'  # as in s='#000' # or", [("s", "str", "#fff", "as in s='#000' # or", "any text")]),
        ("a = 2**10", [("a", "int", 1024, "", "a whole number")]),
        ("b: int = 10 * 1000  # rows", [("b", "int", 10_000, "rows", "a whole number")]),
        ("c: float = -(1 / 3 + 1)  # [-2 ..]", [("c", "float", -4 / 3, "", "a number of at least -2.0")]),
        ("d = 7 // 2 % 2", [("d", "int", 1, "", "a whole number")]),
        (
            "a = 1; b: float = 2  # place [0 .. 3]",
            [
                ("a", "int", 1, "place", "a whole number from 0 to 3"),
                ("b", "float", 2.0, "place", "a number from 0.0 to 3.0"),
            ],
        ),
        ("a, b = 1, 'x'", [("a", "int", 1, "", "a whole number"), ("b", "str", "x", "", "any text")]),
        ("a = b = 0.5", [("a", "float", 0.5, "", "a number"), ("b", "float", 0.5, "", "a number")]),
        ("a = (  # no\n    3  # no\n)  # yes [.. 4]", [("a", "int", 3, "yes", "a whole number of at most 4")]),
        ("a = 3  # type: float deep", [("a", "float", 3.0, "deep", "a number")]),
        ("%matplotlib inline\n!ls\na = 3  # deep", [("a", "int", 3, "deep", "a whole number")]),
        ("s: str | None = None  # name", [("s", "str | None", None, "name", "any text, or None")]),
        ("s: None | str = 'a'", [("s", "str | None", "a", "", "any text, or None")]),
        ("n: Optional[int] = 3", [("n", "int | None", 3, "", "a whole number, or None")]),
        (
            "n: 'typing.Optional[float]' = 3  # [0 ..]",
            [("n", "float | None", 3.0, "", "a number of at least 0.0, or None")],
        ),
        ("n: Union[int, None] = None", [("n", "int | None", None, "", "a whole number, or None")]),
        ("m: str | None = None  # [a | b]", [("m", "str | None", None, "", "one of 'a', 'b', or None")]),
        ("x: float = 1.0  # see [1]", [("x", "float", 1.0, "see [1]", "a number")]),
        ("x: float = 1.0  # [Smith et al. ...]", [("x", "float", 1.0, "[Smith et al. ...]", "a number")]),
        ("x: int = 1  # in [dB | V]", [("x", "int", 1, "in [dB | V]", "a whole number")]),
        ("x: int = 1  # from [a .. z]", [("x", "int", 1, "from [a .. z]", "a whole number")]),
        ("s: str = 'x'  # in [../data]", [("s", "str", "x", "in [../data]", "any text")]),
        ("s: str = 'x'  # as [dB | V]", [("s", "str", "x", "as [dB | V]", "any text")]),
        ("s: str = ''  # [dB | V]", [("s", "str", "", "", "one of 'dB', 'V'")]),
        ("q: bool = True  # [on | off]", [("q", "bool", True, "[on | off]", "True or False")]),
    ],
)
def test_a_line_of_any_form_is_read(source, rows):
    found = declared(notebook(source)).values()
    assert [(p.name, p.type_name, p.default, p.meaning, p.allowed) for p in found] == rows
    assert [type(p.default) for p in found] == [type(row[2]) for row in rows]


@pytest.mark.parametrize(
    "source", ["a = 10**10**10", "a = 1 / 0", "a = 2.0**5000", "a = 'x' * 3", "a = 1 << 3", "a = (-8) ** 0.5"]
)
def test_a_value_that_is_no_plain_constant_is_not_computed(source):
    (found,) = declared(notebook(source)).values()
    assert (found.arg, found.default) == (None, source.removeprefix("a = "))


@pytest.mark.parametrize(("text", "value"), [("None", None), ("", ""), ("a=b", "a=b"), ("none", "none")])
def test_a_text_may_be_empty_and_an_optional_one_none(text, value):
    lines = notebook("s: str | None = 'x'\nt = 'y'")
    assert check(lines, {"s": text}, text=True) == check(lines, {"s": value}) == {"s": value}
    assert check(lines, {"t": text}, text=True) == {"t": text}
    with pytest.raises(ParameterError, match="t=None: must be any text, not NoneType"):
        check(lines, {"t": None})


def test_an_optional_number_keeps_its_limits():
    lines = notebook("n: Optional[int] = 3  # [1 .. 5]")
    assert check(lines, {"n": "None"}, text=True) == {"n": None}
    for text in ("6", "", "none"):
        with pytest.raises(
            ParameterError,
            match=r"n='?(6|none|)'?: must be a whole number from 1 to 5, or None|nearest legal value is 5",
        ):
            check(lines, {"n": text}, text=True)


def test_a_second_tagged_cell_is_named():
    lines = notebook("a = 1\nb = 2")
    lines.cells += notebook("b = 3\nc = 4").cells[1:]
    assert list(declared(lines)) == ["a", "b", "c"]
    assert check(lines, {"a": "5"}, text=True) == {"a": 5}
    for name in "bc":
        with pytest.raises(ParameterError, match=f"{name}: not settable: .* a second cell tagged `parameters`"):
            check(lines, {name: "5"}, text=True)


def test_a_wrong_declaration_is_refused():
    with pytest.raises(NotebookError, match=r"range \[low \.\. 3\]"):
        declared(notebook("a: int = 1  # [low .. 3]"))
    for limits in ("0...10", "10 .. 0", "nan .. 1", "1 | 2", "0.5 .. 3", "1 .. two"):
        with pytest.raises(NotebookError, match=r"parameter a: .*as in \[0 \.\. 10\]"):
            declared(notebook(f"a: int = 1  # [{limits}]"))
    with pytest.raises(NotebookError, match=r"'LNR'.*LRN, LRNGradient"):
        declared(notebook("a: int = 1", workbench={"operator": "LNR"}))


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        ("p: float = 1.0  # [0 .. 4]", "a number from 0.0 to 4.0"),
        ("p: float = 1.0  # [-3 ..]", "a number of at least 0, infinity included"),
        ("p: float = 1.0  # [.. 4]", "a number from 0.0 to 4.0"),
        ("reg_lambda: float = 0.3  # [0.01 .. 0.9]", "a number from 0.01 to 0.9"),
        ("reg_lambda: float = 0.3  # [.. 0.9]", "a number above 0.0 and below 0.9"),
        ("reg_lambda: float = 0.3  # [-1 .. 7]", "a number above 0.0 and below 1.0"),
    ],
)
def test_the_narrower_of_two_ranges(line, allowed):
    (found,) = declared(notebook(line, workbench={"operator": "SparseLpRegularizer"})).values()
    assert found.allowed == allowed


def test_a_range_of_the_line_is_checked():
    lines = notebook("p: float = 1.0  # [0 .. 4]", workbench={"operator": "SparseLpRegularizer"})
    assert check(lines, {"p": "4"}, text=True) == {"p": 4.0}
    for wrong in ("5", "-1"):
        with pytest.raises(ParameterError, match=rf"p={wrong}\.0: must be a number from 0\.0 to 4\.0"):
            check(lines, {"p": wrong}, text=True)


def test_an_object_of_the_operator_keeps_the_brackets_of_its_line():
    lines = [
        'replacement: str = "mean"  # what is put in its place [zero | mean | median]',
        "ratio: float = 0.25  # [0 .. 0.5]",
        "seed: int = 3",
    ]
    dropout = notebook("\n".join(lines), workbench={"operator": "DropoutWithReplacement"})
    rows = [(p.name, p.type_name, p.default, p.meaning, p.allowed) for p in declared(dropout).values()]
    assert rows == [
        ("replacement", "str", "mean", "what is put in its place", "one of 'zero', 'mean', 'median'"),
        ("ratio", "float", 0.25, "share that is dropped", "a number from 0.0 to 0.5"),  # of two ranges the narrower
        ("seed", "int", 3, "which random stream; another for each step", "a whole number from 0 to 2^64 - 1"),
    ]
    read = check(dropout, {"replacement": "median", "ratio": "0.5", "seed": "0"}, text=True)
    assert read == {"replacement": "median", "ratio": 0.5, "seed": 0}
    for name, text in (("replacement", "Mean"), ("replacement", ""), ("ratio", "1.5"), ("seed", "-1")):
        with pytest.raises(ParameterError) as refusal:
            check(dropout, {name: text}, text=True)
        assert refusal.value.problems[0].startswith(f"{name}=")


def test_an_object_of_the_operator_may_be_a_number_in_a_notebook():
    line = notebook(
        "replacement: float = 0.5  # of the dropped [-1 .. 1]", workbench={"operator": "DropoutWithReplacement"}
    )
    assert check(line, {"replacement": "-0.25"}, text=True) == {"replacement": -0.25}
    for text in ("2", "mean"):
        with pytest.raises(ParameterError, match=r"must be a number from -1\.0 to 1\.0"):
            check(line, {"replacement": text}, text=True)


def test_the_notebook_is_left_as_it_was():
    before = nbformat.writes(LRN)
    declared(LRN)
    assert nbformat.writes(LRN) == before
