"""Read the assignments of a parameters cell: names, types, values and comments. No code is run."""

import ast
import contextlib
import dataclasses
import io
import operator
import re
import tokenize
from collections.abc import Iterator
from typing import Any

ARITHMETIC = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
LARGEST_POWER = 10_000  # bits of a whole number that a declaration may compute
TYPE_COMMENT = re.compile(r"type:\s*(\S+)\s*(.*)")  # as in `size = 5  # type: int width of the window`


@dataclasses.dataclass(frozen=True)
class Line:
    """One assignment of a constant or another expression.

    `type_name` is empty without an annotation; `value` is None unless the expression is a bool, int, float or str.
    """

    name: str
    type_name: str
    expression: str
    value: bool | int | float | str | None
    comment: str


def read_cell(source: str) -> list[Line]:
    """Return the assignments at the top level of a cell, as far as it is Python; the last one of a name counts."""
    source, statements = parsed(source)
    comments = _comments(source)
    found = {}
    for statement in statements:
        comment = comments.get(statement.end_lineno or 0, "")
        annotated = statement.annotation if isinstance(statement, ast.AnnAssign) else None
        typed = None if annotated else TYPE_COMMENT.fullmatch(comment)
        type_name = typed[1] if typed else ast.unparse(annotated) if annotated else ""
        for name, value in _assigned(statement):
            expression = ast.get_source_segment(source, value) or ast.unparse(value)
            found[name] = Line(name, type_name, expression, _constant(value), typed[2] if typed else comment)
    return list(found.values())


def read_type(type_name: str) -> tuple[str, bool]:
    """Return the name of a type without None, and whether None is allowed, as in `str | None` or `Optional[str]`."""
    try:
        members = [ast.unparse(member) for member in _members(ast.parse(type_name, mode="eval").body)]
    except SyntaxError:
        return type_name, False
    others = [member for member in members if member != "None"]
    return (others[0], len(members) > 1) if len(others) == 1 else (type_name, False)


def parsed(source: str) -> tuple[str, list[ast.stmt]]:
    """Return the source, with IPython's magic commands as Python, and its statements."""
    with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        return source, ast.parse(source).body
    from IPython.core.inputtransformer2 import TransformerManager  # takes long; few cells need it

    with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        source = TransformerManager().transform_cell(source)
        return source, ast.parse(source).body
    return "", []


def _comments(source: str) -> dict[int, str]:
    """Return the comments by the number of their line."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string[1:].strip() for token in tokens if token.type == tokenize.COMMENT}


def _assigned(statement: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    """Yield each name that a statement assigns, with its value: `a = 1`, `a: int = 1`, `a = b = 1` or `a, b = 1, 2`."""
    if not isinstance(statement, ast.Assign | ast.AnnAssign) or statement.value is None:
        return
    value = statement.value
    for target in [statement.target] if isinstance(statement, ast.AnnAssign) else statement.targets:
        pairs = [(target, value)]
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            pairs = list(zip(target.elts, value.elts, strict=True))
        yield from ((each.id, item) for each, item in pairs if isinstance(each, ast.Name))


def _constant(node: ast.expr) -> bool | int | float | str | None:
    """Return the value of a literal, or of arithmetic with numbers; None for anything else."""
    try:
        value = _computed(node)
    except (ValueError, TypeError, KeyError, ArithmeticError, RecursionError):
        return None
    return value if isinstance(value, bool | int | float | str) else None


def _computed(node: ast.expr) -> Any:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_computed(node.operand)
    if not isinstance(node, ast.BinOp):
        return ast.literal_eval(node)
    left, right = _computed(node.left), _computed(node.right)
    if isinstance(left, str | bytes) or isinstance(right, str | bytes):
        raise TypeError
    if isinstance(node.op, ast.Pow) and isinstance(left, int) and left.bit_length() * right > LARGEST_POWER:
        raise ValueError
    return ARITHMETIC[type(node.op)](left, right)


def _members(node: ast.expr) -> Iterator[ast.expr]:
    """Yield the types of a union: `int | None`, `Union[int, None]` or `Optional[int]`; quotes are removed."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from _members(ast.parse(node.value, mode="eval").body)
    elif isinstance(node, ast.BinOp):
        yield from (*_members(node.left), *_members(node.right))
    elif isinstance(node, ast.Subscript) and ast.unparse(node.value).rpartition(".")[2] in ("Optional", "Union"):
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice, ast.Constant(None)]
        for each in inner:
            yield from _members(each)
    else:
        yield node
