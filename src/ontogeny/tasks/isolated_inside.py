"""What runs within the isolation, alone with the standard library: the program, and one word about how it ended.

The text of this file is handed to a fresh interpreter (`isolated_launch`); nothing imports it. What it reports counts
with a token before it, which it reads before the program begins and keeps in a local variable.
"""

import os
import sys
import types

PROGRAM = "/program.py"
REPORT, TOKEN = 3, 4  # file descriptors


def ending(source: bytes) -> str:
    """Run `source` as a module; the kind of its end, and the name of what it raised."""
    try:
        code = compile(source, "program.py", "exec")
    except (SyntaxError, ValueError, RecursionError, OverflowError) as error:
        return f"syntax {type(error).__name__}"
    except MemoryError:
        return "memory MemoryError"
    module = types.ModuleType("program")
    sys.modules["program"] = module
    try:
        exec(code, module.__dict__)
    except AssertionError:
        return "assertion AssertionError"
    except MemoryError:
        return "memory MemoryError"
    except SystemExit:
        return "exit SystemExit"
    except BaseException as error:  # noqa: BLE001 - whatever it was, it is told
        return f"error {type(error).__name__}"
    return "passed"


def main() -> None:
    """Run the program, and tell how it ended."""
    with open(PROGRAM, "rb") as file, open(TOKEN, "rb") as pipe:  # noqa: PTH123 - pathlib would be loaded for this
        text, token = file.read(), pipe.read()
    own = os.getpid()
    report = ending(text)
    if os.getpid() == own:  # not a process that the program split off
        os.write(REPORT, token + report.encode("utf-8", "replace")[:200])
    os._exit(0)


if __name__ == "__main__":
    main()
