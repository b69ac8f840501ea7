"""`ontogeny`: one command for the whole life of a model.

The modules behind the verbs import what they need only when they are called, so that `--help` is instant.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Annotated

import typer

from ontogeny.cli import (
    artifacts,
    classify,
    data,
    estimate,
    evaluate,
    find_lr,
    init,
    models,
    registry,
    run,
    seen,
    store,
    talk,
)

app = typer.Typer(
    name="ontogeny",
    help="Raise a language model through its whole life, and ask any artifact what it is made of.",
    epilog="Start with: ontogeny init my-model --template pretrain",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Raise a language model through its whole life, and ask any artifact what it is made of."""
    if version:
        from importlib.metadata import version as version_of

        typer.echo(f"ontogeny {version_of('ontogeny')}")
        raise typer.Exit


MODULES = (
    init,
    run,
    artifacts,
    registry,
    store,
    models,
    talk,
    classify,
    evaluate,
    seen,
    data,
    estimate,
    find_lr,
)
for module in MODULES:
    module.register(app)


STOPPED = 130  # what a shell says of a command that Ctrl-C ended; Typer leaves with it too


def _stopped() -> int:
    typer.echo("stopped; the same command goes on from here", err=True)
    return STOPPED


def main() -> None:
    """Run a command: errors are told without a traceback, and the exit code says what kind they were."""
    from ontogeny.core.errors import OntogenyError, defect
    from ontogeny.core.process import THREADS_THAT_WAIT

    for name, value in THREADS_THAT_WAIT.items():
        os.environ.setdefault(name, value)
    debug = "--debug" in sys.argv[1:]
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    if debug:
        logging.basicConfig(level=logging.DEBUG, format="%(name)s: %(message)s")
    try:
        app(arguments, prog_name="ontogeny")
    except KeyboardInterrupt:
        sys.exit(_stopped())
    except SystemExit as left:
        sys.exit(_stopped() if left.code == STOPPED else left.code)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone: nothing is left to say
        sys.exit(0)
    except Exception as error:
        if debug:
            raise
        from ontogeny.cli.show import print_error

        told = error if isinstance(error, OntogenyError) else defect(error)
        print_error(told)
        sys.exit(told.exit_code)
