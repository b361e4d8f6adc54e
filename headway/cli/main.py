"""The `headway` command: its commands, and the one place where errors become exit codes.

Exit codes: 0 done, 1 failed, 2 wrong use or bad config, 3 refused.
"""

from __future__ import annotations

import os
import sys
import traceback
from functools import cache
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from headway import __version__
from headway.cli import (
    adopting,
    approving,
    auditing,
    cancelling,
    changes,
    delivering,
    finding,
    holding,
    ledger,
    looking,
    picking,
    serving,
    setup,
    working,
)
from headway.cli.groups import Grouped
from headway.cli.output import err, print_error
from headway.cli.signals import Stopped, watched_signals
from headway.cli.streams import lasting_streams, lost
from headway.errors import FailedError, explained

app = typer.Typer(
    name="headway",
    cls=Grouped,
    no_args_is_help=True,
    # Plain help: the coloured one takes longer to start than to read.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Release manager for Kubernetes: every release is a Git commit, and rolling back needs no rebuild.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage or invalid config, 3 refused.",
)
COMPLETION = "_HEADWAY_COMPLETE"
"""What a shell sets that asks for completions."""


def _version(wanted: bool) -> None:
    if wanted:
        print(f"headway {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    # What `debug` is, `_run` reads from the context.
    return


for module in (
    looking,
    finding,
    ledger,
    picking,
    changes,
    delivering,
    approving,
    auditing,
    cancelling,
    holding,
    serving,
    setup,
    adopting,
    working,
):
    module.add_to(app)


def run(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    with lasting_streams() as out, watched_signals():
        code = _run(arguments)
        out.flush()
        if missing := lost(out):
            print_error(
                FailedError(missing, hint="what the command did is done; only its output is not whole")
            )
            code = code or 1
    sys.exit(code)


@cache
def _command() -> Any:
    return typer.main.get_command(app)


def _run(arguments: list[str] | None) -> int:
    """Run the one command that was asked for; every error becomes a message and an exit code here."""
    if COMPLETION in os.environ:
        app(arguments)
    command = _command()
    debug = False
    try:
        # Not by the command's own `main`, which takes a broken connection for a closed pipe and says nothing.
        with command.make_context(
            "headway", list(sys.argv[1:] if arguments is None else arguments)
        ) as context:
            debug = context.params["debug"]
            command.invoke(context)
        return 0
    except typer.Exit as ended:
        return int(ended.exit_code)
    except TyperException as error:
        # Wrong use: it knows how to show itself, with the usage line of its command.
        show = getattr(error, "show", None)
        if show is None:
            raise
        show()
        return 2
    except Stopped as stopped:
        return stopped.code
    except (typer.Abort, EOFError):
        err().print("\nstopped; nothing was answered")
        return 130
    except Exception as error:  # noqa: BLE001 - the one place where every error becomes a message
        if debug:
            traceback.print_exc()
        shown = explained(error)
        print_error(shown)
        return shown.exit_code


if __name__ == "__main__":
    run()
