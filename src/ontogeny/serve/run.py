"""Start the server, say where it is, and end well.

The socket is bound here, before anything else, so that a port in use is an error with a remedy and port 0 (any free
one) can be announced. On SIGTERM or Ctrl-C the server stops accepting, gives the answers in progress time to end, and
returns.
"""

from __future__ import annotations

import errno
import ipaddress
import signal
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import uvicorn
from fastapi import FastAPI

from ontogeny.core.errors import ServingError
from ontogeny.inference.loading import LoadedModel
from ontogeny.inference.sampling import SamplingOptions
from ontogeny.serve.api import DEFAULT_SAMPLING, create_app
from ontogeny.serve.auth import load_keys
from ontogeny.serve.backend import NativeBackend
from ontogeny.serve.classify import Classify

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8000

DRAIN_SECONDS = 30
"""How long answers in progress may take after a signal: Kubernetes' default grace period."""

BACKLOG = 128
"""Connections that the kernel keeps while the event loop is busy."""


def serve(
    model: LoadedModel,
    *,
    name: str,
    fingerprint: str,
    other_names: Iterable[str] = (),
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    api_keys: Path | None = None,
    defaults: SamplingOptions = DEFAULT_SAMPLING,
    classify: Classify | None = None,
    announce: Callable[[str], None],
) -> None:
    """Serve a model until a signal ends it.

    Args:
        model: the model.
        name: what clients call it, `recipe/step@n`.
        fingerprint: the artifact's content digest.
        other_names: also accepted as `model`, such as the alias it was started with.
        host: the address to bind to; other than loopback only with `api_keys`.
        port: 0 takes any free port.
        api_keys: a key file (`auth`).
        defaults: sampling where a request says nothing.
        classify: tells the labels of texts, where the model is a classifier.
        announce: called once with the server's URL when it listens.

    Raises:
        ServingError: the key file does not hold, the address cannot be bound, or it needs keys.
    """
    keys = load_keys(api_keys) if api_keys else None
    require_keys_beyond_loopback(host, has_keys=keys is not None)
    listener = bind(host, port)
    app = create_app(
        NativeBackend(model.engine),
        name=name,
        fingerprint=fingerprint,
        other_names=other_names,
        keys=keys,
        defaults=defaults,
        classify=classify,
    )
    announce(url_of(listener))
    run_app(app, listener)


def require_keys_beyond_loopback(host: str, *, has_keys: bool) -> None:
    """Refuse to open the server to a network without keys.

    Raises:
        ServingError: `host` is not a loopback address and there are no keys.
    """
    if has_keys or _is_loopback(host):
        return
    raise ServingError(
        f"refusing to listen on {host or 'all addresses'}: anyone who reaches it could use the model",
        where="--host",
        hint="add --api-keys FILE (--new-key NAME makes a key), or leave --host out to serve this machine only",
    )


def bind(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        ServingError: the port is in use or needs a privilege, or the address is not one of this machine's.
    """
    if not 0 <= port < 1 << 16:
        raise ServingError(
            f"{port} is not a port", where="--port", hint="use 1024 to 65535, or 0 for any free one"
        )
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise ServingError(
            f"{host!r} is not a name or an address ({error})",
            where="--host",
            hint="use 127.0.0.1, or a name of this machine",
        ) from error
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        # without this a server that was just stopped would keep its port for a minute
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _cannot_bind(error, host=host, port=port) from error
    return listener


def url_of(listener: socket.socket) -> str:
    """Where a browser on this machine finds the server."""
    host, port = listener.getsockname()[:2]
    address = ipaddress.ip_address(host)
    if address.is_unspecified:
        host = "127.0.0.1" if address.version == 4 else "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run_app(app: FastAPI, listener: socket.socket) -> None:
    """Serve `app` on `listener` until SIGTERM or Ctrl-C; a second Ctrl-C does not wait for answers in progress."""
    config = uvicorn.Config(
        app,
        # the app's refusals say what happened to a request; access lines would go to standard output
        access_log=False,
        log_config=None,
        # the software's name helps nobody but who looks for its faults
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        lifespan="on",
    )
    with _signals_end_the_server_only():
        uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def _signals_end_the_server_only() -> Iterator[None]:
    """Let the process go on after the server: uvicorn raises the signals it caught again when it is done."""

    def done(number: int, frame: FrameType | None) -> None:
        pass

    before = {number: signal.signal(number, done) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_loopback(host: str) -> bool:
    """Whether every address that `host` stands for is this machine's own."""
    if not host:
        return False
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return True  # binding to it fails next, with the clearer message
    return all(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]).is_loopback for entry in found)


def _cannot_bind(error: OSError, *, host: str, port: int) -> ServingError:
    """The refusal of the operating system as a sentence with a remedy."""
    if error.errno == errno.EADDRINUSE:
        return ServingError(
            f"port {port} of {host} is in use",
            where="--port",
            hint=f"stop what listens there, or use --port {port + 1} (0: any free port)",
        )
    if error.errno == errno.EACCES:
        return ServingError(
            f"port {port} needs a privilege", where="--port", hint="use a port from 1024 to 65535"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return ServingError(
            f"{host} is not an address of this machine",
            where="--host",
            hint="use 127.0.0.1, or an address of this machine",
        )
    return ServingError(
        f"cannot listen on {host} port {port} ({error})",
        where="--host, --port",
        hint="use 127.0.0.1 and a port from 1024 to 65535",
    )
