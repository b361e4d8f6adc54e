"""The `headway` command: its commands, and the one place where errors become exit codes.

Exit codes: 0 done, 1 failed, 2 wrong use or bad config, 3 refused.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from headway import __version__
from headway.cli import (
    approving,
    changes,
    delivering,
    holding,
    ledger,
    looking,
    picking,
    serving,
    setup,
    working,
)
from headway.cli.output import err, print_error
from headway.errors import HeadwayError

app = typer.Typer(
    name="headway",
    no_args_is_help=True,
    # Plain help: the coloured one takes longer to start than to read.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="A release manager for Kubernetes: a release is a commit, and any of it can be undone without a rebuild.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong use or bad config, 3 refused.",
)
_debug = False


def _version(wanted: bool) -> None:
    if wanted:
        print(f"headway {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    global _debug
    _debug = debug


for module in (looking, ledger, picking, changes, delivering, approving, holding, serving, setup, working):
    module.add_to(app)


def run(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    try:
        code = app(arguments, standalone_mode=False)
    except HeadwayError as error:
        if _debug:
            raise
        print_error(error)
        code = error.exit_code
    except TyperException as error:
        # Wrong use: it knows how to show itself, with the usage line of its command.
        show = getattr(error, "show", None)
        if show is None:
            raise
        show()
        code = 2
    except (typer.Abort, KeyboardInterrupt):
        err().print("\nstopped; what was begun is finished by the next `headway reconcile`")
        code = 130
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    run()
