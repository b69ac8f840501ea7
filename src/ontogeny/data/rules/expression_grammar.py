"""What may stand in an expression: its parts, and of which kind each is (a number, a text, a date).

An expression is parsed with `ast` into a handful of allowed nodes; nothing is ever handed to `eval`. What it would do
with a document is `expression.py`'s.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ontogeny.core.errors import nearest

MAX_NODES = 500
"""What a person would write; more is refused, so that a recipe cannot exhaust the stack."""

TEXT_COLUMNS = ("source", "domain", "url", "language", "license", "extractor")
DATE_COLUMN = "date"

Kind: TypeAlias = Literal["number", "text", "date"]

IN = (ast.In, ast.NotIn)
EQUALITY = (ast.Eq, ast.NotEq)
ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div)
FUNCTIONS: Mapping[str, tuple[int, Callable[..., float]]] = {
    "min": (2, min),
    "max": (2, max),
    "abs": (1, abs),
    "log": (1, math.log),
}
"""By name: how many arguments it takes, and what it is of single numbers."""

ALLOWED = (
    "names of columns, numbers, texts in quotes, < <= > >= == !=, in and not in [a, b], and, or, not, + - * / and"
    " min, max, abs, log"
)
BACKTICKED = re.compile(r"`([^`]*)`")
DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?(?![\d-])")


@dataclass(frozen=True)
class Parsed:
    """A checked expression; `quoted` are the names that stood in backticks, by those that stand for them."""

    text: str
    tree: ast.expr
    quoted: Mapping[str, str]

    def column(self, node: ast.Name) -> str:
        """The column that `node` names."""
        return self.quoted.get(node.id, node.id)

    def columns(self) -> list[str]:
        """The columns that it names, each once, in alphabetical order."""
        return sorted({self.column(node) for node in _values(self.tree) if isinstance(node, ast.Name)})

    def kind(self, node: ast.expr) -> Kind:
        """What a part that is no yes or no is."""
        match node:
            case ast.Name():
                return kind_of_column(self.column(node))
            case ast.Constant(value=str()):
                return "text"
            case _:
                return "number"


def kind_of_column(name: str) -> Kind:
    """What a column holds."""
    if name == DATE_COLUMN:
        return "date"
    return "text" if name in TEXT_COLUMNS else "number"


def parse(text: str) -> Parsed:
    """The expression in `text`.

    Raises:
        ValueError: it holds something that cannot be meant; says what, and what may stand there.
    """
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
    parsed = Parsed(text, tree, quoted)
    for node in _values(tree):
        _check(node, parsed)
    if not is_truth(tree):
        raise ValueError(
            f"`{text}` is no yes or no: compare it with something, as in `words < 20` or `language == 'en'`"
        )
    return parsed


def is_truth(node: ast.expr) -> bool:
    """Whether `node` is a yes or no."""
    is_not = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    return is_not or isinstance(node, ast.BoolOp | ast.Compare)


def day_of(date: object) -> float:
    """An ISO date as a number that sorts as dates do; a year or month is its first day. nan where it is none."""
    found = DATE.match(date) if isinstance(date, str) else None
    if found is None:
        return math.nan
    year, month, day = (int(part or 1) for part in found.groups())
    return float(year * 10_000 + month * 100 + day)


def _values(tree: ast.expr) -> Iterator[ast.expr]:
    """Every part that has a value: not operators, and not the names of functions."""
    yield tree
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.expr) and not (isinstance(tree, ast.Call) and child is tree.func):
            yield from _values(child)


def _check(node: ast.expr, parsed: Parsed) -> None:
    text = parsed.text
    match node:
        case ast.Name() | ast.Constant(value=str()):
            pass
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            _check_numbers((), node, parsed)
        case ast.List(elts=elements) | ast.Tuple(elts=elements) if elements and all(map(_is_plain, elements)):
            pass
        case ast.BoolOp(values=values):
            if not all(map(is_truth, values)):
                raise ValueError(f"`{text}`: both sides of and, or must be comparisons")
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            if not is_truth(operand):
                raise ValueError(f"`{text}`: what follows not must be a comparison")
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            _check_numbers((operand,), node, parsed)
        case ast.BinOp(op=op, left=left, right=right) if isinstance(op, ARITHMETIC):
            _check_numbers((left, right), node, parsed)
        case ast.Compare(ops=ops, left=left, comparators=others):
            sides = [left, *others]
            for compare, one, other in zip(ops, sides[:-1], sides[1:], strict=True):
                _check_comparison(compare, one, other, parsed)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            _check_call(name, args, text)
            _check_numbers(args, node, parsed)
        case _:
            raise _cannot_stand(node)


def _cannot_stand(node: ast.expr) -> ValueError:
    return ValueError(f"`{ast.unparse(node)[:80]}` cannot stand in an expression; it may hold {ALLOWED}")


def _is_plain(node: ast.expr) -> bool:
    """Whether `node` is a text or a number, as it may stand in a list."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node = node.operand
        return isinstance(node, ast.Constant) and type(node.value) in (int, float)
    return isinstance(node, ast.Constant) and type(node.value) in (int, float, str)


def _check_numbers(parts: Iterable[ast.expr], whole: ast.expr, parsed: Parsed) -> None:
    """That `whole` is made of numbers and, where no column takes part, is a number itself."""
    for part in parts:
        if is_truth(part) or isinstance(part, ast.List | ast.Tuple):
            raise _cannot_stand(whole)
        if (kind := parsed.kind(part)) != "number":
            raise ValueError(f"`{parsed.text}`: {ast.unparse(part)[:80]} is a {kind}, and no number")
    if isinstance(whole, ast.BinOp) and isinstance(whole.op, ast.Div) and constant(whole.right) == 0:
        raise ValueError(f"`{parsed.text}`: `{ast.unparse(whole)[:80]}` divides by zero")
    if not any(isinstance(node, ast.Name) for node in _values(whole)) and not math.isfinite(constant(whole)):
        raise ValueError(f"`{parsed.text}`: `{ast.unparse(whole)[:80]}` is no number, whatever the document")


def constant(node: ast.expr) -> float:
    """The number that a checked part without columns is; nan where there is none, as of a division by zero."""
    try:
        match node:
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.UnaryOp(operand=operand):
                return -constant(operand)
            case ast.BinOp(op=ast.Add(), left=left, right=right):
                return constant(left) + constant(right)
            case ast.BinOp(op=ast.Sub(), left=left, right=right):
                return constant(left) - constant(right)
            case ast.BinOp(op=ast.Mult(), left=left, right=right):
                return constant(left) * constant(right)
            case ast.BinOp(op=ast.Div(), left=left, right=right):
                return constant(left) / constant(right)
            case ast.Call(func=ast.Name(id=name), args=args):
                return float(FUNCTIONS[name][1](*map(constant, args)))
    except (ArithmeticError, ValueError, KeyError, TypeError):
        return math.nan
    return math.nan


def _check_comparison(op: ast.cmpop, left: ast.expr, right: ast.expr, parsed: Parsed) -> None:
    for side in (left, right):
        if is_truth(side) or (isinstance(side, ast.List | ast.Tuple) and not isinstance(op, IN)):
            raise _cannot_stand(side)
    if isinstance(op, IN):
        if isinstance(left, ast.List | ast.Tuple) or not isinstance(right, ast.List | ast.Tuple):
            raise ValueError(
                f"`{parsed.text}`: in needs a column before it and a list behind it, as in `language in ['en', 'de']`"
            )
        for element in right.elts:
            _check_pair(ast.Eq(), left, element, parsed)
    elif isinstance(op, (*EQUALITY, *ORDER)):
        _check_pair(op, left, right, parsed)
    else:
        raise ValueError(f"`{parsed.text}`: `is` cannot stand in an expression; write == or !=")


def _check_pair(op: ast.cmpop, left: ast.expr, right: ast.expr, parsed: Parsed) -> None:
    """That two things can be compared: numbers, dates, or, for being equal, texts."""
    kinds = {parsed.kind(left), parsed.kind(right)}
    if "date" in kinds:
        for side in (left, right):
            is_date = parsed.kind(side) == "date" or (
                isinstance(side, ast.Constant) and not math.isnan(day_of(side.value))
            )
            if not is_date:
                raise ValueError(
                    f"`{parsed.text}`: {ast.unparse(side)[:80]} is no date; write '2024', '2024-06' or '2024-06-30'"
                )
        return
    if len(kinds) > 1:
        one, other = (f"{ast.unparse(side)[:80]} is a {parsed.kind(side)}" for side in (left, right))
        raise ValueError(f"`{parsed.text}`: {one} and {other}: they are never equal")
    if kinds == {"text"} and isinstance(op, ORDER):
        raise ValueError(f"`{parsed.text}`: texts can be compared with ==, != and in only")


def _check_call(name: str, args: list[ast.expr], text: str) -> None:
    if name not in FUNCTIONS:
        raise ValueError(f"`{text}`: there is no function {name!r}.{nearest(name, FUNCTIONS)}")
    wanted, _ = FUNCTIONS[name]
    if len(args) != wanted:
        raise ValueError(
            f"`{text}`: {name} takes {wanted} argument{'s' if wanted > 1 else ''}, not {len(args)}"
        )
    if any(is_truth(arg) for arg in args):
        raise ValueError(f"`{text}`: {name} takes numbers, not comparisons")
