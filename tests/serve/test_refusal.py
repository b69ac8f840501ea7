"""Every fault has the one form, whoever found it."""

from __future__ import annotations

import httpx
import pytest

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("method", "path", "content", "headers", "status", "message"),
    [
        (
            "GET",
            "/v2",
            b"",
            {},
            404,
            "There is nothing at GET /v2; the API lies below /v1, such as GET /v1/models.",
        ),
        ("GET", "/docs", b"", {}, 404, "There is nothing at GET /docs;"),
        ("GET", "/v1/completions", b"", {}, 405, "/v1/completions does not take GET; it takes POST."),
        ("POST", "/v1/completions", b"{", JSON, 400, "The body is not JSON: "),
        ("POST", "/v1/completions", b"", JSON, 400, "The request has no body."),
        ("POST", "/v1/completions", b"[]", JSON, 400, "Input should be a valid dictionary"),
        (
            "POST",
            "/v1/completions",
            b"[" * 100_000,
            JSON,
            400,
            "The body cannot be read as JSON: ",
        ),
        (
            "POST",
            "/v1/completions",
            b"\xff",
            JSON,
            400,
            "The body cannot be read as JSON: ",
        ),
        ("POST", "/v1/completions", b"{}", JSON, 400, "The required field `model` is missing."),
        (
            "POST",
            "/v1/completions",
            b"{}",
            {"content-type": "text/plain"},
            415,
            "The body must be JSON, sent with",
        ),
    ],
)
def test_faults_of_a_request(
    http: httpx.Client,
    method: str,
    path: str,
    content: bytes,
    headers: dict[str, str],
    status: int,
    message: str,
) -> None:
    answer = http.request(method, path, content=content, headers=headers)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["message"].startswith(message)
    assert error["type"] == "invalid_request_error"
    assert answer.headers["x-ontogeny-model"]


def test_a_page_of_another_site_cannot_make_the_model_work(http: httpx.Client) -> None:
    # what a browser sends without asking first: no JSON content type, and its answer to the question is no
    body = b'{"model": "production", "prompt": "x"}'
    assert (
        http.post("/v1/completions", content=body, headers={"content-type": "text/plain"}).status_code == 415
    )
    assert http.post("/v1/completions", content=body).status_code == 415
    asked = {"origin": "http://127.0.0.1:1", "access-control-request-method": "POST"}
    answer = http.options("/v1/completions", headers=asked)
    assert answer.status_code == 405
    assert "access-control-allow-origin" not in answer.headers
