"""What could not be verified does not begin; what cannot be verified any more stays open, and is finished later."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.flows.conftest import Place
from tests.systems.cluster.test_verify import prometheus, serving

RULE = "verify: {promql: 'up == 1', timeout: 1s}"


@pytest.fixture
def answering() -> Iterator[str]:
    """A Prometheus that says yes."""
    with serving(prometheus("scalar", [1, "1"])) as url:
        yield url


def outcomes(place: Place, commit: str) -> list[Any]:
    """Return what is recorded of a commit."""
    found = json.loads(place.run("show", commit, "--output", "json").out)
    return [it["state"] for it in found["outcomes"]]


def test_what_could_not_be_verified_is_refused_before_the_commit(place: Place, answering: str) -> None:
    """A query without a Prometheus: exit 2 at its place in headway.yaml, nothing committed and nothing applied."""
    place.start(staging="")
    place.configure(staging=RULE)
    head, image = place.remote.head(), place.image("web", "1.1.0")
    done = place.run("release", "staging", f"web={image}")
    assert done.code == 2, done.said
    assert "headway.yaml:7:" in done.err
    assert "promql needs a Prometheus" in done.err
    assert "set HEADWAY_PROMETHEUS" in done.err
    assert (place.remote.head(), place.tags("staging")["web"]) == (head, "1.0.0")
    done = place.run("release", "staging", f"web={image}", HEADWAY_PROMETHEUS=answering)
    assert done.code == 0, done.said
    assert outcomes(place, "main") == ["live"]


def test_a_rollback_waits_for_no_setting(place: Place, answering: str) -> None:
    """A rollback from a machine that knows no Prometheus is out at once; whoever knows one verifies it later."""
    place.start(staging="")
    assert place.run("release", "staging", f"web={place.image('web', '1.1.0')}").code == 0
    place.configure(staging=RULE)
    done = place.run("rollback", "staging", "--reason", "wrong totals")
    assert done.code == 1, done.said
    assert "staging has rolled out and cannot be verified" in done.err
    assert place.tags("staging")["web"] == "1.0.0"
    assert outcomes(place, "main") == []
    done = place.run("reconcile", "staging", HEADWAY_PROMETHEUS=answering)
    assert done.code == 0, done.said
    assert outcomes(place, "main") == ["live"]


def test_a_push_that_cannot_be_verified_stays_open(place: Place, answering: str) -> None:
    """It is applied, and each look says what is missing; with the setting back it is finished as live."""
    place.start(staging="")
    place.configure(staging=RULE)
    pushed = place.remote.push({"staging/web.yaml": place.job("web", place.image("web", "1.1.0"))})
    for _ in range(2):
        done = place.run("reconcile", "staging")
        assert done.code == 1, done.said
        assert "cannot be verified: promql needs a Prometheus" in done.err
        assert "`headway reconcile staging` finishes the release" in done.err
        assert (place.tags("staging")["web"], outcomes(place, pushed)) == ("1.1.0", [])
    done = place.run("reconcile", "staging", HEADWAY_PROMETHEUS=answering)
    assert done.code == 0, done.said
    assert outcomes(place, pushed) == ["live"]
    assert place.remote.head() == pushed


def away(place: Place, url: str) -> None:
    """Push a release that is verified by a Prometheus at this address, and reconcile."""
    place.start(staging="")
    place.configure(staging=RULE)
    pushed = place.remote.push({"staging/web.yaml": place.job("web", place.image("web", "1.1.0"))})
    done = place.run("reconcile", "staging", HEADWAY_PROMETHEUS=url)
    assert done.code == 1, done.said
    assert "## staging: unfinished" in done.err
    assert "up == 1 could not be asked" in done.err
    assert "`headway reconcile staging` finishes" in done.err
    assert (place.tags("staging")["web"], outcomes(place, pushed)) == ("1.1.0", [])
    assert place.remote.head() == pushed


def test_a_prometheus_that_is_away_fails_nothing(place: Place, answering: str) -> None:
    """Nobody listens there: nothing is rolled back or vetoed, and it is finished once Prometheus answers."""
    away(place, "http://127.0.0.1:9")
    done = place.run("reconcile", "staging", HEADWAY_PROMETHEUS=answering)
    assert done.code == 0, done.said
    assert outcomes(place, "main") == ["live"]


def test_a_prometheus_that_is_not_well_fails_nothing(place: Place) -> None:
    """It answers 503 for as long as it starts: that says nothing about the release."""
    with serving(lambda path: (503, b"starting")) as url:
        away(place, url)
