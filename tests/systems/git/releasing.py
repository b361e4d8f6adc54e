"""Makes a small release; run as a program, it is a process that a test can kill.

python -m tests.systems.git.releasing URL STATE RELEASE_ID TEXT [PID_FILE]
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from headway.domain.images.reference import Image
from headway.domain.releases.ledger import ReleaseRecord, format_message
from headway.systems.git.config_repo import ConfigRepo, ProposedCommit, Published

FILE = "staging/app.yaml"


def add_line(repo: ConfigRepo, release_id: str, line: str, file: str = FILE) -> Published | None:
    """Release one more line in a file, planned again on each head."""

    def draft(head: str) -> ProposedCommit | None:
        old = repo.reader(head)(file)
        record = ReleaseRecord(
            release_id, "staging", "release", (("app", Image("a:1"), Image(f"a:{line}")),), "ann", "a test"
        )
        return ProposedCommit(
            files={file: old + line.encode() + b"\n"}, message=format_message(record), author="ann"
        )

    return repo.publish(draft, release_id=release_id)


def main(url: str, state: str, release_id: str, line: str, pid_file: str = "") -> None:
    """Release once in a process of its own."""
    if pid_file:
        Path(pid_file).write_text(str(os.getpid()))
    with ConfigRepo.open(url, "main", Path(state)) as repo:
        published = add_line(repo, release_id, line)
    assert published is not None
    print(published.commit, published.already)


if __name__ == "__main__":
    main(*sys.argv[1:])
