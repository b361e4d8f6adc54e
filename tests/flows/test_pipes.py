"""What commands print to a pipe, in an application that was released to once."""

from __future__ import annotations

import re
from pathlib import Path

from tests.flows.conftest import Place

GOLDEN = Path(__file__).with_name("pipes.txt")
COMMANDS = (
    ("status",),
    ("status", "staging", "--exit-code"),
    ("history",),
    ("history", "staging", "--kind", "release"),
    ("show", "HEAD"),
    ("diff", "staging"),
    ("diff", "staging", "production"),
    ("plan", "staging"),
    ("images", "web"),
    ("where", "1.1.0"),
    ("why", "staging", "web"),
    ("metrics",),
    ("lock", "staging", "-m", "[red]:fire: a reason"),
    ("release", "staging", "web=1.2.0", "--dry-run"),
    ("release", "staging", "web=9"),
    ("reconcile", "staging", "--dry-run"),
)
"""In this order, in an application that was released to once."""


def told(place: Place) -> str:
    """Return what the commands print, without what is another each time."""
    place.start(staging="")
    for tag in ("1.1.0", "1.2.0"):
        place.image("web", tag)
    said = [place.run("release", "staging", "web=1.1.0", "-m", "[bold]why[/bold] :fire:")]
    place.configure(production="")
    head = place.remote.git("rev-parse", "main~1").strip()
    made = []
    for command in COMMANDS:
        done = place.run(*(head if it == "HEAD" else it for it in command))
        made.append(f"$ headway {' '.join(command)}\n{done.code}\n{done.out}--\n{done.err}")
    text = f"{said[0].code}\n{said[0].out}--\n{said[0].err}" + "\n".join(made)
    return steady(text, place)


def steady(text: str, place: Place) -> str:
    """Return a text without times, hashes, ports and folders, whose columns may move with them."""
    text = text.replace(str(place.folder), "FOLDER")
    text = re.sub(r"127\.0\.0\.1:\d+", "HOST", text)
    text = re.sub(r"sha256:[0-9a-f]{64}", "DIGEST", text)
    text = re.sub(r"\d{8}T\d{6}Z-[0-9a-f]+", "RELEASE", text)
    text = re.sub(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?", "TIME", text)
    text = re.sub(r"\d{4}-\d\d-\d\d", "DAY", text)
    text = re.sub(r" *\d+\.\d\ds  ", "SINCE  ", text)
    text = re.sub(r"\b\d+(\.\d+)?( ?s\b)", "SECONDS", text)
    text = re.sub(r"\b[0-9a-f]{7,40}\b", "HASH", text)
    return re.sub(r" {2,}", "  ", text)


def test_commands_print_what_they_always_did(place: Place) -> None:
    """Byte for byte: scripts read it, and so do people in the log of a CI job."""
    assert told(place) == GOLDEN.read_text()
