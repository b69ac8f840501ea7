"""The walls, each leaned against. Skipped where the system allows none; see test_isolated_run for the refusal."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from ontogeny.core.errors import UsageError
from ontogeny.tasks import isolated_run
from ontogeny.tasks.isolated_run import ENDINGS, Ended, Limits, check_isolation, run_isolated

SHORT = Limits(cpu_s=1, wall_s=2.0)


@pytest.fixture(scope="module", autouse=True)
def isolation(request: pytest.FixtureRequest) -> None:
    """Nothing is run where the system refuses; that it is refused is tested further down, by pretending."""
    try:
        check_isolation()
    except UsageError as refused:
        pytest.skip(str(refused))


def told(expression: str) -> str:
    """What an expression is within the isolation: the name of an error is all that comes out."""
    ended = run_isolated(f"import os\nraise type(str({expression}), (Exception,), {{}})", SHORT)
    assert ended.how == "error"
    return ended.what


@pytest.mark.parametrize(
    ("program", "ended"),
    [
        ("assert 1 + 1 == 2", Ended("passed")),
        ("assert 1 + 1 == 3", Ended("assertion", "AssertionError")),
        ("def f(:", Ended("syntax", "SyntaxError")),
        ("x = '\0'", Ended("syntax", "SyntaxError")),
        ("x = '\ud800'", Ended("syntax", "SyntaxError")),
        ("nothing", Ended("error", "NameError")),
        ("def f(): f()\nf()", Ended("error", "RecursionError")),
        ("raise SystemExit(0)", Ended("exit", "SystemExit")),
        ("import os\nos._exit(0)", Ended("exit")),
        ("raise KeyboardInterrupt", Ended("error", "KeyboardInterrupt")),
        ("import os\nos.kill(os.getpid(), 11)", Ended("crash", "SIGSEGV")),
        ("if __name__ == '__main__': raise ValueError", Ended("passed")),
        (
            "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: 'int'\nassert A(1).x == 1",
            Ended("passed"),
        ),
    ],
)
def test_the_end_of_a_program_is_told(program: str, ended: Ended) -> None:
    assert run_isolated(program) == ended
    assert ended.how in ENDINGS


@pytest.mark.parametrize(
    "forged",
    [
        "for number in range(3, 20):\n    try: os.write(number, b'passed')\n    except OSError: pass\nos._exit(0)",
        "os.write(3, b'passed')\nassert 0",
        "os.write(3, b'x' * 1000 + b' passed')\nos._exit(0)",
        "assert 'token' in globals() or any('token' in vars(one) for one in sys.modules.values())",
    ],
)
def test_a_verdict_cannot_be_written_by_the_program(forged: str) -> None:
    assert run_isolated(f"import os, sys\n{forged}", SHORT).how in ("exit", "assertion")


def test_what_a_program_writes_to_its_report_is_not_its_end() -> None:
    assert run_isolated("import os\nos.write(3, b'error Forged')", SHORT) == Ended("passed")


def test_what_loops_is_ended_by_its_processor_time() -> None:
    assert run_isolated("while True: pass", Limits(cpu_s=1, wall_s=60.0)) == Ended("timeout", "cpu")


def test_what_sleeps_is_ended_by_the_clock() -> None:
    assert run_isolated("import time\ntime.sleep(60)", Limits(wall_s=0.5)) == Ended("timeout", "wall")


@pytest.mark.parametrize(
    "program", ["bytearray(1 << 40)", "x = []\nwhile True: x.append(bytearray(1 << 22))"]
)
def test_what_eats_memory_gets_none(program: str) -> None:
    assert run_isolated(program, Limits(memory_bytes=200 << 20)) == Ended("memory", "MemoryError")


@pytest.mark.parametrize(
    ("program", "what"),
    [
        ("import os\nos.fork()", "BlockingIOError"),
        ("import threading\nthreading.Thread(target=print).start()", "RuntimeError"),
    ],
)
def test_what_forks_cannot(program: str, what: str) -> None:
    assert run_isolated(program, SHORT) == Ended("error", what)


def test_processes_that_are_allowed_do_not_outlive_the_program() -> None:
    program = """
        import os, time
        if os.fork() == 0:
            os.setsid()
            time.sleep(60)
    """
    assert run_isolated(textwrap.dedent(program), Limits(processes=2, wall_s=20.0)) == Ended("passed")
    bomb = run_isolated("import os\nwhile True: os.fork()", Limits(processes=4, cpu_s=1, wall_s=2.0))
    assert bomb.how in ("error", "timeout")


@pytest.mark.parametrize(
    "program",
    [
        "open('/etc/passwd', 'w')",
        "open('/usr/lib/mine', 'w')",
        "open('/mine', 'w')",
        "open('/program.py', 'a')",
        "import shutil\nshutil.rmtree('/usr/lib')",
        "import os\nos.chmod('/usr', 0o777)",
        "import os\nos.mkdir('/tmp/../mine')",
    ],
)
def test_nothing_outside_its_folder_is_written(program: str) -> None:
    assert run_isolated(program, SHORT).what in ("OSError", "PermissionError")


def test_its_folder_is_its_own_bounded_and_gone_afterwards() -> None:
    before = set(Path("/tmp").iterdir())
    written = (
        "import os\nassert os.listdir() == []\nopen('x', 'w').write('y' * 1000)\nassert os.getcwd() == '/tmp'"
    )
    assert run_isolated(written, SHORT) == Ended("passed")
    assert run_isolated(written, SHORT) == Ended("passed")
    endless = "for i in range(100): open(str(i), 'wb').write(bytes(1 << 20))"
    assert run_isolated(endless, SHORT) == Ended("error", "OSError")
    assert not [one for one in set(Path("/tmp").iterdir()) - before if one.name.startswith("isolated-")]


def test_the_files_of_this_machine_are_not_there() -> None:
    assert set(told("','.join(os.listdir('/'))").split(",")) <= {
        "dev", "etc", "lib", "lib64", "program.py", "tmp", "usr", *Path(sys.base_prefix).resolve().parts[1:2],
    }  # fmt: skip
    assert told(f"os.path.exists({str(Path(__file__))!r})") == "False"
    assert told("os.path.exists('/proc/self')") == "False"


@pytest.mark.parametrize(
    "program",
    [
        "import socket\nsocket.create_connection(('1.1.1.1', 53), timeout=1)",
        "import socket\ns = socket.create_server(('127.0.0.1', 0))\nsocket.create_connection(s.getsockname(), 1)",
    ],
)
def test_sockets_lead_nowhere(program: str) -> None:
    assert run_isolated(program, SHORT) == Ended("error", "OSError")


def test_the_environment_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "1")
    assert told("','.join(sorted(os.environ))") == ",".join(sorted(isolated_run.ENVIRONMENT))


def test_standard_input_is_closed_and_nothing_else_is_open() -> None:
    assert run_isolated("input()", SHORT) == Ended("error", "EOFError")
    program = """
        import os
        def is_open(number):
            try:
                os.fstat(number)
            except OSError:
                return False
            return True
        assert [number for number in range(64) if is_open(number)] == [0, 1, 2, 3]
    """
    assert run_isolated(textwrap.dedent(program), SHORT) == Ended("passed")


def test_gigabytes_that_are_printed_are_kept_nowhere() -> None:
    program = "import os\nprint('x' * 1000)\nfor _ in range(400): os.write(1, bytes(10_000_000))"
    assert run_isolated(program, Limits(cpu_s=10, wall_s=60.0)) == Ended("passed")


def test_it_is_another_user_without_rights() -> None:
    assert told("(os.getuid(), os.getgid(), os.getgroups())") == "(65534, 65534, [])"
    assert run_isolated("import os\nos.setuid(0)", SHORT).how == "error"
    assert run_isolated("import os\nos.chroot('/tmp')", SHORT) == Ended("error", "PermissionError")
    assert run_isolated("import os\nos.kill(1, 9)\nos.kill(-1, 9)", SHORT).what == "ProcessLookupError"
    again = "import ctypes\nassert ctypes.CDLL(None).unshare(0x10000000) == -1"
    assert run_isolated(again, SHORT) == Ended("passed")


def test_hashes_are_the_same_each_time() -> None:
    assert told("hash('a')") == told("hash('a')")


def test_it_works_without_privileges_too() -> None:
    unshare = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    if subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode:
        pytest.skip("unshare(1) cannot make this process somebody else")
    script = """
        import os
        from ontogeny.tasks.isolated_run import run_isolated
        assert os.geteuid() == 1000
        for program in ("assert 1", "open('/etc/x', 'w')", "import os; assert os.getuid() == 65534"):
            print(run_isolated(program).what or "passed")
    """
    done = subprocess.run(
        [*unshare, sys.executable, "-c", textwrap.dedent(script)], check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["passed", "OSError", "passed"]
