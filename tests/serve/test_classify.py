"""`POST /v1/classify`: results for one text or many, and refusals that say what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import pytest

from ontogeny.serve.api import create_app
from ontogeny.serve.classify import MAX_TEXTS
from tests.serve.conftest import FINGERPRINT, NAME, ScriptedBackend, serving


def labels_of(texts: Sequence[str]) -> list[dict[str, Any]]:
    return [{"text": text, "label": "spam" if "win" in text else "ham", "probability": 0.9} for text in texts]


@pytest.fixture(scope="module")
def classifier() -> Iterator[httpx.Client]:
    app = create_app(ScriptedBackend(), name=NAME, fingerprint=FINGERPRINT, classify=labels_of)
    with serving(app) as url, httpx.Client(base_url=url, timeout=10, trust_env=False) as client:
        yield client


def ask(client: httpx.Client, **body: Any) -> httpx.Response:
    return client.post("/v1/classify", json={"model": NAME, **body})


def test_one_text_or_many(classifier: httpx.Client) -> None:
    one = ask(classifier, input="win a prize")
    assert one.status_code == 200
    assert one.json() == {"model": NAME, "results": labels_of(["win a prize"])}
    assert one.headers["x-ontogeny-model"] == NAME
    assert one.headers["x-ontogeny-fingerprint"] == FINGERPRINT
    many = ask(classifier, input=["see you", "win"]).json()["results"]
    assert [result["label"] for result in many] == ["ham", "spam"]
    assert ask(classifier, input=[]).json()["results"] == []


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"input": 5}, 400, "expected a string, or a list of strings"),
        ({"input": ["a", None]}, 400, "expected a string, or a list of strings"),
        ({"input": ["a"] * (MAX_TEXTS + 1)}, 400, "Send several requests"),
        ({"input": "a", "model": "other"}, 404, "There is no model 'other' here"),
        ({"input": "a", "inptu": "a"}, 400, "Did you mean 'input'"),
    ],
)
def test_refusals(classifier: httpx.Client, body: dict[str, Any], status: int, message: str) -> None:
    answer = ask(classifier, **body)
    assert answer.status_code == status
    assert message in answer.json()["error"]["message"]


def test_a_model_that_tells_no_labels(http: httpx.Client) -> None:
    answer = ask(http, input="a")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "not_a_classifier"
    assert "task: classify" in answer.json()["error"]["message"]
