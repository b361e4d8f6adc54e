"""Gates: what holds a release back, for people and for automation."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from headway.domain.config.reading import load_config
from headway.domain.policy.gates import gates, is_automatic, not_promoted
from headway.domain.policy.holds import Holds, Lock, Override, Veto
from headway.domain.releases.plans import Change
from headway.errors import ConfigError
from tests.images import moved

D = "sha256:" + "a" * 64
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
CHANGES = [
    Change(*moved("web", "r.io/web:1", f"r.io/web:2@{D}")),
    Change(*moved("api", "r.io/api:1", "r.io/api:2")),
]


def config(more: str = ""):  # type: ignore[no-untyped-def]
    """Read a configuration with some lines for its environment."""
    text = "version: 1\napp: a\nservices:\n  web: {image: r.io/web, tags: {match: 'semver:*'}}\n  api: {image: r.io/api, tags: {match: 'semver:*'}}\n"
    return load_config(f"{text}environments:\n  p: {{path: p, cluster: {{namespace: p}}{more}}}\n".encode())


def kinds(holds: Holds, more: str = "", *, undo: bool = False) -> list[tuple[str, str]]:
    """Return what holds the changes back, as (kind, service)."""
    return [(it.kind, it.service) for it in gates(config(more), holds, "p", CHANGES, NOW, undo=undo)]


CHAIN = """version: 1
app: a
services: {web: {image: r.io/web}}
environments:
  dev: {path: d, cluster: {namespace: d}}
  staging: {path: s, cluster: {namespace: s}, promote_from: dev}
  production: {path: p, cluster: {namespace: p}, promote_from: staging, only_by_promotion: true}
"""


@pytest.mark.parametrize(
    ("environment", "vetoed_in", "undo", "held"),
    [
        ("production", "staging", False, ["vetoed upstream"]),
        ("production", "dev", False, ["vetoed upstream"]),
        ("production", "production", False, ["vetoed"]),
        ("production", "staging", True, []),
        ("staging", "dev", False, ["vetoed upstream"]),
        ("staging", "production", False, []),
        ("dev", "staging", False, []),
    ],
)
def test_what_is_vetoed_upstream_needs_force_here(
    environment: str, vetoed_in: str, undo: bool, held: list[str]
) -> None:
    """All the way up, not down; going back is not held back."""
    holds = Holds().put([Veto(vetoed_in, "web", D, by="headway", why="CrashLoopBackOff")])
    found = gates(load_config(CHAIN.encode()), holds, environment, CHANGES, NOW, undo=undo)
    assert [it.kind for it in found] == held
    if held == ["vetoed upstream"]:
        assert str(found[0]) == f"web in {environment} is vetoed in {vetoed_in} at 2: CrashLoopBackOff"


@pytest.mark.parametrize(
    ("image", "told"),
    [(f"r.io:5000/web:2@{D}", "2"), (f"r.io:5000/web@{D}", "a" * 12), (f"r.io/web@{D}", "a" * 12)],
)
def test_an_upstream_veto_names_the_tag_or_the_digest(image: str, told: str) -> None:
    """An image without a tag is told by its digest; the registry's port is no tag."""
    text = CHAIN.replace("r.io/web", image.partition("@")[0].removesuffix(":2"))
    holds = Holds().put([Veto("staging", "web", D, by="headway", why="it crashed")])
    changes = [Change(*moved("web", "r.io/web:1", image))]
    (found,) = gates(load_config(text.encode()), holds, "production", changes, NOW, undo=False)
    assert str(found) == f"web in production is vetoed in staging at {told}: it crashed"


@pytest.mark.parametrize(
    ("environment", "source", "refused"),
    [
        ("production", "", True),
        ("production", "staging", False),
        ("production", "dev", True),
        ("staging", "", False),
    ],
)
def test_an_environment_may_take_promotions_only(environment: str, source: str, refused: bool) -> None:
    """From where promote_from says, and from nowhere else."""
    found = not_promoted(load_config(CHAIN.encode()), environment, source)
    assert bool(found) is refused
    assert not refused or "`headway promote production`" in str(found[0])


def test_only_by_promotion_says_from_where() -> None:
    """Alone it would refuse everything for ever."""
    with pytest.raises(ConfigError, match="promote_from is expected beside it"):
        config(", only_by_promotion: true")


def test_nothing_holds_back() -> None:
    """Without holds and windows everything may go."""
    assert kinds(Holds()) == []


def test_a_lock_on_all_is_reported_once_and_holds_back_undoing_too() -> None:
    """A lock says no to everything here."""
    holds = Holds().put([Lock("p", by="ann", why="audit"), Lock("q", "web")])
    assert kinds(holds) == [("locked", "")]
    assert kinds(holds, undo=True) == [("locked", "")]
    assert str(gates(config(), holds, "p", CHANGES, NOW, undo=False)[0]) == "p is locked by ann: audit"


@pytest.mark.parametrize(
    ("until", "held"), [("", True), ("2026-11-24T12:00:01Z", True), ("2026-11-24T12:00:00Z", False)]
)
def test_a_lock_that_has_ended_holds_nothing_back(until: str, held: bool) -> None:
    holds = Holds().put([Lock("p", by="ann", why="audit", until=until)])
    assert bool(kinds(holds)) is held
    assert bool(kinds(holds, undo=True)) is held


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
