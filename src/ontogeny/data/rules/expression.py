"""Drops documents for which an expression over the signal columns holds.

    {type: expression, drop: "words < 20 and digit_share > 0.3", reason: too_numeric}

The expression is parsed with `ast` into a handful of allowed nodes and worked out over whole columns with numpy;
nothing is ever handed to `eval`. What is not a number compares as false, as in numpy; beware of `not` and `!=` there.
It sees signals of the text as it is where the rule stands, and has no defaults.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, field_validator

from ontogeny.core.errors import RecipeError, nearest
from ontogeny.data.rules.judgement import Bound, Judgement, first_missed

MAX_CHARS, MAX_NODES = 2000, 500
"""What a person would write; more is refused, so that a recipe cannot exhaust the stack."""

Column: TypeAlias = npt.NDArray[Any]

COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}
ARITHMETIC: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
}
FUNCTIONS: Mapping[str, tuple[Callable[..., Any], int, int]] = {
    "min": (np.minimum, 2, 2),
    "max": (np.maximum, 2, 2),
    "abs": (np.abs, 1, 1),
    "log": (np.log, 1, 1),
}
"""By name: the function, the fewest and the most arguments it takes."""

ALLOWED = "names of columns, numbers, < <= > >= == !=, and, or, not, + - * / and min, max, abs, log"
BACKTICKED = re.compile(r"`([^`]*)`")


class Expression(BaseModel):
    """An expression that is true for the documents to drop, and the reason they are listed under.

    A column whose name is no Python name, such as that of a classifier, stands in backticks: "`quality:news` < 0.5".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["expression"]
    drop: str = Field(min_length=1, max_length=MAX_CHARS)
    reason: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")

    @field_validator("drop")
    @classmethod
    def _can_be_read(cls, drop: str) -> str:
        tree, _ = _parse(drop)
        if not _is_truth(tree):
            raise ValueError(
                f"`{drop}` is a number, not a yes or no: compare it with something, as in `words < 20`"
            )
        return drop


def columns_named(rule: Expression) -> tuple[str, ...]:
    """The columns that the expression reads, in alphabetical order."""
    tree, quoted = _parse(rule.drop)
    names = {quoted.get(node.id, node.id) for node in _values(tree) if isinstance(node, ast.Name)}
    return tuple(sorted(names))


def groups_needed(rule: Expression, group_of: Mapping[str, str]) -> tuple[str, ...]:
    """The signal groups that the expression needs, in alphabetical order, where `group_of` maps columns to groups.

    Raises:
        RecipeError: it names a column that no group gives.
    """
    for name in columns_named(rule):
        if name not in group_of:
            raise RecipeError(
                f"no signal is called {name!r} in the expression `{rule.drop}`.{nearest(name, group_of)}",
                hint=f"use one of: {', '.join(sorted(group_of))}",
            )
    return tuple(sorted({group_of[name] for name in columns_named(rule)}))


def judge_expression(rule: Expression, columns: Mapping[str, Column]) -> Judgement:
    """`rule.reason` where the expression holds; the score is the first column it names.

    Raises:
        RecipeError: it names a column that is not among `columns`.
    """
    named = columns_named(rule)
    groups_needed(rule, dict.fromkeys(columns, ""))
    tree, quoted = _parse(rule.drop)
    count = len(next(iter(columns.values()))) if columns else 0
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        held = np.broadcast_to(np.asarray(_value(tree, columns, quoted), dtype=bool), (count,))
    value = columns[named[0]].astype(np.float64) if named else np.full(count, np.nan)
    says = f"{named[0]}, and `{rule.drop}` holds" if named else f"`{rule.drop}` holds"
    return first_missed(count, [Bound(rule.reason, says, value, held)])


def _parse(text: str) -> tuple[ast.expr, dict[str, str]]:
    """The expression, checked, and the names that stood in backticks by those that stand for them."""
    quoted: dict[str, str] = {}

    def stand_in(match: re.Match[str]) -> str:
        name = f"_quoted_{len(quoted)}"
        quoted[name] = match.group(1)
        return name

    plain = BACKTICKED.sub(stand_in, text)
    try:
        tree = ast.parse(plain.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"`{text}` is not an expression; it may hold {ALLOWED}") from None
    if sum(1 for _ in ast.walk(tree)) > MAX_NODES:
        raise ValueError(f"the expression has more than {MAX_NODES} parts: write several rules")
    for node in _values(tree):
        _check(node, text)
    return tree, quoted


def _values(tree: ast.expr) -> Iterable[ast.expr]:
    """Every part that has a value: not operators, and not the names of functions."""
    yield tree
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.expr) and not (isinstance(tree, ast.Call) and child is tree.func):
            yield from _values(child)


def _check(node: ast.expr, text: str) -> None:
    match node:
        case ast.Name():
            return
        case ast.Constant(value=bool()):
            pass
        case ast.Constant(value=int() | float()):
            return
        case ast.BoolOp(values=values):
            if all(_is_truth(value) for value in values):
                return
            raise ValueError(f"`{text}`: both sides of and, or must be comparisons")
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            if _is_truth(operand):
                return
            raise ValueError(f"`{text}`: what follows not must be a comparison")
        case ast.UnaryOp(op=ast.USub(), operand=operand) if not _is_truth(operand):
            return
        case ast.BinOp(op=op, left=left, right=right) if type(op) in ARITHMETIC:
            if not (_is_truth(left) or _is_truth(right)):
                return
        case ast.Compare(ops=ops, left=left, comparators=comparators) if all(
            type(op) in COMPARISONS for op in ops
        ):
            if not any(_is_truth(side) for side in (left, *comparators)):
                return
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            _check_call(name, args, text)
            return
    raise ValueError(f"`{ast.unparse(node)[:80]}` cannot stand in an expression; it may hold {ALLOWED}")


def _check_call(name: str, args: list[ast.expr], text: str) -> None:
    if name not in FUNCTIONS:
        raise ValueError(f"`{text}`: there is no function {name!r}.{nearest(name, FUNCTIONS)}")
    _, fewest, most = FUNCTIONS[name]
    if not fewest <= len(args) <= most:
        raise ValueError(
            f"`{text}`: {name} takes {fewest} argument{'s' if fewest > 1 else ''}, not {len(args)}"
        )
    if any(_is_truth(arg) for arg in args):
        raise ValueError(f"`{text}`: {name} takes numbers, not comparisons")


def _is_truth(node: ast.expr) -> bool:
    is_not = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    return is_not or isinstance(node, ast.BoolOp | ast.Compare)


def _value(node: ast.expr, columns: Mapping[str, Column], quoted: Mapping[str, str]) -> Any:
    """The value of a checked node: an array (n,), or a number where no column takes part."""

    def of(part: ast.expr) -> Any:
        return _value(part, columns, quoted)

    match node:
        case ast.Name(id=name):
            return columns[quoted.get(name, name)].astype(np.float64)
        case ast.Constant(value=int() | float() as number):
            return np.float64(number)
        case ast.BoolOp(op=op, values=values):
            combine = np.logical_and if isinstance(op, ast.And) else np.logical_or
            return combine.reduce(np.broadcast_arrays(*[of(value) for value in values]))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return np.logical_not(of(operand))
        case ast.UnaryOp(operand=operand):
            return -of(operand)
        case ast.BinOp(op=op, left=left, right=right):
            return ARITHMETIC[type(op)](of(left), of(right))
        case ast.Compare(ops=ops, left=left, comparators=comparators):
            sides = [of(side) for side in (left, *comparators)]
            held = [COMPARISONS[type(op)](a, b) for op, a, b in zip(ops, sides[:-1], sides[1:], strict=True)]
            return np.logical_and.reduce(np.broadcast_arrays(*held))
        case ast.Call(func=ast.Name(id=name), args=args):
            return FUNCTIONS[name][0](*[of(arg) for arg in args])
    raise AssertionError(f"an unchecked node: {ast.dump(node)}")
