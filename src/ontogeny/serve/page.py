"""The chat page at `/`: one HTML document with its style and script inside, which loads nothing from anywhere.

The content security policy allows exactly this page's own style and script, by a nonce that is new for every answer,
and requests to this server only. The model's name reaches the page as escaped attributes; what the model says is put
into text nodes by the script, never parsed as HTML.
"""

from __future__ import annotations

import html
import secrets
from pathlib import Path

from fastapi import FastAPI
from starlette.responses import HTMLResponse

FOLDER = Path(__file__).parent


def render(*, name: str, fingerprint: str, context_tokens: int, needs_key: bool, nonce: str) -> str:
    """The page as HTML.

    Args:
        name: what the model is called.
        fingerprint: the artifact's content digest.
        context_tokens: how many tokens of a conversation the model can read; the page forgets the oldest beyond.
        needs_key: whether the page has to ask for an API key before the first message.
        nonce: the value that the security policy of the same answer allows.
    """
    values = {
        "@STYLE@": (FOLDER / "page.css").read_text(encoding="utf-8"),
        "@SCRIPT@": (FOLDER / "page.js").read_text(encoding="utf-8"),
        "@NONCE@": nonce,
        "@MODEL@": html.escape(name),
        "@FINGERPRINT@": html.escape(fingerprint),
        "@CONTEXT@": str(context_tokens),
        "@NEEDS_KEY@": "yes" if needs_key else "no",
    }
    text = (FOLDER / "page.html").read_text(encoding="utf-8")
    for placeholder, value in values.items():
        text = text.replace(placeholder, value)
    return text


def policy(nonce: str) -> str:
    """The content security policy that goes with a page of this nonce."""
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def add_route(app: FastAPI, *, name: str, fingerprint: str, context_tokens: int, needs_key: bool) -> None:
    """Serve the page at `/`."""

    @app.get("/", response_model=None)
    async def chat_page() -> HTMLResponse:
        nonce = secrets.token_urlsafe(16)
        headers = {
            "content-security-policy": policy(nonce),
            "referrer-policy": "no-referrer",
            "cache-control": "no-store",
        }
        text = render(
            name=name,
            fingerprint=fingerprint,
            context_tokens=context_tokens,
            needs_key=needs_key,
            nonce=nonce,
        )
        return HTMLResponse(text, headers=headers)
