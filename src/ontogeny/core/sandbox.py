"""Jinja for templates that strangers wrote: the immutable sandbox, with bounds on time and on the size of any text.

The sandbox of jinja2 keeps a template away from the interpreter, not from the processor and the memory: an empty loop
in a loop never ends and writes nothing, and a text doubled forty times fills any machine. So every turn of a loop and
every call of a macro looks at the clock, and whatever joins, repeats or replaces text checks the size of the result
before it is made. What pads or formats to a width of the template's choice is left out; chat templates and tasks do
not need it.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from typing import Any

from jinja2 import TemplateRuntimeError, nodes
from jinja2.environment import Template
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

MAX_CHARACTERS = 10_000_000
MAX_RENDER_S = 5.0
MAX_INDENT = 16
MAX_BITS = 1024

FILTERS_LEFT_OUT = (
    "batch", "center", "filesizeformat", "format", "indent", "join", "pprint", "replace", "slice", "urlize",
    "wordwrap", "xmlattr",
)  # fmt: skip
METHODS_LEFT_OUT = frozenset(
    {"center", "expandtabs", "format", "format_map", "ljust", "rjust", "translate", "zfill"}
)


class EndlessTemplateError(TemplateRuntimeError):
    """A template that would take too long, or write too much."""


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """Jinja within bounds; `options` are those of jinja2's environments. One rendering a thread at a time."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        for name in FILTERS_LEFT_OUT:
            del self.filters[name]
        self.filters |= {"tojson": _to_json, "join": _join, "replace": _replace}
        for name in ("lipsum", "cycler"):
            self.globals.pop(name, None)
        self._clock = threading.local()

    def template(self, source: str) -> Template:
        """Compile `source` with its checks in place."""
        tree = self.parse(source)
        return self.from_string(_WithChecks().visit(tree))

    def start(self) -> None:
        """The time of a rendering begins now."""
        self._clock.deadline = time.monotonic() + MAX_RENDER_S

    def render(self, template: Template, variables: Mapping[str, Any]) -> str:
        """What `template` makes of `variables`, all of it.

        Raises:
            EndlessTemplateError: it takes too long, or writes too much.
        """
        pieces, length = [], 0
        self.start()
        for piece in template.generate(variables):
            self.tick()
            pieces.append(piece)
            length += len(piece)
            if length > MAX_CHARACTERS:
                raise EndlessTemplateError(f"it wrote {length:,} characters")
        return "".join(pieces)

    def tick(self) -> str:
        """Called by every turn of a loop and every macro.

        Raises:
            EndlessTemplateError: the time is over.
        """
        if time.monotonic() > self._clock.deadline:
            raise EndlessTemplateError(f"it did not end within {MAX_RENDER_S:g} s")
        return ""

    def concatenate(self, *values: object) -> str:
        """What `~` does."""
        return _join(values)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """As the sandbox decides, less some methods of text."""
        if isinstance(obj, str) and attr in METHODS_LEFT_OUT:
            return False
        return super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:
        """No special treatment for `format`: it is one of the methods left out."""

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic of which the result has a bounded size."""
        if operator == "%" and isinstance(left, str):
            raise SecurityError("formatting with % is left out; use ~")
        if isinstance(left, int) and isinstance(right, int):
            _check_bits(operator, left, right)
        if operator == "*":
            for sequence, times in ((left, right), (right, left)):
                if isinstance(sequence, (str, list, tuple)) and isinstance(times, int):
                    _check_size(len(sequence) * times)
        if operator == "+" and isinstance(left, (str, list, tuple)) and isinstance(right, (str, list, tuple)):
            _check_size(len(left) + len(right))
        return super().call_binop(context, operator, left, right)

    def call(self, context: Context, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Calls, with the methods of text that can make it grow replaced by bounded ones."""
        owner, name = getattr(function, "__self__", None), getattr(function, "__name__", "")
        if isinstance(owner, str) and name == "replace":
            return _replace(owner, *args)
        if isinstance(owner, str) and name == "join":
            return _join_with(owner, *args)
        return super().call(context, function, *args, **kwargs)


class _WithChecks(NodeTransformer):
    """Puts a look at the clock into every loop and macro, and a bounded call in the place of every `~`."""

    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802 - jinja2 finds it by this name
        self.generic_visit(node)
        node.body.insert(0, _tick(node.lineno))
        return node

    def visit_Macro(self, node: nodes.Macro) -> nodes.Macro:  # noqa: N802
        self.generic_visit(node)
        node.body.insert(0, _tick(node.lineno))
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Call:  # noqa: N802
        self.generic_visit(node)
        return _call("concatenate", node.nodes, node.lineno)


def _tick(line: int) -> nodes.Node:
    return nodes.ExprStmt(_call("tick", [], line), lineno=line)


def _call(method: str, arguments: list[nodes.Expr], line: int) -> nodes.Call:
    """A call of a method of the environment, which no name in a template can hide."""
    return nodes.Call(nodes.EnvironmentAttribute(method, lineno=line), arguments, [], None, None, lineno=line)


def _check_bits(operator: str, left: int, right: int) -> None:
    bits = {"*": left.bit_length() + right.bit_length(), "**": left.bit_length() * max(right, 0)}.get(
        operator, 0
    )
    if bits > MAX_BITS:
        raise EndlessTemplateError(f"a number of {bits:,} bits")


def _check_size(characters: int) -> None:
    if characters > MAX_CHARACTERS:
        raise EndlessTemplateError(f"a text of {characters:,} characters")


def _join(values: Any, separator: object = "", attribute: str | None = None) -> str:
    """The filter `join`."""
    items = [value[attribute] if attribute is not None else value for value in values]
    return _join_with(str(separator), [str(item) for item in items])


def _join_with(separator: str, texts: Any) -> str:
    parts = list(texts)
    _check_size(sum(map(len, parts)) + len(separator) * len(parts))
    return separator.join(parts)


def _replace(text: object, old: str, new: str, count: int | None = None) -> str:
    """The filter and the method `replace`."""
    whole = str(text)
    times = whole.count(old) if count is None or count < 0 else min(count, whole.count(old))
    _check_size(len(whole) + times * len(new))
    return whole.replace(old, new, -1 if count is None else count)


def _to_json(value: object, *, indent: int | None = None, sort_keys: bool = False, **_: object) -> str:
    """The filter `tojson` as transformers has it: nothing escaped for HTML, nothing for ASCII."""
    if indent is not None and indent > MAX_INDENT:
        raise EndlessTemplateError(f"an indent of {indent}")
    return json.dumps(value, ensure_ascii=False, indent=indent, sort_keys=sort_keys)
