"""`make board`: the board of the demo's shop, at a loopback address, until Ctrl-C.

What is pressed starts the same Prefect deployments as the demo's commands. Nothing is scanned or reconciled on its
own here. It needs the lab that `make demo` leaves behind, and ends with the terminal that it runs in.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from examples.shop.demo import BOARD, PLACE, PORT, settings
from lab.controlroom import read_env
from lab.place import ROOT


def main() -> None:
    """Become `headway serve` for the demo's shop."""
    lab = read_env(PLACE.state / "env")
    if not lab:
        sys.exit(f"there is no lab in {PLACE.state}: `make demo` starts one, and fills it")
    os.environ.update(lab | settings())
    command = [str(Path(sys.executable).with_name("headway")), *serving()]
    print(f"$ headway {' '.join(serving())}    # then open {BOARD}; Ctrl-C ends it", flush=True)
    os.chdir(ROOT)
    os.execv(command[0], command)


def serving() -> list[str]:
    """Return the command that serves the board."""
    return ["serve", "--port", str(PORT), "--every", "0", "--reconcile-every", "0"]


if __name__ == "__main__":
    main()
