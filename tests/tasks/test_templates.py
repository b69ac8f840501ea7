"""Jinja of task files: the same texts as lm-evaluation-harness, and where a mistake is."""

from __future__ import annotations

import pytest

from ontogeny.tasks.templates import TemplateMistakeError, render

DOCUMENT = {"question": "Why? ", "choices": {"text": ["a", "b"]}, "text": "one two three"}


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("{{question.strip()}}\n", "Why?\n"),
        ("{{choices.text}}", "['a', 'b']"),
        ("{{text.split(' ')[:-1] | join(' ')}}", "one two"),
        ("{{' ' + text.split(' ')[-1]}}", " three"),
        ("{{ text | regex_replace('[aeiou]', '') }}", "n tw thr"),
        ("{% if choices.text | length > 2 %}many{% else %}two{% endif %}", "two"),
        ("{% set x = 'A' %}{{ x }}. {{ choices['text'][1] }}", "A. b"),
    ],
)
def test_what_task_files_need_works(source: str, result: str) -> None:
    assert render(source, DOCUMENT) == result


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ question }", r"line 1, column 13: unexpected '}'"),
        ("one\n  {% for x in text %}", r"line 2, column \d+: Unexpected end of template"),
        ("{{ question | lowr }}", r"line 1, column 15: No filter named 'lowr'"),
        (
            "\n{{ qestion }}",
            r"line 2, column 4: the document has no field 'qestion'; .*Did you mean 'question'",
        ),
        ("{{ choices.label }}", r"line 1, column 12: 'dict object' has no attribute 'label'"),
        ("{{ text.split(' ')[9] }}", r"line 1: .*no element 9"),
        ("{{ text + 1 }}", r"line 1: it fails"),
        (
            "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
            r"goes on without end",
        ),
        ("{{ 'x' | regex_replace('y' * 2000, '') }}", r"a regular expression of 2,000 characters"),
        ("{{ ''.__class__ }}", r"line 1"),
        ("{% include 'other' %}", r"it fails: no loader"),
    ],
)
def test_a_mistake_has_its_line_and_column(
    source: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ontogeny.core.sandbox.MAX_RENDER_S", 0.2)
    with pytest.raises(TemplateMistakeError, match=message):
        render(source, DOCUMENT)
