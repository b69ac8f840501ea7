"""Refusals: every answer that is not the one asked for, in the form that OpenAI's clients turn into exceptions.

The body is `{"error": {"message", "type", "param", "code"}}`, whatever went wrong: a wrong field, an unknown path, a
full queue or a fault of ours. JSON is written in ASCII, because a message may quote what a client sent and a lone
surrogate cannot be written as UTF-8.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response

LOG = logging.getLogger("ontogeny.serve")


class Refusal(Exception):
    """A request that is answered with an error.

    Args:
        status: the HTTP status.
        message: what was wrong and what to do; shown to the user by the client.
        param: the field of the request that was wrong.
        code: OpenAI's short name of the fault, where it has one.
        kind: OpenAI's `type` of the error; follows from the status unless given.
        headers: added to the response.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        kind: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code
        self.kind = kind or ("server_error" if status >= 500 else "invalid_request_error")
        self.headers = dict(headers or {})

    def body(self) -> dict[str, dict[str, str | None]]:
        """The error as OpenAI's clients read it."""
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}}

    def response(self) -> Response:
        """The whole HTTP answer."""
        content = json.dumps(self.body())
        return Response(content, self.status, headers=self.headers, media_type="application/json")


def internal_error() -> Refusal:
    """The answer to a fault of ours: the cause goes to the server's log and never to the client."""
    return Refusal(500, "The server failed on this request; its log says why.", code="internal_error")


def install(app: FastAPI) -> None:
    """Make every error that `app` can answer with a `Refusal`."""

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        return error.response()

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return _from_validation(request, error).response()

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return _from_http(request, error).response()

    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)


def _from_validation(request: Request, error: RequestValidationError) -> Refusal:
    """The first fault of a body that is not a valid request, as a sentence about one field."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip()
    if content_type != "application/json":
        return Refusal(415, "The body must be JSON, sent with `Content-Type: application/json`.")
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return Refusal(400, f"The body is not JSON: {first['ctx']['error']} at character {first['loc'][-1]}.")
    path = _field_path(first["loc"][1:])
    if first["type"] == "missing":
        message = f"The required field `{path}` is missing." if path else "The request has no body."
        return Refusal(400, message, param=path or None, code="missing_required_parameter")
    param = str(first.get("ctx", {}).get("param", path))
    if first["type"] in ("unsupported_parameter", "unknown_parameter"):
        return Refusal(400, str(first["msg"]), param=param, code=first["type"])
    message = f"`{path}`: {first['msg']}." if path else f"{first['msg']}."
    return Refusal(400, message, param=param or None, code="invalid_value")


def _field_path(location: tuple[int | str, ...]) -> str:
    """`("messages", 0, "content")` as `messages[0].content`."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def _from_http(request: Request, error: HTTPException) -> Refusal:
    """Faults that the framework found: an unknown path, a wrong method, a body that cannot be read."""
    path = request.url.path
    if error.status_code == 404:
        message = (
            f"There is nothing at {request.method} {path}; the API lies below /v1, such as GET /v1/models."
        )
        return Refusal(404, message, code="unknown_url")
    if error.status_code == 405:
        allowed = Headers(error.headers).get("allow", "another method")
        message = f"{path} does not take {request.method}; it takes {allowed}."
        return Refusal(405, message, code="method_not_allowed", headers=error.headers)
    if error.status_code == 400:  # the framework could not even parse the body
        return Refusal(400, "The body cannot be read as JSON: it is not UTF-8, or is nested too deep.")
    message = str(error.detail or HTTPStatus(error.status_code).phrase)
    return Refusal(error.status_code, message, headers=error.headers)
