"""Gates: what holds a release back, for people and for automation."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from headway.domain.config import load_config
from headway.domain.gates import gates, is_automatic
from headway.domain.holds import Holds, Lock, Override, Veto
from headway.domain.plans import Change

D = "sha256:" + "a" * 64
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
CHANGES = [Change("web", "r.io/web:1", f"r.io/web:2@{D}"), Change("api", "r.io/api:1", "r.io/api:2")]


def config(more: str = ""):  # type: ignore[no-untyped-def]
    """Read a configuration with some lines for its environment."""
    text = "version: 1\napp: a\nservices:\n  web: {image: r.io/web, tags: {match: 'semver:*'}}\n  api: {image: r.io/api, tags: {match: 'semver:*'}}\n"
    return load_config(f"{text}environments:\n  p: {{path: p, cluster: {{namespace: p}}{more}}}\n".encode())


def kinds(holds: Holds, more: str = "", *, undo: bool = False) -> list[tuple[str, str]]:
    """Give what holds the changes back, as (kind, service)."""
    return [(it.kind, it.service) for it in gates(config(more), holds, "p", CHANGES, NOW, undo=undo)]


def test_nothing_holds_back() -> None:
    """Without holds and windows everything may go."""
    assert kinds(Holds()) == []


def test_a_lock_on_all_is_told_once_and_holds_back_undoing_too() -> None:
    """A lock says no to everything here."""
    holds = Holds().put([Lock("p", by="ann", why="audit"), Lock("q", "web")])
    assert kinds(holds) == [("locked", "")]
    assert kinds(holds, undo=True) == [("locked", "")]
    assert str(gates(config(), holds, "p", CHANGES, NOW, undo=False)[0]) == "p is locked by ann: audit"


def test_a_veto_is_about_a_digest() -> None:
    """Only the very digest, only here, only this service."""
    assert kinds(Holds().put([Veto("p", "web", D)])) == [("vetoed", "web")]
    assert kinds(Holds().put([Veto("q", "web", D), Veto("p", "api", D)])) == []


def test_a_closed_window_holds_back_releases_but_not_undoing() -> None:
    """Nobody waits for Monday to go back; it is said when it opens."""
    more = ", windows: ['wed 09:00-10:00 UTC']"
    assert kinds(Holds(), more) == [("closed", "")]
    assert kinds(Holds(), more, undo=True) == []
    assert "opens 2026-11-25 09:00 UTC" in str(gates(config(more), Holds(), "p", CHANGES, NOW, undo=False)[0])


@pytest.mark.parametrize(
    ("more", "overrides", "expected"),
    [
        ("", [], False),
        (", release: automatic", [], True),
        (", services: {web: {release: automatic}}", [], True),
        (", release: automatic, services: {web: {release: manual}}", [], False),
        ("", [Override("p", "web", "automatic")], True),
        (", release: automatic", [Override("p", "", "manual")], False),
        (", release: automatic", [Override("p", "", "manual"), Override("p", "web", "automatic")], True),
        (", release: automatic", [Override("p", "api", "manual")], True),
        (", approvals: 1", [Override("p", "", "automatic")], False),
    ],
)
def test_who_releases(more: str, overrides: list[Override], expected: bool) -> None:
    """The nearest word counts: an override, the service's, the environment's; where people approve, automation never."""
    assert is_automatic(config(more), Holds().put(overrides), "p", "web") is expected
