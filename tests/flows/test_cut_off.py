"""Releases whose run was cancelled, or waited for an approval for too long: people are notified, once, and of what is left."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from headway.domain.notifications.notices import Notice, recipients_of, stamp
from headway.domain.releases.ledger import ReleaseRecord, format_message, new_release_id
from headway.operations import ended_runs as cut_off
from headway.operations import recovery
from headway.operations.connections import Connections
from headway.operations.notices import sending
from headway.settings import Settings
from headway.systems.prefect import ended as prefect_ended
from headway.systems.prefect.api import DeadRun, PrefectApi
from tests.flows.conftest import Place
from tests.flows.test_notifications import message, notified, run, slack, told
from tests.images import moved
from tests.servers.http import HttpServer, Sent
from tests.servers.slack import TOKEN, SlackServer

__all__ = ["slack"]
RUN = "11111111-2222-3333-4444-555555555555"
NOW = datetime.now(UTC).replace(microsecond=0)
NEVER = "The flow was paused and never resumed."
REQUEST = {
    "environment": "staging",
    "images": [{"service": "web", "image": "2.0.0"}],
    "actor": "ann",
    "release_id": "r-1",
}


@pytest.fixture
def server() -> Iterator[HttpServer]:
    """A program that hears of releases."""
    made = HttpServer()
    yield made
    made.close()


class Prefect:
    """A Prefect server with one run that has ended, as its API tells of it."""

    def __init__(self, state: str, message: str = "", *, flow: str = "release", ago: float = 60) -> None:
        self.http, self.flow = HttpServer(), flow
        self.run: dict[str, Any] = {
            "id": RUN,
            "name": "shop: staging: release web",
            "flow_id": "f",
            "tags": ["headway", "app:shop"],
            "parameters": {"request": REQUEST},
            "expected_start_time": NOW.isoformat(),
            "end_time": (NOW - timedelta(seconds=ago)).isoformat(),
            "state": {"type": state, "name": state.title(), "message": message},
        }
        self.states = [{"type": state, "name": state.title(), "message": message}]
        self.http.standing = {
            "/api/flow_runs/filter": self._found,
            "/api/flows/f": lambda _: {"name": flow},
            "/api/flow_run_states/": lambda _: self.states,
            f"/api/flow_runs/{RUN}": self._patched,
        }

    def _found(self, sent: Sent) -> list[dict[str, Any]]:
        kinds = sent.data["flow_runs"]["state"]["type"]["any_"]
        matches = self.flow in sent.data["flows"]["name"]["any_"] and self.run["state"]["type"] in kinds
        return [self.run] if matches else []

    def _patched(self, sent: Sent) -> dict[str, Any]:
        self.run |= sent.data
        return {}

    def look(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let reconcile ask this server."""

        def api() -> PrefectApi:
            return PrefectApi(f"{self.http.url}/api")

        monkeypatch.setattr(
            cut_off, "ended_runs", lambda app: prefect_ended.ended_runs(api(), NOW - timedelta(days=3), app)
        )
        monkeypatch.setattr(cut_off, "mark_notified", lambda ended: prefect_ended.mark_notified(api(), ended))
        monkeypatch.setattr(sending, "announce", lambda notice, first: None)


def here(place: Place, slack: SlackServer) -> Connections:
    """Open what a reconcile in this process has."""
    settings: dict[str, Any] = {
        "repo": place.remote.url, "state": place.folder / "state", "slack_token": TOKEN, "slack_url": slack.url,
        "kubeconfig": str(place.folder / "kubeconfig"), "webhook_secret": "s",
    }  # fmt: skip
    return Connections(Settings(**settings))


def under_way(connections: Connections, state: str, release: str = "r-1") -> None:
    """Have people notified of a release that is under way."""
    connections.repo.fetch()
    config = connections.config(connections.repo.head)
    at = stamp(datetime.now(UTC))
    changes = (moved("web", "1.0.0", "2.0.0"),)
    notice = Notice(release, "shop", "staging", "release", state, changes, actor="ann", at=at)
    connections.dispatcher.send(notice, recipients_of(config.document.notify, notice, datetime.now(UTC)))


def reconciled(place: Place, slack: SlackServer, before: str = "", release: str = "r-1") -> None:
    """Look twice for what was cut off, after people heard of a state of it."""
    with here(place, slack) as connections:
        if before:
            under_way(connections, before, release)
        connections.repo.fetch()
        for _ in range(2):
            cut_off.notify_cut_off(connections, connections.config(connections.repo.head))


@pytest.mark.parametrize(("state", "words", "before", "said"), [
    ("CANCELLED", ["cancelled by bob: wrong version", "it was cancelled, and its process has ended"], "releasing", "cancelled by bob: wrong version"),
    ("CANCELLED", ["cancelled by bob"], "waiting", "cancelled by bob"),
    ("CANCELLED", [""], "planned", "cancelled in Prefect"),
    ("FAILED", [NEVER], "waiting", "timed out waiting for approval"),
    ("FAILED", ["KeyError: 'spec'\n  report it"], "planned", "KeyError: 'spec'"),
])  # fmt: skip
def test_a_release_that_was_cut_off_is_not_released(
    place: Place, slack: SlackServer, server: HttpServer, monkeypatch: pytest.MonkeyPatch,
    state: str, words: list[str], before: str, said: str,
) -> None:  # fmt: skip
    """Slack's message changes, programs hear it, both once: who cancelled it, or that nobody approved."""
    notified(place, server, staging="")
    prefect = Prefect(state, words[-1])
    prefect.states = [{"type": "CANCELLING", "name": "Cancelling", "message": it} for it in words]
    prefect.look(monkeypatch)
    reconciled(place, slack, before)
    assert told(server) == [before, "rejected"]
    assert "staging: web not released" in message(slack)
    assert f"*Cause:* {said}" in message(slack)
    assert prefect.run["tags"] == ["app:shop", "headway", "notified"]


def test_another_machine_that_knows_nothing_of_it_notifies_too(
    place: Place, slack: SlackServer, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pod has an outbox of its own: what it knows of a release is in the run's request."""
    notified(place, server, staging="")
    Prefect("CANCELLED", "cancelled by bob").look(monkeypatch)
    reconciled(place, slack)
    assert told(server) == ["rejected"]
    assert "2.0.0" in message(slack)


@pytest.mark.parametrize(("change", "before"), [
    ({"state": {"type": "CANCELLED", "name": "Superseded", "message": ""}}, "waiting"),
    ({"state": {"type": "FAILED", "name": "Failed", "message": "it crashed"}}, ""),
    ({"state": {"type": "FAILED", "name": "Refused", "message": "locked"}}, "failed"),
    ({"tags": ["headway", "app:blog"]}, "waiting"),
    ({"tags": ["headway", "app:shop", "notified"]}, "waiting"),
    ({"parameters": {"request": REQUEST | {"dry_run": True}}}, ""),
    ({"end_time": (NOW - timedelta(hours=7)).isoformat()}, ""),
    ({}, "superseded"),
])  # fmt: skip
def test_what_says_so_itself_is_left_alone(
    place: Place, slack: SlackServer, server: HttpServer, monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any], before: str,
) -> None:  # fmt: skip
    """Superseded, failed by itself, another application's, notified before, never heard of by anybody, or over."""
    notified(place, server, staging="")
    prefect = Prefect("CANCELLED")
    prefect.run |= change
    prefect.look(monkeypatch)
    reconciled(place, slack, before)
    assert told(server) == ([before] if before else [])


def test_a_look_that_was_cut_off_lets_nobody_wait(
    place: Place, slack: SlackServer, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dead look at the registry is not restarted, and the next one makes another release: the first is over."""
    notified(place, server, staging="", production="")
    prefect = Prefect("CRASHED", "Flow run infrastructure exited", flow="watch-registry")
    prefect.run["parameters"] = {"request": {"actor": "watch-registry"}}
    prefect.look(monkeypatch)
    release = new_release_id(NOW, f"{RUN} staging")
    reconciled(place, slack, "planned", release)
    assert told(server) == ["planned", "superseded"]
    assert "its process died; the next scan of the registry releases what is newest" in message(slack)


def test_a_dead_run_that_is_restarted_is_not_over(
    place: Place, slack: SlackServer, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release's run that crashed goes on: whoever restarts it says what becomes of it."""
    notified(place, server, staging="")
    Prefect("CRASHED", flow="promote").look(monkeypatch)
    reconciled(place, slack, "planned")
    assert told(server) == ["planned"]


def test_what_was_committed_is_finished_and_said_to_be(
    place: Place, slack: SlackServer, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancelled after its commit: people hear what is left and how it is undone, and reconcile brings it live."""
    notified(place, server, staging="")
    record = ReleaseRecord("r-1", "staging", "release", (moved("web", "1.0.0", "2.0.0"),), actor="ann")
    job = place.job("web", place.image("web", "2.0.0"))
    place.remote.push({"staging/web.yaml": job}, format_message(record))
    Prefect("CANCELLED", "cancelled by bob").look(monkeypatch)
    reconciled(place, slack, "releasing")
    assert told(server) == ["releasing", "unfinished"]
    assert "staging: web unfinished" in message(slack)
    assert "cancelled by bob; its commit" in message(slack)
    assert "`headway rollback staging` undoes it" in message(slack)
    assert run(place, slack, "reconcile", "staging").code == 0
    assert "staging: web live in" in message(slack)
    assert told(server)[-1] == "live"
    assert "rejected" not in told(server)


@pytest.mark.parametrize(("committed", "state", "words"), [
    (False, "rejected", "staging: web not released"),
    (True, "unfinished", "staging: web unfinished"),
])  # fmt: skip
def test_a_run_that_died_three_times_is_notified_by_what_it_did(
    place: Place, slack: SlackServer, server: HttpServer, monkeypatch: pytest.MonkeyPatch,
    committed: bool, state: str, words: str,
) -> None:  # fmt: skip
    """Nothing failed in the cluster: without its commit it was not released, with it reconcile finishes it."""
    notified(place, server, staging="")
    if committed:
        record = ReleaseRecord("r-1", "staging", "release", (moved("web", "1.0.0", "2.0.0"),), actor="ann")
        job = place.job("web", place.image("web", "2.0.0"))
        place.remote.push({"staging/web.yaml": job}, format_message(record))
    dead = DeadRun(RUN, "staging: release web", "release", REQUEST, NOW, recovery.ATTEMPTS)
    gone: list[str] = []
    monkeypatch.setattr(recovery, "dead_runs", lambda app: [dead])
    monkeypatch.setattr(recovery, "give_up", lambda run, why: gone.append(why))
    monkeypatch.setattr(sending, "announce", lambda notice, first: None)
    with here(place, slack) as connections:
        under_way(connections, "planned")
        recovery.restart_dead(connections, connections.config(connections.repo.fetch()))
    assert told(server) == ["planned", state]
    assert words in message(slack)
    assert "its process died 3 times" in message(slack)
    assert ("reconcile finishes it" in message(slack)) is committed
    assert len(gone) == 1
