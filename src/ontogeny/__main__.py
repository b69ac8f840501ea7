"""`ontogeny` and `python -m ontogeny`: what has to stand before anything is loaded, then the command."""

from __future__ import annotations

import sys

from ontogeny.core.process import start_with_whole_memory

TRAINING = ("run", "find-lr")  # the verbs that do


def main() -> None:
    """Run the command of the command line."""
    verb = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), None)
    if verb in TRAINING:
        start_with_whole_memory()
    from ontogeny.cli.app import main as command

    command()


if __name__ == "__main__":
    main()
