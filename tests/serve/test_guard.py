"""Host names, keys, body sizes, and the headers of every answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest

from ontogeny.serve.api import create_app
from ontogeny.serve.auth import add_key, load_keys
from tests.serve.conftest import FINGERPRINT, NAME, ScriptedBackend, openai_client, serving

BODY = {"model": NAME, "prompt": "x"}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:1", "LOCALHOST", "[::1]:8000"])
def test_this_machines_names_are_answered(http: httpx.Client, host: str) -> None:
    assert http.get("/v1/models", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "[::2]", "evil.example:80", "[", ""]
)
def test_a_name_that_was_pointed_here_is_not(http: httpx.Client, host: str) -> None:
    answer = http.get("/v1/models", headers={"host": host})
    assert answer.status_code == 421
    assert answer.json()["error"]["message"].startswith(
        "Without API keys this server answers only to localhost;"
    )


@pytest.mark.parametrize("path", ["/", "/livez", "/nowhere", "/v1/models"])
def test_every_answer_names_the_model(http: httpx.Client, path: str) -> None:
    headers = http.get(path).headers
    assert headers["x-ontogeny-model"] == NAME
    assert headers["x-ontogeny-fingerprint"] == FINGERPRINT
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers or "uvicorn" in headers["server"]


def test_a_name_that_is_no_latin_fits_a_header(backend: ScriptedBackend) -> None:
    with serving(create_app(backend, name="./модель", fingerprint=FINGERPRINT)) as url:
        answer = httpx.get(f"{url}/livez", trust_env=False)
    assert answer.headers["x-ontogeny-model"] == "./%D0%BC%D0%BE%D0%B4%D0%B5%D0%BB%D1%8C"


@pytest.fixture
def locked(backend: ScriptedBackend, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A server that asks for a key: its URL and the key."""
    key = add_key(tmp_path / "keys", "ann")
    app = create_app(backend, name=NAME, fingerprint=FINGERPRINT, keys=load_keys(tmp_path / "keys"))
    with serving(app) as url:
        yield url, key


def test_with_keys_every_path_but_health_and_page_asks_for_one(locked: tuple[str, str]) -> None:
    url, key = locked
    with httpx.Client(base_url=url, trust_env=False) as http:
        for path in ("/", "/livez", "/readyz"):
            assert http.get(path, headers={"host": "any.name.example"}).status_code == 200
        for path in ("/v1/models", "/metrics", "/nowhere"):
            for authorization in ("", "Bearer", "Bearer wrong", f"Basic {key}", key):
                answer = http.get(path, headers={"authorization": authorization})
                assert answer.status_code == 401
                assert answer.headers["www-authenticate"] == "Bearer"
                assert answer.headers["x-ontogeny-model"] == NAME
        assert http.get("/metrics", headers={"authorization": f"bearer {key}"}).status_code == 200


def test_the_client_with_a_key(locked: tuple[str, str]) -> None:
    url, key = locked
    with openai_client(url, api_key=key) as client:
        assert client.completions.create(**BODY).choices[0].text
    with openai_client(url) as client, pytest.raises(openai.AuthenticationError) as refused:
        client.completions.create(**BODY)
    assert refused.value.code == "invalid_api_key"
    assert "A valid API key is needed: send it as `Authorization: Bearer KEY`." in str(refused.value)


def test_a_body_up_to_the_limit(backend: ScriptedBackend) -> None:
    app = create_app(backend, name=NAME, fingerprint=FINGERPRINT, max_body_bytes=1000)
    whole = b'{"model": "%s", "prompt": "x"}' % NAME.encode()
    headers = {"content-type": "application/json"}
    with serving(app) as url, httpx.Client(base_url=url, trust_env=False) as http:
        for size, status in ((1000, 200), (1001, 413)):
            content = whole.ljust(size)
            announced = http.post("/v1/completions", content=content, headers=headers)
            unannounced = http.post(
                "/v1/completions", content=iter([content[:600], content[600:]]), headers=headers
            )
            assert [announced.status_code, unannounced.status_code] == [status, status]
        assert (
            announced.json()["error"]["message"]
            == "The body is larger than 1,000 bytes, this server's limit."
        )
        assert http.get("/livez").status_code == 200
