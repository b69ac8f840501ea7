"""Puts a process of its own behind walls, then runs a program there: a script with nothing but the standard library.

`isolated_run` starts it afresh for each program (a process with threads cannot leave its user namespace), gives it its
orders as JSON on standard input, and reads one object from its standard output: {"ended": how} or {"refused": why}.

    new namespaces: user, mounts, processes, network, IPC, host name; no network device is up
    new root: a tmpfs with Python and the system's libraries, read-only; /tmp is a tmpfs of its own; no /proc, no /home
    process 1 waits for the program with a clock; when it ends, the kernel kills whatever is left
    the program: user 65534 without capabilities, with limits, an empty environment, and nothing to read from

Started by root the program really belongs to another user; started by anyone else it belongs to them, under another
number, as no more can be had without privileges. A report counts with the token that this run was given, so nothing
else that a program writes is taken for one. Not covered: faults of the kernel (no system call is filtered), and
programs that look for the token in the frames of their interpreter, or change what tests call: tests and answer share
an interpreter.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import resource
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

# <sched.h>, <sys/mount.h>, <sys/prctl.h>, <linux/mount.h>
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
WALLS = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 4096, 16384, 1 << 18
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38
ATTR_RDONLY, ATTR_NOSUID, ATTR_NODEV = 1, 2, 4
AT_FDCWD, AT_RECURSIVE = -100, 0x8000
SYS_MOUNT_SETATTR = 442  # the same on every processor; Linux 5.12
SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "loongarch64": 41}

NOBODY = 65534
LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64")
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
LINKER_CACHE = "/etc/ld.so.cache"
ROOT_BYTES = 16 << 20  # the root's own files: names, and the program
MOST_FILES = 4096
OPEN_FILES = 64
OWN_PROCESSES = 2  # this one and process 1, which count for the user as the program does
REPORT, TOKEN = 3, 4  # file descriptors of the program
REPORT_BYTES = 1 << 12  # of what it writes there, its report is the last

libc = ctypes.CDLL(None, use_errno=True)


class RefusedError(Exception):
    """The system does not allow what the isolation needs."""


def main() -> None:
    """Isolate, then split off process 1, which tells how the program ended."""
    orders = json.loads(sys.stdin.buffer.read())
    try:
        isolate(orders)
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        first = os.fork()
    except (RefusedError, OSError) as error:
        answer({"refused": str(error)})
    if first == 0:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        answer({"ended": watched(orders)})
    os.waitpid(first, 0)


def answer(found: dict[str, Any]) -> NoReturn:
    """Tell it, and end."""
    os.write(1, json.dumps(found).encode())
    os._exit(0)


def isolate(orders: dict[str, Any]) -> None:
    """Leave every namespace, and put up the new root."""
    proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        called("unshare", libc.unshare(WALLS))
    else:
        called("unshare", libc.unshare(CLONE_NEWUSER | WALLS))
        take_user(proc, user, group)
    mount(None, Path("/"), None, MS_REC | MS_PRIVATE)
    build_root(orders)
    enter(orders["root"])
    if user == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        prctl(PR_SET_DUMPABLE, 1)  # else /proc/self would still be root's
        called("unshare", libc.unshare(CLONE_NEWUSER))
        take_user(proc, NOBODY, NOBODY)
    os.close(proc)


def take_user(proc: int, user: int, group: int) -> None:
    """Be NOBODY in the new user namespace, and let nobody make another one below it."""
    for name, text in {
        "self/setgroups": "deny",
        "self/uid_map": f"{NOBODY} {user} 1",
        "self/gid_map": f"{NOBODY} {group} 1",
        "sys/user/max_user_namespaces": "0",
    }.items():
        file = os.open(name, os.O_WRONLY, dir_fd=proc)
        os.write(file, text.encode())
        os.close(file)


def build_root(orders: dict[str, Any]) -> None:
    """Mount what the program will see over the empty folder that it is given."""
    root = Path(orders["root"])
    mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, f"size={ROOT_BYTES},mode=755")
    shown: list[Path] = []
    for path in sorted(map(Path, {*LIBRARIES, LINKER_CACHE, *DEVICES, *orders["shown"]})):
        target = root / path.relative_to("/")
        if any(other in path.parents for other in shown) or not path.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():
            target.symlink_to(path.readlink())
            continue
        shown.append(path)
        show(path, target)
    (root / "program.py").write_bytes(orders["program"].encode("utf-8", "surrogatepass"))
    (root / "tmp").mkdir()
    set_attributes(root, ATTR_RDONLY)
    mount(
        "tmpfs", root / "tmp", "tmpfs", MS_NOSUID | MS_NODEV,
        f"size={orders['file_bytes']},nr_inodes={MOST_FILES},mode=700,uid={NOBODY},gid={NOBODY}",
    )  # fmt: skip


def show(path: Path, target: Path) -> None:
    """Let `path` be seen at `target`, read-only."""
    if path.is_dir():
        target.mkdir(exist_ok=True)
    else:
        target.touch()
    mount(str(path), target, None, MS_BIND | MS_REC)
    attributes = ATTR_RDONLY | ATTR_NOSUID | (0 if path.is_char_device() else ATTR_NODEV)
    set_attributes(target, attributes, AT_RECURSIVE)


def enter(root: str) -> None:
    """Make `root` the root; what was there before is out of reach."""
    number = SYS_PIVOT_ROOT.get(platform.machine())
    if number is None:
        raise RefusedError(f"pivot_root has no known number on {platform.machine()}")
    os.chdir(root)
    called("pivot_root", libc.syscall(ctypes.c_long(number), b".", b"."))
    called("umount", libc.umount2(b".", MNT_DETACH))
    os.chdir("/tmp")


def watched(orders: dict[str, Any]) -> str:
    """How the program ended, in a word or two; process 1 of its namespace."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, signal.SIGALRM})
    token = orders["token"].encode()
    (reading, writing), (asking, telling) = os.pipe(), os.pipe()
    os.write(telling, token)
    os.close(telling)
    program = os.fork()
    if program == 0:
        become(orders, writing, asking)
    os.close(writing)
    os.close(asking)
    os.set_blocking(reading, False)
    status = wait_for(program, orders["wall_s"])
    if status is None:
        return "timeout wall"
    try:
        written = os.read(reading, REPORT_BYTES)
    except BlockingIOError:  # a process it left behind holds the other end
        written = b""
    report = written.rpartition(token)[2].decode("utf-8", "replace") if token in written else ""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number == signal.SIGXCPU:
            return "timeout cpu"
        return f"crash {signal.Signals(number).name}"
    return report or "exit"


def wait_for(program: int, wall_s: float) -> int | None:
    """Its status; None where the time is over. Children it left to process 1 are collected too."""
    signal.setitimer(signal.ITIMER_REAL, wall_s)
    while signal.sigwait({signal.SIGCHLD, signal.SIGALRM}) == signal.SIGCHLD:
        while True:
            ended, status = os.waitpid(-1, os.WNOHANG)
            if ended == program:
                return status
            if ended == 0:
                break
    return None


def become(orders: dict[str, Any], report: int, token: int) -> NoReturn:
    """Be the program, which reports to one pipe and finds its token in another."""
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, set())
        nothing = os.open("/dev/null", os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nothing, number)
        for pipe, number in (
            (report, REPORT),
            (token, TOKEN),
        ):  # made after others, so their own numbers are larger
            os.dup2(pipe, number)
        os.closerange(TOKEN + 1, OPEN_FILES)
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        for kind, most in {
            resource.RLIMIT_CPU: orders["cpu_s"],
            resource.RLIMIT_AS: orders["memory_bytes"],
            resource.RLIMIT_FSIZE: orders["file_bytes"],
            resource.RLIMIT_NOFILE: OPEN_FILES,
            resource.RLIMIT_NPROC: orders["processes"] + OWN_PROCESSES,
            resource.RLIMIT_CORE: 0,
            resource.RLIMIT_MEMLOCK: 0,
        }.items():
            limit(kind, most)
        os.execve(
            orders["python"],
            [orders["python"], "-S", "-s", "-P", "-c", orders["inside"]],
            orders["environment"],
        )
    finally:
        os._exit(1)


def limit(kind: int, most: int) -> None:
    """At most `most`, or what holds already. A second after the first signal, processor time is over for good."""
    _, hard = resource.getrlimit(kind)
    second = 1 if kind == resource.RLIMIT_CPU else 0
    above = most + second if hard == resource.RLIM_INFINITY else min(most + second, hard)
    resource.setrlimit(kind, (min(most, above), above))


def mount(source: str | None, target: Path, kind: str | None, flags: int, data: str | None = None) -> None:
    """mount(2)."""
    texts = [text and text.encode() for text in (source, str(target), kind)]
    called(f"mount of {target}", libc.mount(*texts, ctypes.c_ulong(flags), data and data.encode()))


def set_attributes(path: Path, attributes: int, flags: int = 0) -> None:
    """mount_setattr(2)."""
    wanted = (ctypes.c_uint64 * 4)(attributes, 0, 0, 0)  # struct mount_attr: set, clear, propagation, fd
    result = libc.syscall(
        ctypes.c_long(SYS_MOUNT_SETATTR), AT_FDCWD, str(path).encode(), flags,
        ctypes.byref(wanted), ctypes.c_size_t(ctypes.sizeof(wanted)),
    )  # fmt: skip
    called(f"mount_setattr of {path}", result)


def prctl(option: int, value: int) -> None:
    """prctl(2)."""
    called("prctl", libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0))


def called(what: str, result: int) -> None:
    """Raises RefusedError where a call of the system has failed."""
    if result != 0:
        raise RefusedError(f"{what}: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    main()
