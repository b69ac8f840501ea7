"""The Jinja of task files: rendered in the sandbox with bounds, with errors that name field, line and column.

The options are those of lm-evaluation-harness (undefined names are errors, a last line break stays, the filter
`regex_replace`), so that its templates give the same texts. There is no loader: a template can include nothing.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, UndefinedError, meta, nodes
from jinja2.environment import Template
from jinja2.lexer import TokenStream
from jinja2.parser import Parser

from ontogeny.core.errors import nearest
from ontogeny.core.sandbox import BoundedEnvironment, EndlessTemplateError

MAX_PATTERN = 1_000  # characters of a regular expression in a template
FILE_OF_TEMPLATES = "<template>"  # how jinja2 calls one that comes from no file, in tracebacks


class TemplateMistakeError(Exception):
    """What is wrong with a template, or with what it was given; `line` and `column` count from 1 within its text."""

    def __init__(self, message: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.message, self.line, self.column = message, line, column

    def __str__(self) -> str:
        place = [f"line {self.line}"] if self.line else []
        place += [f"column {self.column}"] if self.column else []
        return f"{', '.join(place)}: {self.message}" if place else self.message


def render(source: str, document: Mapping[str, Any]) -> str:
    """What the template `source` makes of a document.

    Raises:
        TemplateMistakeError: it is not Jinja, uses what the document does not have, fails, or goes on without end.
    """
    template = compiled(source)
    try:
        return _environment().render(template, document)
    except UndefinedError as error:
        line = _line_of(error)
        name = re.search(r"'(\w+)'", str(error.message))
        column = _column_of(source, line, name[1]) if name else None
        message = str(error.message)
        if name and name[1] not in document and message.endswith("is undefined"):
            known = ", ".join(map(str, document))
            message = f"the document has no field {name[1]!r}; it has {known}.{nearest(name[1], document)}"
        raise TemplateMistakeError(message, line, column) from error
    except EndlessTemplateError as error:
        raise TemplateMistakeError(f"it goes on without end: {error}", _line_of(error)) from error
    except (TemplateError, re.error, TypeError, ValueError, KeyError, IndexError, ArithmeticError) as error:
        raise TemplateMistakeError(f"it fails: {error}", _line_of(error)) from error
    except (AttributeError, RecursionError, MemoryError) as error:
        raise TemplateMistakeError(f"it fails: {error}", _line_of(error)) from error


@functools.lru_cache(maxsize=256)
def compiled(source: str) -> Template:
    """The template of this text.

    Raises:
        TemplateMistakeError: it is not Jinja.
    """
    try:
        return _environment().template(source)
    except TemplateSyntaxError as error:
        line, column = _place_of_mistake(source, error)
        raise TemplateMistakeError(str(error.message), line, column) from error
    except TemplateError as error:
        raise TemplateMistakeError(str(error)) from error


def names_shown(source: str) -> set[str]:
    """Names of the document that the template `source` writes out, but for those that it decides by.

    Raises:
        TemplateMistakeError: it is not Jinja.
    """
    compiled(source)
    tree = _environment().parse(source)
    deciding: list[nodes.Node] = [node.test for node in tree.find_all(nodes.If)]
    deciding += [node.test for node in tree.find_all(nodes.CondExpr)]
    deciding += [*tree.find_all(nodes.Compare), *(node.arg for node in tree.find_all(nodes.Getitem))]
    parts = [part for node in deciding for part in (node, *node.find_all(nodes.Name))]
    return meta.find_undeclared_variables(tree) - {
        part.name for part in parts if isinstance(part, nodes.Name)
    }


@functools.cache
def _environment() -> BoundedEnvironment:
    environment = BoundedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
    environment.filters["regex_replace"] = _regex_replace
    return environment


def _regex_replace(text: str, pattern: str, replacement: str, count: int = 0) -> str:
    if len(pattern) > MAX_PATTERN:
        raise EndlessTemplateError(f"a regular expression of {len(pattern):,} characters")
    return re.sub(pattern, replacement, text, count=count)


def _line_of(error: BaseException) -> int | None:
    """The template's line that an error came from: jinja2 puts it into the traceback."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILE_OF_TEMPLATES:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _column_of(source: str, line: int | None, name: str) -> int | None:
    lines = source.splitlines()
    if line is None or not 1 <= line <= len(lines):
        return None
    found = re.search(rf"\b{re.escape(name)}\b", lines[line - 1])
    return found.start() + 1 if found else None


class _Counted:
    """Lets tokens through and remembers the position of the last one in the text."""

    def __init__(self, source: str) -> None:
        self._environment = _environment()
        self._source = source
        self.position = 0

    def tokens(self) -> Iterator[tuple[int, str, str]]:
        """(line, kind, text) of each piece of the source, as jinja2's lexer cuts it."""
        end = 0
        try:
            for line, kind, text in self._environment.lexer.tokeniter(self._source, None):
                found = self._source.find(text, end)
                start = found if found >= 0 else end
                end = start + len(text)
                self.position = start
                yield line, kind, text
        except TemplateSyntaxError:  # what follows is no token
            self.position = end
            raise


def _place_of_mistake(source: str, error: TemplateSyntaxError) -> tuple[int, int | None]:
    """Line and column of the token that the parser stumbled over: what it had read when it stopped."""
    counted = _Counted(source)
    lexer = _environment().lexer
    try:
        parser = Parser(_environment(), "")
        parser.stream = TokenStream(lexer.wrap(counted.tokens()), None, None)
        parser.parse()
    except TemplateSyntaxError:
        pass
    else:  # every token was in place: it is a name that does not exist, of a filter or a test
        name = re.search(r"'(\w+)'", str(error.message))
        return error.lineno, _column_of(source, error.lineno, name[1]) if name else None
    before = source[: counted.position]
    line = before.count("\n") + 1
    return (
        (line, len(before) - (before.rfind("\n") + 1) + 1) if line == error.lineno else (error.lineno, None)
    )
