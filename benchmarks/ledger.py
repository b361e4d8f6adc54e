"""The ledger on 20,000 commits with their outcomes: its newest page, and the metrics of all of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.measure import Comparison, timed

COMMITS = 20_000
START = 1_700_000_000
STEP = 600


def make_repo(folder: Path) -> Path:
    """Make a config repo of 20,000 releases, each with a note, by `git fast-import`."""
    bare = folder / "config.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(bare)], check=True)
    config = (
        "version: 1\napp: bench\nservices:\n  web: {image: r.io/web}\nenvironments:\n"
        "  staging: {path: staging, cluster: {namespace: staging}}\n"
    )
    with subprocess.Popen(
        ["git", "-C", str(bare), "fast-import", "--quiet"], stdin=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        write = process.stdin.write
        for number in range(1, COMMITS + 1):
            at = START + number * STEP
            source = f"{datetime.fromtimestamp(at - 900, UTC):%Y-%m-%dT%H:%M:%SZ}"
            old, new = (f"r.io/web:1.{it}@sha256:{it:064x}" for it in (number - 1, number))
            message = (
                f"Release web to staging\n\nHeadway-Release: r{number}\nHeadway-Environment: staging\n"
                f"Headway-Kind: release\nHeadway-Change: web {old} -> {new}\nHeadway-Actor: ann\n"
                f"Headway-Source: web {number:040x} {source}\n"
            ).encode()
            write(b"commit refs/heads/main\nmark :%d\n" % number)
            write(b"committer headway <h@h.example> %d +0000\ndata %d\n%s\n" % (at, len(message), message))
            if number > 1:
                write(b"from :%d\n" % (number - 1))
            else:
                write(b"M 100644 inline headway.yaml\ndata %d\n%s\n" % (len(config), config.encode()))
            text = f"image: {new}\n".encode()
            write(b"M 100644 inline staging/web.yaml\ndata %d\n%s\n" % (len(text), text))
        write(b"commit refs/notes/headway\ncommitter headway <h@h.example> %d +0000\ndata 5\nnotes\n" % START)
        for number in range(1, COMMITS + 1):
            at = f"{datetime.fromtimestamp(START + number * STEP + 30, UTC):%Y-%m-%dT%H:%M:%SZ}"
            state = "failed" if number % 10 == 0 else "live"
            line = f'{{"state":"{state}","at":"{at}","seconds":3,"by":"headway"}}\n'.encode()
            write(b"N inline :%d\ndata %d\n%s\n" % (number, len(line), line))
    return bare


def run_all(rounds: int) -> list[Comparison]:
    """Measure beside Git's own log with notes."""
    folder = Path(tempfile.mkdtemp(prefix="headway-bench-"))
    rows = [
        Comparison(f"history --limit 20 of {COMMITS:,} releases", "git log -20 --notes=headway", "–"),
        Comparison(f"DORA metrics of {COMMITS:,} releases", "git log --notes=headway", "–"),
    ]
    try:
        bare = make_repo(folder)
        os.environ["HEADWAY_REPO"], os.environ["HEADWAY_STATE"] = str(bare), str(folder / "state")
        from headway.operations.connections import Connections
        from headway.operations.metrics import measured

        def log(*options: str) -> None:
            command = ["git", "-C", str(bare), "log", "--format=%B", "--notes=headway", *options]
            subprocess.run(command, check=True, capture_output=True)

        with Connections() as connections:
            head = connections.repo.fetch()
            config = connections.config(head)
            end = datetime.fromtimestamp(START, UTC) + timedelta(seconds=STEP * (COMMITS + 1))

            def page() -> None:
                assert len(list(connections.repo.ledger({"staging": "staging"}, limit=20))) == 20

            def all_of_it() -> None:
                begin = datetime.fromtimestamp(START, UTC)
                found = measured(connections, config, ["staging"], ["web"], begin, end)
                assert (found[0].ended, found[0].failed) == (COMMITS, COMMITS // 10), found[0]

            for _ in range(rounds):
                rows[0].theirs.append(timed(lambda: log("-20")))
                rows[0].ours.append(timed(page))
                rows[1].theirs.append(timed(log))
                rows[1].ours.append(timed(all_of_it))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return rows
