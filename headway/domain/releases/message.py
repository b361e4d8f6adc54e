"""A release's id, and its commit message: written for people, read back by trailers.

The format is what stays when everything else is lost, so every reader here also
takes what a newer headway or a person wrote. Nothing typed can pose as a trailer.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from headway.domain.images.reference import Image

TIME_FORMAT = "%Y%m%dT%H%M%SZ"
CLOCKS_DIFFER = timedelta(days=1)
SUBJECT_LENGTH = 72
"""Where the usual hosts cut a subject, in characters."""
VALUE_LENGTH = 1000
"""The longest trailer, in characters."""

_TIMED_ID = re.compile(r"(\d{8}T\d{6}Z)-[0-9A-Za-z.-]+")
_VALID_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_COMMIT = re.compile(r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}")
_NOT_TEXT = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]+"
)
_TRAILER = re.compile(r"Headway-([A-Za-z]+(?:-[A-Za-z]+)*):[ \t]*(.*)", re.IGNORECASE)
_KNOWN = frozenset({"Release", "Environment", "Kind", "Actor", "Reason", "Change"})
_VERBS = {"release": "Release", "promotion": "Promote", "rollback": "Roll back"}

Triple = tuple[str, Image, Image]
"""A service, its old image and its new one."""


def new_release_id(now: datetime, unique: str) -> str:
    """Make a release's id: when it was asked for, and a name that tells it from others of that second.

    The same arguments give the same id, so a run that is tried again keeps its own.
    """
    return f"{now.astimezone(UTC):{TIME_FORMAT}}-{hashlib.sha256(unique.encode()).hexdigest()[:8]}"


def derived_id(commit: str, time: datetime) -> str:
    """Make the id of what follows from a commit by itself, the same for everyone who asks."""
    return f"{time.astimezone(UTC):{TIME_FORMAT}}-{commit[:12]}"


def is_release_id(text: str) -> bool:
    """Return whether a text may be a release's id: a plain word of at most 80 characters."""
    return _VALID_ID.fullmatch(text) is not None


def oldest_commit_time(release_id: str) -> datetime | None:
    """Return the time before which no commit can carry this id; None where the id does not tell.

    A day is taken off, since a commit's time is another machine's.
    """
    match = _TIMED_ID.fullmatch(release_id)
    if match is None:
        return None
    try:
        return datetime.strptime(match[1], TIME_FORMAT).replace(tzinfo=UTC) - CLOCKS_DIFFER
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True, slots=True)
class ReleaseRecord:
    """What one release says about itself; `changes` are (service, old image, new image).

    `why` gives a service's remark for the table, `trailers` what this headway does not know.
    """

    id: str
    environment: str
    kind: str
    changes: tuple[Triple, ...] = ()
    actor: str = ""
    reason: str = ""
    why: Mapping[str, str] = field(default_factory=dict)
    trailers: tuple[tuple[str, str], ...] = ()


def format_message(record: ReleaseRecord) -> str:
    """Write a release's commit message: a subject, a table of short tags, the trailers."""
    table = _table(record)
    trailers = [
        ("Release", record.id),
        ("Environment", record.environment),
        ("Kind", record.kind),
        *(
            ("Change", f"{_word(name)} {_word(old.text)} -> {_word(new.text)}")
            for name, old, new in record.changes
        ),
        ("Actor", record.actor),
        ("Reason", record.reason),
        *record.trailers,
    ]
    lines = [f"Headway-{name}: {text}" for name, value in trailers if (text := _line(value))]
    return "\n".join([_subject(record), "", *([*table, ""] if table else []), *lines]) + "\n"


def parse_message(text: str) -> ReleaseRecord | None:
    """Read a commit message; None where it is not a release's.

    Only the last paragraph counts, as for Git's own trailers. Unknown kinds and
    trailers are kept, lines that cannot be read are left out.
    """
    if "eadway-" not in text:
        return None
    found: list[tuple[str, str]] = []
    for line in text.replace("\r\n", "\n").rstrip().rsplit("\n\n", 1)[-1].split("\n"):
        if match := _TRAILER.fullmatch(line.strip()):
            found.append((match[1].title(), match[2].strip()))
    first = dict(reversed(found))
    if not is_release_id(first.get("Release", "")):
        return None
    return ReleaseRecord(
        id=first["Release"],
        environment=first.get("Environment", ""),
        kind=first.get("Kind", "release"),
        changes=tuple(triple for name, value in found if name == "Change" and (triple := _change(value))),
        actor=first.get("Actor", ""),
        reason=first.get("Reason", ""),
        trailers=tuple((name, value) for name, value in found if name not in _KNOWN),
    )


def short_tag(image: Image | str) -> str:
    """Shorten an image to what people compare: its tag, or the start of its digest; `-` for none."""
    name, _, digest = _line(str(image)).partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    short = tag or digest.removeprefix("sha256:")[:12] or name.rpartition("/")[2]
    return (short[:16] + "…" if len(short) > 24 else short) or "-"


def short_ref(ref: str) -> str:
    """Shorten a commit's whole SHA-1; a branch, a tag, a time or a release's id is nothing when it is cut."""
    return ref[:9] if _COMMIT.fullmatch(ref) else ref


def _change(value: str) -> Triple | None:
    left, arrow, new = value.partition(" -> ")
    service, space, old = left.partition(" ")
    if not (arrow and space):
        return None
    return service, Image("" if old == "-" else old), Image("" if new == "-" else new)


def _table(record: ReleaseRecord) -> list[str]:
    rows = [
        (_line(name), short_tag(old), short_tag(new), _line(record.why.get(name, "")))
        for name, old, new in record.changes
    ]
    wide = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    return [
        f"{name:{wide[0]}}  {old:{wide[1]}} -> {new:{wide[2]}}  {why}".rstrip()
        for name, old, new, why in rows
    ]


def _subject(record: ReleaseRecord) -> str:
    verb = _VERBS.get(record.kind) or _line(record.kind).capitalize() or "Change"
    preposition = "to" if record.kind in {"release", "promotion"} else "in"
    where = f" {preposition} {_line(record.environment)}" if record.environment else ""
    names = list(dict.fromkeys(_line(name) for name, _, _ in record.changes))
    shown = ", ".join(names)
    for count in range(len(names) - 1, 0, -1):
        if len(f"{verb} {shown}{where}") <= SUBJECT_LENGTH:
            break
        shown = f"{', '.join(names[:count])} and {len(names) - count} more"
    return f"{verb} {shown}{where}" if names else f"{verb}{where}"


def _line(text: str) -> str:
    line = _NOT_TEXT.sub(" ", text).strip()
    return line if len(line) <= VALUE_LENGTH else line[: VALUE_LENGTH - 1] + "…"


def _word(text: str) -> str:
    return "".join(_line(text).split()) or "-"
