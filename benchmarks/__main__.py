"""Every benchmark beside its baseline: `python -m benchmarks [NAME…] [--rounds N] [--write]`."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measure import Comparison, table, tell
from lab.controlroom import read_env
from lab.place import Place

# The last one keeps the cluster's controllers busy for a while after it.
NAMES = (
    "picks",
    "board",
    "scan",
    "ledger",
    "release_written",
    "rendered",
    "spec_changed",
    "push_event",
    "control_room",
    "many_releases",
    "broken",
    "apply_many",
)
PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
MARK = "<!-- measured -->"


def main() -> None:
    """Run the benchmarks that were asked for and print their table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(NAMES)}")
    parser.add_argument("--rounds", type=int, default=7, help="how often each is measured")
    parser.add_argument("--write", action="store_true", help=f"write the table into {PAGE.name}")
    given = parser.parse_args()
    if unknown := set(given.names) - set(NAMES):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    os.environ.update(read_env(Place.default().state / "env"))
    os.environ["HEADWAY_LOCAL"] = "1"
    rows: list[Comparison] = []
    for name in given.names or NAMES:
        tell(f"== {name}")
        rows += importlib.import_module(f"benchmarks.{name}").run_all(given.rounds)
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    found = f"{datetime.now(UTC):%d %b %Y}, {machine}\n\n{table(rows)}\n"
    print(f"\n{found}")
    if given.write:
        before, _, rest = PAGE.read_text().partition(MARK)
        _, _, after = rest.partition(MARK)
        PAGE.write_text(f"{before}{MARK}\n{found}{MARK}{after}")


if __name__ == "__main__":
    main()
