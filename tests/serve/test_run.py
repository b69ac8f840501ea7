"""Binding, refusing to be open to all, and ending on a signal."""

from __future__ import annotations

import errno
import os
import re
import signal
import socket
import threading

import httpx
import pytest

from ontogeny.core.errors import ServingError
from ontogeny.serve.api import create_app
from ontogeny.serve.run import bind, require_keys_beyond_loopback, run_app, url_of
from tests.serve.conftest import FINGERPRINT, NAME, ScriptedBackend


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "::1"])
def test_this_machine_needs_no_key(host: str) -> None:
    require_keys_beyond_loopback(host, has_keys=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1"])
def test_a_network_needs_one(host: str) -> None:
    require_keys_beyond_loopback(host, has_keys=True)
    with pytest.raises(
        ServingError, match=r"--host: refusing to listen on .*: anyone who reaches it could"
    ) as refused:
        require_keys_beyond_loopback(host, has_keys=False)
    assert "--api-keys FILE" in str(refused.value)


def test_any_free_port() -> None:
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        assert port > 0
        assert url_of(listener) == f"http://127.0.0.1:{port}"


def test_a_port_in_use() -> None:
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(ServingError, match=rf"--port: port {port} of 127.0.0.1 is in use") as refused:
            bind("127.0.0.1", port)
    assert f"--port {port + 1}" in str(refused.value)


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.EADDRNOTAVAIL, "--host: 127.0.0.1 is not an address of this machine"),
        (errno.EACCES, "--port: port 80 needs a privilege"),
        (errno.ENOBUFS, "--host, --port: cannot listen on 127.0.0.1 port 80"),
    ],
)
def test_what_the_operating_system_refuses(
    number: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(listener: socket.socket, address: object) -> None:
        raise OSError(number, "refused")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(ServingError, match=re.escape(message)):
        bind("127.0.0.1", 80)


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_is_none(port: int) -> None:
    with pytest.raises(ServingError, match=rf"--port: {port} is not a port"):
        bind("127.0.0.1", port)


def test_a_host_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*arguments: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    require_keys_beyond_loopback("nowhere", has_keys=False)
    with pytest.raises(ServingError, match=r"--host: 'nowhere' is not a name or an address"):
        bind("nowhere", 0)


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_the_url_of_an_ipv6_address() -> None:
    try:
        listener = bind("::1", 0)
    except ServingError:
        pytest.skip("no IPv6 loopback address here")
    with listener:
        assert url_of(listener) == f"http://[::1]:{listener.getsockname()[1]}"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_after_the_answer_in_progress(number: int, backend: ScriptedBackend) -> None:
    backend.allowed = threading.Semaphore(0)
    listener = bind("127.0.0.1", 0)
    url = url_of(listener)
    answers: list[httpx.Response] = []

    def ask() -> None:
        body = {"model": NAME, "prompt": "x"}
        answers.append(httpx.post(f"{url}/v1/completions", json=body, timeout=20, trust_env=False))

    def end() -> None:
        backend.begun.acquire()
        os.kill(os.getpid(), number)
        backend.allowed.release(100)

    threads = [threading.Thread(target=ask), threading.Thread(target=end)]
    for thread in threads:
        thread.start()
    run_app(create_app(backend, name=NAME, fingerprint=FINGERPRINT), listener)
    for thread in threads:
        thread.join()
    assert answers[0].json()["choices"][0]["text"] == "Reads a file, line by line."
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)
