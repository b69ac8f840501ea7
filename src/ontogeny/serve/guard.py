"""What stands between the network and the app, outermost first; plain ASGI, so that streams pass through untouched.

1. `Identity` puts the model's name and fingerprint on every answer, refusals included, and counts them.
2. `HostGuard` (without keys) answers only to this machine's own names: a page of another site can point its name at
   127.0.0.1 (DNS rebinding) and would otherwise talk to the server through the user's browser.
3. `KeyGuard` (with keys) asks for one on every path except the health checks and the page, which holds no secret.
4. `BodyLimit` refuses a body that is too large before it is parsed.
"""

from __future__ import annotations

from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ontogeny.serve.auth import ApiKeys
from ontogeny.serve.metrics import ServingMetrics
from ontogeny.serve.refusal import LOG, Refusal, internal_error

OPEN_PATHS = frozenset({"/", "/livez", "/readyz"})
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Identity:
    """Say on every answer which model gave it; turn a fault of ours into a refusal; count."""

    def __init__(self, app: ASGIApp, *, name: str, fingerprint: str, metrics: ServingMetrics) -> None:
        self.app = app
        # header values are Latin-1: the name of a folder may not be
        self.headers = {
            "x-ontogeny-model": quote(name, safe="/@:.+~ "),
            "x-ontogeny-fingerprint": fingerprint,
            "x-content-type-options": "nosniff",
        }
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def marked(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                MutableHeaders(scope=message).update(self.headers)
                # the route's own path, not the client's: a client must not be able to make labels
                path = getattr(scope.get("route"), "path", "other")
                self.metrics.requests.labels(path, str(message["status"])).inc()
            await send(message)

        try:
            await self.app(scope, receive, marked)
        except Exception:
            LOG.exception("a request failed")
            if started:
                raise
            await internal_error().response()(scope, receive, marked)


class HostGuard:
    """Answer only to requests that were meant for this machine."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        host = Headers(scope=scope).get("host", "")
        name = host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0]
        if name.lower() in LOOPBACK_NAMES:
            await self.app(scope, receive, send)
            return
        refusal = Refusal(
            421,
            "Without API keys this server answers only to localhost; "
            "to use another name start it with --api-keys FILE.",
            code="unknown_host",
        )
        await refusal.response()(scope, receive, send)


class KeyGuard:
    """Let nobody in without a key."""

    def __init__(self, app: ASGIApp, *, keys: ApiKeys) -> None:
        self.app = app
        self.keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS or self._known(Headers(scope=scope)):
            await self.app(scope, receive, send)
            return
        refusal = Refusal(
            401,
            "A valid API key is needed: send it as `Authorization: Bearer KEY`.",
            code="invalid_api_key",
            kind="authentication_error",
            headers={"www-authenticate": "Bearer"},
        )
        await refusal.response()(scope, receive, send)

    def _known(self, headers: Headers) -> bool:
        scheme, _, key = headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self.keys.holder(key.strip()) is not None


class BodyLimit:
    """Read the body up to a limit and hand it on in one piece."""

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        body = await self._read(Headers(scope=scope), receive)
        if body is None:
            refusal = Refusal(
                413,
                f"The body is larger than {self.max_bytes:,} bytes, this server's limit.",
                code="body_too_large",
            )
            # the rest of the body is not read, so the connection cannot be used again
            refusal.headers["connection"] = "close"
            await refusal.response()(scope, receive, send)
            return
        pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return pending.pop() if pending else await receive()

        await self.app(scope, replay, send)

    async def _read(self, headers: Headers, receive: Receive) -> bytes | None:
        """The whole body, or `None` when it is too large; a body cut short by the client is what came of it."""
        announced = headers.get("content-length", "0")
        if announced.isdecimal() and int(announced[:19]) > self.max_bytes:
            return None
        body = bytearray()
        while (message := await receive())["type"] == "http.request":
            body += message.get("body", b"")
            if len(body) > self.max_bytes:
                return None
            if not message.get("more_body", False):
                break
        return bytes(body)
