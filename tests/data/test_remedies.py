"""Every reason for which something is dropped is listed, and has a remedy."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ontogeny import data
from ontogeny.data.remedies import OF_A_RULE, OF_FAMILIES, REMEDIES, remedy_for
from ontogeny.data.rules.reasons import FAMILIES, RESERVED, is_reserved

GIVERS = {"left_out", "_left_out", "_rejected", "NotExtractedError", "_LeftOutError", "Reason"}
"""What is called with a reason."""
REASON = re.compile(r"[a-z]+(_[a-z0-9]+)*")


def test_every_reason_has_a_remedy_and_every_remedy_a_reason() -> None:
    assert set(REMEDIES) == RESERVED
    assert tuple(OF_FAMILIES) == FAMILIES


@pytest.mark.parametrize("reason", ["gopher_few_words", "c4_bad_words", "fineweb_short_lines", "pii_email"])
def test_reasons_of_the_published_rules_have_that_of_their_rule(reason: str) -> None:
    assert remedy_for(reason) == OF_FAMILIES[f"{reason.partition('_')[0]}_"]


def test_a_reason_of_the_recipe_s_own_leads_to_its_rule() -> None:
    assert remedy_for("tiny") == remedy_for("worthy_low") == OF_A_RULE


def test_no_reason_is_given_that_is_not_listed() -> None:
    given = {reason for path in Path(data.__file__).parent.rglob("*.py") for reason in reasons_in(path)}
    assert {"http_status", "encrypted", "redirect", "too_few_choices", "page_too_large"} <= given
    assert [reason for reason in sorted(given) if not is_reserved(reason)] == []


def reasons_in(path: Path) -> Iterator[str]:
    """The reasons that stand in a module: arguments of GIVERS, and what is returned with a sentence (`_unwanted`)."""
    tree = ast.parse(path.read_text())
    constants = {
        name: value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for name, value in assigned(node.targets[0], node.value)
    }
    for node in ast.walk(tree):
        found: list[ast.expr] = []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in GIVERS:
                found = list(node.args)
            found += [each.value for each in node.keywords if each.arg == "reason"]
        elif path.name == "warc.py" and isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
            found = node.value.elts[:1]
        for value in found:
            text = constants.get(value.id) if isinstance(value, ast.Name) else getattr(value, "value", None)
            if isinstance(text, str) and REASON.fullmatch(text):
                yield text


def assigned(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, str]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, other in zip(target.elts, value.elts, strict=True):
            yield from assigned(one, other)
    elif isinstance(target, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield target.id, value.value
