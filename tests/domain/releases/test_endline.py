"""The last line of a command names the versions, and stays one line however many services there are."""

from __future__ import annotations

import pytest

from headway.domain.releases.endline import NAMED, end_line, versions

D = "@sha256:" + "a" * 64
OLD = {"api": [f"r/api:2.0.1{D}"], "web": [f"r/web:1.4.1{D}"]}
NEW = {"api": [f"r/api:2.0.1{D}"], "web": [f"r/web:1.4.2{D}"]}


def line(state: str, rows: list[dict[str, str]]) -> str:
    """Return the line of an environment that ended so."""
    end = {"environment": "production", "state": state, "seconds": 3.14, "commit": "c" * 40}
    return end_line({**end, "versions": rows})


@pytest.mark.parametrize(
    ("state", "rows", "said"),
    [
        ("live", versions(NEW, OLD), "production: live in 3.1 s: web 1.4.2, api 2.0.1 (was 1.4.1, 2.0.1)"),
        ("live", versions(NEW), "production: live in 3.1 s: api 2.0.1, web 1.4.2"),
        ("unchanged", versions(NEW, NEW), "production: unchanged in 3.1 s: api 2.0.1, web 1.4.2"),
        ("superseded", versions(NEW, OLD), "production: superseded in 3.1 s (ccccccccc)"),
        ("live", [], "production: live in 3.1 s (ccccccccc)"),
        ("live", versions({"web": ["r/web:1", "r/web:2"]}), "production: live in 3.1 s: web 1/2"),
    ],
)
def test_the_line(state: str, rows: list[dict[str, str]], said: str) -> None:
    """What changed comes first; what was is said where something changed."""
    assert line(state, rows) == said


def test_a_hundred_services_are_one_short_line() -> None:
    """It names some, and says how many more there are."""
    said = line("live", versions({f"service-{it}": [f"r/s:1.0.{it}"] for it in range(100)}))
    assert said.endswith(f"and {100 - NAMED} more")
    assert len(said) < 200
