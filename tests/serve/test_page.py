"""The chat page: complete in itself, and closed to everything else."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from ontogeny.serve.page import FOLDER, render
from tests.serve.conftest import FINGERPRINT, NAME


def page(name: str = NAME, *, needs_key: bool = False) -> str:
    return render(name=name, fingerprint=FINGERPRINT, context_tokens=512, needs_key=needs_key, nonce="n0")


def test_loads_nothing_from_anywhere() -> None:
    text = page().replace("http://www.w3.org/2000/svg", "")
    assert not re.findall(r"https?://|src=|@import|url\(", text)
    assert re.findall(r"<link[^>]*href=\"(\w+):", text) == ["data"]


def test_its_policy_allows_its_own_style_and_script_only(http: httpx.Client) -> None:
    answers = [http.get("/") for _ in range(2)]
    policies = [answer.headers["content-security-policy"] for answer in answers]
    nonces = [re.findall(r"'nonce-([^']+)'", policy) for policy in policies]
    for answer, policy, (script, style) in zip(answers, policies, nonces, strict=True):
        assert policy.startswith("default-src 'none';")
        assert "unsafe" not in policy
        assert script == style
        assert (
            answer.text.count(f'nonce="{script}"')
            == answer.text.count("<script") + answer.text.count("<style")
            == 2
        )
        assert not re.findall(r"\son\w+=|\sstyle=", answer.text.split("<body>")[1].split("<script")[0])
    assert nonces[0] != nonces[1]


def test_names_the_model_and_its_fingerprint() -> None:
    assert f"<h1>{NAME}</h1>" in page()
    assert f'data-value="{FINGERPRINT}"' in page()
    assert '<meta name="context-tokens" content="512">' in page()
    assert "@" not in re.sub(r"@media|@keyframes", "", page(name="m"))


def test_a_name_is_text_and_never_markup() -> None:
    text = page('"><script>alert(1)</script>')
    assert text.count("<script") == 1
    assert "&quot;&gt;&lt;script&gt;alert(1)" in text


def test_asks_for_a_key_only_where_one_is_needed() -> None:
    assert '<meta name="needs-key" content="yes">' in page(needs_key=True)
    assert '<meta name="needs-key" content="no">' in page()


def test_what_the_model_says_is_never_parsed_as_html() -> None:
    script = (FOLDER / "page.js").read_text()
    assert not re.findall(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", script
    )


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js to parse the script")
def test_the_script_is_valid(tmp_path: Path) -> None:
    (tmp_path / "page.js").write_text((FOLDER / "page.js").read_text())
    subprocess.run(["node", "--check", str(tmp_path / "page.js")], check=True)
