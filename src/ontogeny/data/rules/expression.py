"""Drops documents for which an expression over their columns holds.

    {type: expression, drop: "words < 20 and digit_share > 0.3", reason: too_numeric}
    {type: expression, drop: "domain in ['a.example', 'b.example'] or date < '2015'", reason: unwanted}
    {type: expression, drop: "worthy < 0.3 and extract_score < 0.5", reason: poor}

It sees what a document says of itself (`source`, `domain`, `url`, `license`, `extractor`: texts; `date`;
`extract_score`), every signal of the text as it is where the rule stands (`language`, a text, as it was detected), and
the columns of edits, classifiers and lists that stand before it in the recipe.

A comparison with a missing value is false, != and `not in` too: `domain != 'a.example'` leaves documents without a
domain alone, and `not domain == 'a.example'` drops them. What is no finite number, as after a division by zero, is
missing. It has no defaults.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, field_validator

from ontogeny.core.errors import RecipeError, nearest
from ontogeny.data.language_codes import language_names
from ontogeny.data.rules.expression_grammar import (
    DATE_COLUMN,
    TEXT_COLUMNS,
    Parsed,
    day_of,
    kind_of_column,
    parse,
)
from ontogeny.data.rules.judgement import Bound, Judgement, first_missed
from ontogeny.data.rules.reasons import is_reserved
from ontogeny.data.signals.classifier import quality_column

MAX_CHARS = 2000

Column: TypeAlias = npt.NDArray[Any]

DETECTED = "language"
ABOUT = (*(name for name in TEXT_COLUMNS if name != DETECTED), DATE_COLUMN, "extract_score")
"""What a document says of itself. Its language is what was detected: a column of signals."""

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
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "min": np.minimum,
    "max": np.maximum,
    "abs": np.abs,
    "log": np.log,
}


class Expression(BaseModel):
    """An expression that is true for the documents to drop, and the reason they are listed under.

    A classifier's column goes by the name of its rule. A column whose name is no Python name stands in backticks.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["expression"]
    drop: str = Field(min_length=1, max_length=MAX_CHARS)
    """Of columns, numbers and texts in quotes: `words < 20 and digit_share > 0.3`, `domain in ['a.example']`. A
    comparison with a missing value is false."""
    reason: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    """A name of your own, in small letters, digits and `_`."""

    @field_validator("drop")
    @classmethod
    def _can_be_read(cls, drop: str) -> str:
        parse(drop)
        return drop

    @field_validator("reason")
    @classmethod
    def _is_its_own(cls, reason: str) -> str:
        if is_reserved(reason):
            raise ValueError(
                f"{reason!r} is what documents are listed under that go for another cause: give a name of your own"
            )
        return reason


def columns_named(rule: Expression) -> tuple[str, ...]:
    """The columns that the expression reads, in alphabetical order."""
    return tuple(parse(rule.drop).columns())


def resolve(name: str, known: Iterable[str]) -> str | None:
    """The one of the columns `known` that `name` means: itself, or that of the classifier called so."""
    known = set(known)
    return next((each for each in (name, quality_column(name)) if each in known), None)


def groups_needed(rule: Expression, group_of: Mapping[str, str]) -> tuple[str, ...]:
    """The signal groups that the expression needs, in alphabetical order, where `group_of` maps columns to groups.

    Columns of no group are there already where the rule is judged, or are not at all (`together.check_rules`).
    """
    return tuple(sorted({group_of[name] for name in columns_named(rule) if name in group_of}))


def refuse_unknown(rule: Expression, known: Iterable[str]) -> None:
    """Refuse an expression that names a column which is not among `known`.

    Raises:
        RecipeError: it does; names the nearest.
    """
    known = set(known)
    for name in columns_named(rule):
        if resolve(name, known) is None:
            names = sorted(each.removeprefix(quality_column("")) for each in known)
            raise RecipeError(
                f"there is no column {name!r} for the expression `{rule.drop}`.{nearest(name, names)}",
                hint=f"use one of: {', '.join(names)}; columns of an edit, a classifier or a list are there behind"
                " its rule",
            )


def judge_expression(rule: Expression, columns: Mapping[str, Column]) -> Judgement:
    """`rule.reason` where the expression holds; the score is the first number it names.

    Raises:
        RecipeError: it names a column that is not among `columns`.
    """
    refuse_unknown(rule, columns)
    parsed = parse(rule.drop)
    count = len(next(iter(columns.values()))) if columns else 0
    values = {name: _prepared(name, columns) for name in parsed.columns()}
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        held = np.broadcast_to(np.asarray(_truth(parsed.tree, parsed, values), dtype=bool), (count,))
    scored = next((name for name in parsed.columns() if kind_of_column(name) == "number"), None)
    value = np.full(count, np.nan) if scored is None else values[scored]
    says = f"{scored}, and `{rule.drop}` holds" if scored else f"`{rule.drop}` holds"
    return first_missed(count, [Bound(rule.reason, says, value, held)])


def _prepared(name: str, columns: Mapping[str, Column]) -> Column:
    """A column (n,): numbers as float64 with nan where one is missing, dates as `day_of` has them, texts or None."""
    stored = resolve(name, columns)
    assert stored is not None  # `refuse_unknown` has looked
    column = columns[stored]
    kind = kind_of_column(name)
    if kind == "number":
        return column.astype(np.float64)  # None becomes nan
    if kind == "date":
        dates = column.tolist()
        days = {each: day_of(each) for each in set(dates)}
        return np.array([days[each] for each in dates], dtype=np.float64)
    if column.dtype.kind in "iuf":  # languages by their number, as the detector gives them
        texts = np.empty(len(column), dtype=object)
        texts[:] = language_names(column.astype(np.int64).tolist())
        return texts
    return column.astype(object)


def _truth(node: ast.expr, parsed: Parsed, values: Mapping[str, Column]) -> Any:
    """Where a checked yes or no holds: bool (n,), or one where no column takes part."""
    match node:
        case ast.BoolOp(op=op, values=parts):
            combine = np.logical_and if isinstance(op, ast.And) else np.logical_or
            held = _truth(parts[0], parsed, values)
            for part in parts[1:]:
                held = combine(held, _truth(part, parsed, values))
            return held
        case ast.UnaryOp(operand=operand):
            return np.logical_not(_truth(operand, parsed, values))
        case ast.Compare(ops=ops, left=left, comparators=comparators):
            sides = [left, *comparators]
            held = np.True_
            for compare, one, other in zip(ops, sides[:-1], sides[1:], strict=True):
                held = np.logical_and(held, _compared(compare, one, other, parsed, values))
            return held
    raise AssertionError(f"an unchecked node: {ast.dump(node)}")


def _compared(
    op: ast.cmpop, left: ast.expr, right: ast.expr, parsed: Parsed, values: Mapping[str, Column]
) -> Any:
    """Whether a comparison holds; False where a side is missing."""
    if isinstance(op, ast.In | ast.NotIn):
        assert isinstance(right, ast.List | ast.Tuple)
        among: Any = np.False_
        for element in right.elts:
            among = np.logical_or(among, _compared(ast.Eq(), left, element, parsed, values))
        if isinstance(op, ast.In):
            return among
        return np.logical_and(~among, _is_there(_value(left, parsed, values)))
    as_dates = "date" in (parsed.kind(left), parsed.kind(right))
    one, other = (
        np.float64(day_of(side.value))
        if as_dates and isinstance(side, ast.Constant)
        else _value(side, parsed, values)
        for side in (left, right)
    )
    there = np.logical_and(_is_there(one), _is_there(other))
    return np.logical_and(COMPARISONS[type(op)](one, other).astype(bool), there)


def _is_there(value: Any) -> Any:
    """Where `value` is a text, or a finite number."""
    value = np.asarray(value)
    return (value != np.array(None)).astype(bool) if value.dtype == object else np.isfinite(value)


def _value(node: ast.expr, parsed: Parsed, values: Mapping[str, Column]) -> Any:
    """The value of a checked part: an array (n,), or a single one where no column takes part."""

    def of(part: ast.expr) -> Any:
        return _value(part, parsed, values)

    match node:
        case ast.Name():
            return values[parsed.column(node)]
        case ast.Constant(value=str() as text):
            return np.array(text, dtype=object)
        case ast.Constant(value=int() | float() as number):
            return np.float64(number)
        case ast.UnaryOp(operand=operand):
            return -of(operand)
        case ast.BinOp(op=op, left=left, right=right):
            return ARITHMETIC[type(op)](of(left), of(right))
        case ast.Call(func=ast.Name(id=name), args=args):
            return FUNCTIONS[name](*[of(arg) for arg in args])
    raise AssertionError(f"an unchecked node: {ast.dump(node)}")
