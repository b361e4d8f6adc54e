"""What an event says, whoever sent it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from headway.errors import UsageError


@dataclass(frozen=True, slots=True)
class ImagePushed:
    """An image was pushed: `repository` as references name it (`host:port/path`); what is empty was not said."""

    repository: str
    tag: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class GitPushed:
    """A branch was pushed; `urls` are all that the sender has for the repo."""

    urls: tuple[str, ...]
    branch: str = ""
    commit: str = ""


Event = ImagePushed | GitPushed


@dataclass(frozen=True, slots=True)
class Events:
    """The events of one request; `answer` is what a sender's handshake wants back."""

    events: tuple[Event, ...] = ()
    answer: dict[str, str] | None = None


def mapping(value: Any, where: str = "the body") -> dict[str, Any]:
    """Take a JSON object; raise UsageError for anything else."""
    if not isinstance(value, dict):
        raise UsageError(f"{where}: a JSON object is expected")
    return value


def part(value: Any, *path: str) -> Any:
    """Go down into JSON; None where the way ends."""
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def items(value: Any) -> list[Any]:
    """Take a list; anything else has no items."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    """Take text; anything else is empty."""
    return value if isinstance(value, str) else ""


def words(*values: Any) -> tuple[str, ...]:
    """Take the texts among values, each once."""
    return tuple(dict.fromkeys(it for it in values if isinstance(it, str) and it))


def branch_of(ref: Any) -> str:
    """Return the branch in `refs/heads/…`; empty for a tag or anything else."""
    name = text(ref)
    return name.removeprefix("refs/heads/") if name.startswith("refs/heads/") else ""


def only(events: Iterable[Event]) -> Events:
    """Make the result of some events, each once."""
    return Events(tuple(dict.fromkeys(events)))
