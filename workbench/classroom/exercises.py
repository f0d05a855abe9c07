"""Find the exercises of a notebook, and take their answers out.

An exercise is a code cell that calls `check(prediction, truth, ...)`. The prediction is a variable whose name begins
with `my_`, assigned in this cell or in an earlier one. A cell with the tag `solution` holds an answer.

In a handout each exercise is two cells: one to write the answer in, and one that checks it against the sealed truth.
Their metadata are nbgrader's, schema 3, which tells answers and tests apart by `solution` and `grade`.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from typing import Any

from nbformat import NotebookNode, from_dict
from nbformat.v4 import new_code_cell

from workbench.files import Refused
from workbench.report.cell import parsed, read_cell
from workbench.report.source import tags, without_outputs

SOLUTION = "solution"
ANSWER = "-answer"  # the end of an answer cell's grade_id; that of its check is the exercise's name
HEADING = re.compile(r"\*\*Exercise(?: \d+)?\.\*\*")
EMPTY = "# your answer"


def exercises(notebook: NotebookNode) -> dict[str, NotebookNode]:
    """Return the cells that check an answer, in order; their ids are the names of the exercises.

    The keys are the numbers of the headings above them, as in "3". A second check below a heading is "3.2".
    """
    found: dict[str, NotebookNode] = {}
    heading, of_heading = 0, 0
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (headings := len(HEADING.findall(cell.source))):
            heading, of_heading = heading + headings, 0
        elif checks(cell):
            of_heading += 1
            found[f"{heading}.{of_heading}" if of_heading > 1 else f"{heading}"] = cell
    return found


def checks(cell: NotebookNode) -> list[ast.Call]:
    """Return the calls of `check` with a truth in a code cell."""
    return _checks_in([_tree(cell)])


def numbered(notebook: NotebookNode) -> NotebookNode:
    """Return a copy in which the headings of exercises, as in `**Exercise.**`, are numbered from 1."""
    copy, count = from_dict(notebook), 0
    for cell in copy.cells:
        if cell.cell_type == "markdown":
            parts = re.split(f"({HEADING.pattern})", cell.source)
            for place in range(1, len(parts), 2):
                count += 1
                parts[place] = f"**Exercise {count}.**"
            cell.source = "".join(parts)
    return copy


def without_answers(notebook: NotebookNode, sealed: Mapping[str, Sequence[str]]) -> NotebookNode:
    """Return a copy for students, without outputs and answers; `sealed` has the truths of each exercise by its name.

    Markdown cells with the tag `solution` are left out, and code cells emptied. Of a cell that checks an answer only
    what the check or later cells need is kept.

    Raises:
        Refused: an exercise has no truth, as its check was never called.
    """
    bare = numbered(without_outputs(notebook))
    kept: list[NotebookNode] = []
    needed: set[str] = set()  # names that later cells read
    for cell in reversed(bare.cells):
        for part in reversed(_student_cells(cell, needed, sealed)):
            reads, binds = _names(_statements(part))
            needed = reads | (needed - binds)
            kept.insert(0, part)
    bare.cells = kept
    for name in sealed:
        _mark_answer(bare, name)
    return bare


def grade_id(cell: NotebookNode) -> str:
    """Return the name that a handout gave to a cell, or an empty text; students may have changed the metadata."""
    about = cell.metadata.get("nbgrader")
    return str(about.get("grade_id", "")) if isinstance(about, dict) else ""


def answer_lines(cell: NotebookNode) -> list[Any]:
    """Return the assignments to names that begin with `my_` at the top level of a code cell."""
    return [line for line in read_cell(cell.source) if line.name.startswith("my_")]


def _student_cells(cell: NotebookNode, needed: set[str], sealed: Mapping[str, Sequence[str]]) -> list[NotebookNode]:
    """Return what a student gets of a cell: nothing, the cell, or the two cells of an exercise."""
    cell.metadata.pop("nbgrader", None)  # of an earlier handout
    is_solution = SOLUTION in tags(cell)
    if is_solution:
        cell.metadata["tags"] = [tag for tag in tags(cell) if tag != SOLUTION]
    if not cell.metadata.get("tags", True):
        del cell.metadata["tags"]
    if cell.cell_type == "code" and checks(cell):
        if not sealed.get(cell.id):
            raise Refused(f"exercise {cell.id!r}: its check was not called when the notebook ran; call it in any case")
        return _split(cell, needed, list(sealed[cell.id]))
    if is_solution and cell.cell_type == "code":
        cell.source = EMPTY
        cell.metadata["nbgrader"] = _about(cell.id, solution=True)
    return [] if is_solution and cell.cell_type != "code" else [cell]


def _split(cell: NotebookNode, needed: set[str], sealed: list[str]) -> list[NotebookNode]:
    body = _tree(cell).body
    answers = [statement for statement in body if _is_answer(statement)]
    judging = [statement for statement in body if _checks_in([statement])]
    judging_code = _with_sealed(judging, sealed)
    reads = needed | _names(ast.parse(judging_code).body)[0]
    kept: list[ast.stmt] = []
    for statement in reversed(body):
        uses, binds = _names([statement])
        if statement not in answers and statement not in judging and binds & reads:
            kept.insert(0, statement)
            reads = uses | (reads - binds)
    texts = [_text(cell.source, statement) for statement in kept]
    check = from_dict(cell)
    check.source = "\n".join([*texts, judging_code])
    check.metadata["nbgrader"] = _about(cell.id, solution=False)
    if not answers:
        return [check]
    lines = [_text(cell.source, statement) for statement in answers]
    answer = new_code_cell("\n".join([*lines[:-1], f"{lines[-1]}  {EMPTY}"]), id=f"{cell.id}{ANSWER}")
    return [answer, check]


def _with_sealed(judging: list[ast.stmt], sealed: list[str]) -> str:
    """Return the code of the statements that check, with sealed truths: in place, or one after another in a loop."""
    calls = _checks_in(judging)
    in_place = len(calls) == len(sealed) and all(isinstance(statement, ast.Expr) for statement in judging)
    for place, call in enumerate(calls):
        truth: ast.expr = ast.Constant(sealed[place]) if in_place else ast.parse("next(sealed)", mode="eval").body
        call.args[1:2] = [truth] if len(call.args) > 1 else []
        for keyword in call.keywords:
            keyword.value = truth if keyword.arg == "truth" else keyword.value
    code = "\n".join(map(ast.unparse, judging))
    return code if in_place else "\n".join(["sealed = iter([", *(f"    {each!r}," for each in sealed), "])", code])


def _mark_answer(notebook: NotebookNode, name: str) -> None:
    """Give the cell in which the answer of an exercise is written its metadata: the last one with `my_` before it."""
    place = next(place for place, cell in enumerate(notebook.cells) if grade_id(cell) == name)
    for cell in reversed(notebook.cells[: place + 1]):
        if cell.cell_type == "code" and answer_lines(cell) and not grade_id(cell):
            cell.metadata["nbgrader"] = _about(name + ANSWER, solution=True)
            return
    raise Refused(f"exercise {name!r}: no cell before it assigns its answer to a name that begins with my_")


def _about(name: str, *, solution: bool) -> NotebookNode:
    points = {} if solution else {"points": 1}
    kind = {"grade": not solution, "solution": solution, "locked": not solution, "task": False}
    return NotebookNode(grade_id=name, schema_version=3, cell_type="code", **kind, **points)


def _tree(cell: NotebookNode) -> ast.Module:
    try:
        return ast.parse(cell.source if cell.cell_type == "code" else "")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.parse("")


def _statements(cell: NotebookNode) -> list[ast.stmt]:
    return parsed(cell.source)[1] if cell.cell_type == "code" else []


def _checks_in(nodes: Sequence[ast.AST]) -> list[ast.Call]:
    calls = [each for node in nodes for each in ast.walk(node) if isinstance(each, ast.Call)]
    named = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "check"]
    return [call for call in named if len(call.args) > 1 or any(each.arg == "truth" for each in call.keywords)]


def _is_answer(statement: ast.stmt) -> bool:
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    simple = isinstance(statement, ast.Assign | ast.AnnAssign)
    return simple and any(isinstance(each, ast.Name) and each.id.startswith("my_") for each in targets)


def _text(source: str, statement: ast.stmt) -> str:
    """Return a statement as it is written, without what else is in its lines."""
    if getattr(statement, "decorator_list", None):
        return ast.unparse(statement)
    return ast.get_source_segment(source, statement) or ast.unparse(statement)


def _names(statements: Sequence[ast.stmt]) -> tuple[set[str], set[str]]:
    """Return the names that code reads before it binds them, and those that it binds."""
    reads: set[str] = set()
    binds: set[str] = set()
    for statement in statements:
        loads, stores = _names_in(statement, ast.Load), _names_in(statement, ast.Store)
        own = _names_in(statement.value, ast.Store) if isinstance(statement, ast.Assign) else stores
        if isinstance(statement, ast.AugAssign):
            loads, own = loads | stores, set()
        reads |= loads - own - binds
        binds |= stores
    return reads, binds


def _names_in(node: ast.AST, context: type) -> set[str]:
    """Return the names that a piece of code loads or stores; arguments, functions and imports count as stored."""
    found = {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, context)}
    if context is ast.Store:
        for each in ast.walk(node):
            if isinstance(each, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
                found.add(each.name)
            elif isinstance(each, ast.arg):
                found.add(each.arg)
            elif isinstance(each, ast.alias):
                found.add((each.asname or each.name).partition(".")[0])
    return found
