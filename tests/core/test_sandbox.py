"""What a stranger's chat template may do, and what it may not."""

from __future__ import annotations

import json
import time

import pytest
from jinja2 import TemplateError
from jinja2.ext import loopcontrols

from ontogeny.core import sandbox
from ontogeny.core.sandbox import BoundedEnvironment, EndlessTemplateError


def render(source: str, **variables: object) -> str:
    environment = BoundedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    template = environment.template(source)
    environment.start()
    return template.render(**variables)


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("{{ 'a' ~ 1 ~ none }}", "a1None"),
        ("{{ 'ab' * 3 }}{{ [1] + [2] }}{{ 7 % 4 }}{{ 2 ** 3 }}", "ababab[1, 2]38"),
        ("{{ ['a', 'b'] | join(', ') }}{{ ';'.join(['c', 'd']) }}", "a, bc;d"),
        ("{{ [{'k': 1}, {'k': 2}] | join('-', attribute='k') }}", "1-2"),
        ("{{ 'aaa' | replace('a', 'b', 2) }}{{ 'aaa'.replace('a', 'c') }}", "bbaccc"),
        ("{{ ' x '.strip().upper() }}{{ 'a b'.split(' ')[1] }}{{ 'abc'.startswith('ab') }}", "XbTrue"),
        ("{% for i in range(9) %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}", "01"),
        ("{% macro twice(x) %}{{ x }}{{ x }}{% endmacro %}{{ twice('a') }}", "aa"),
        (
            "{% set ns = namespace(n=0) %}{% for i in [1, 2] %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}",
            "3",
        ),
        ("{{ {'b': 'é<', 'a': 1} | tojson }}", '{"b": "é<", "a": 1}'),
    ],
)
def test_what_templates_need_works(source: str, result: str) -> None:
    assert render(source) == result


def test_json_can_be_indented() -> None:
    value = {"a": [1, {"b": "c"}]}
    assert render("{{ value | tojson(indent=4) }}", value=value) == json.dumps(value, indent=4)


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'a' * 10 ** 9 }}",
        "{{ 10 ** 9 * ['a'] }}",
        "{{ 9 ** 999999999 }}",
        "{% set ns = namespace(n=3) %}{% for i in range(99) %}{% set ns.n = ns.n * ns.n %}{% endfor %}",
        "{% set ns = namespace(s='a') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
        "{% set ns = namespace(s='a') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
        "{% set ns = namespace(s='a') %}{% for i in range(99) %}{% set ns.s = ns.s.replace('a', 'aa') %}{% endfor %}",
        "{% set ns = namespace(s='a') %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s] | join %}{% endfor %}",
        "{{ 1 | tojson(indent=10 ** 9) }}",
    ],
)
def test_no_text_grows_beyond_the_bound(source: str) -> None:
    with pytest.raises(EndlessTemplateError):
        render(source)


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    ],
)
def test_what_writes_nothing_ends_as_well(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "MAX_RENDER_S", 0.05)
    started = time.monotonic()
    with pytest.raises(EndlessTemplateError, match=r"it did not end within 0\.05 s"):
        render(source)
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'a'.center(10 ** 9) }}",
        "{{ '{:>9999}'.format('a') }}",
        "{{ '%9999d' % 1 }}",
        "{{ 'a' | center(10 ** 9) }}",
        "{{ [1] | batch(10 ** 9, 0) | list }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.append(1) }}",
        "{% include '/etc/passwd' %}",
    ],
)
def test_the_rest_is_left_out(source: str) -> None:
    with pytest.raises((TemplateError, TypeError)):
        render(source, messages=[])
