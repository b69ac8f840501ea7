"""One layout for documents and for the questions about them."""

from __future__ import annotations

from pathlib import Path

from ontogeny.data.python_layout import description_context, module_text, topic_text
from ontogeny.data.python_modules import parse_module
from ontogeny.data.python_topics import Topic

SOURCE = b'''"""A module."""
def f(a):
    """Does it."""
class C:
    def g(self): pass
'''


def test_a_module_as_text() -> None:
    module = parse_module(SOURCE, "m", Path("m.py"))
    assert module_text(module) == "module m\n\nA module.\n\nm.f(a)\nDoes it.\n"


def test_a_topic_as_text() -> None:
    assert topic_text(Topic("if", "topic:if", "\nThe if.\n", 0, 1)) == "topic if\n\nThe if.\n"


def test_the_context_of_a_question_ends_where_the_description_begins() -> None:
    module = parse_module(SOURCE, "m", Path("m.py"))
    for member in module.members:
        if member.docstring:
            assert description_context(module, member) + member.docstring in module_text(module)
