"""What runs within the isolation, alone with the standard library: the program, and one word about how it ended.

The text of this file is handed to a fresh interpreter (`isolated_launch`); nothing imports it.
"""

import os
import sys
import types

PROGRAM = "/program.py"
REPORT = 3  # the file descriptor


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


if __name__ == "__main__":
    with open(PROGRAM, "rb") as file:  # noqa: PTH123 - pathlib would be loaded for this alone
        text = file.read()
    own = os.getpid()
    report = ending(text)
    if os.getpid() == own:  # not a process that the program split off
        os.write(REPORT, report.encode("utf-8", "replace")[:200])
    os._exit(0)
