"""The buttons of a release's message as the release goes on, and as it is cut off."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from headway.domain.notifications.slack_buttons import Subject
from headway.domain.releases.plans import Plan
from headway.flows.release import release
from headway.operations import approvals
from headway.operations.notices import plans
from headway.requests import ReleaseRequest, ServiceImage
from tests.flows.conftest import Place
from tests.flows.test_cut_off import Prefect, reconciled
from tests.servers.slack import TOKEN, SlackServer

RUN = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    """A workspace."""
    made = SlackServer("releases")
    yield made
    made.close()


def told(place: Place, slack: SlackServer, **rules: str) -> None:
    """Have an application whose messages have buttons."""
    place.start(**rules)
    place.more = 'notify: {slack: {channel: "#releases", buttons: true}}\n'
    place.configure(**rules)
    place.settings |= {"HEADWAY_SLACK_TOKEN": TOKEN, "HEADWAY_SLACK_URL": slack.url}


def buttons(message: dict[str, Any]) -> dict[str, Subject | None]:
    """Return a message's buttons, by their words, with what each carries."""
    found = [it for each in message["blocks"] if each["type"] == "actions" for it in each["elements"]]
    return {it["text"]["text"]: Subject.from_value(it["value"]) for it in found}


def test_buttons_come_and_go_with_the_release(
    place: Place, slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it waits it can be answered; while it rolls out nothing can be pressed; live, it can be rolled back."""
    told(place, slack, staging="approvals: 1")
    place.image("web", "1.1.0")
    seen: list[tuple[str, dict[str, Subject | None]]] = []
    for module in (approvals, plans):
        monkeypatch.setattr(module, "run_identity", lambda: (datetime.now(UTC), RUN))

    def answer(number: int, app: str, environment: str, plan: str, text: str, timeout: float) -> Any:
        return SimpleNamespace(decision="approve", by="bob", reason="", plan=plan)

    monkeypatch.setattr(approvals, "ask", answer)
    images = [ServiceImage(service="web", image="1.1.0")]
    done = place.call(lambda: release(ReleaseRequest(environment="staging", images=images, actor="ann")))
    assert done.code == 0, done.said
    for method, fields in slack.calls:
        if method in ("chat.postMessage", "chat.update") and "thread_ts" not in fields:
            seen.append((fields["metadata"]["event_payload"]["state"], buttons(fields)))
    states = dict(seen)
    # States that come close together are one edit.
    for state, found in states.items():
        expected = {"waiting": ["Approve", "Reject", "Show plan"], "live": ["Roll back…"]}.get(state, [])
        assert list(found) == expected, state
    (message,) = slack.posts()
    undo = buttons(message)["Roll back…"]
    assert undo is not None
    assert undo.commit == place.remote.git("rev-parse", "main").strip()


def test_a_release_that_was_cancelled_has_no_live_button(
    place: Place, slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor one that nobody approved in time; both say so, though their process has gone."""
    told(place, slack, staging="approvals: 1")
    Prefect("FAILED", "The flow was paused and never resumed.").look(monkeypatch)
    reconciled(place, slack, "waiting")
    (message,) = slack.posts()
    assert buttons(message) == {}
    assert "timed out waiting for approval" in json.dumps(message["blocks"])


def test_what_waits_says_for_which_run_and_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """A button can only be about what it was shown for."""
    sent: list[Any] = []
    monkeypatch.setattr(plans, "run_identity", lambda: (datetime.now(UTC), RUN))
    monkeypatch.setattr(plans, "links_to", lambda connections: ())
    monkeypatch.setattr(plans, "send", lambda connections, config, notice, known: sent.append(notice))
    plan = Plan("staging", "9" * 40, ())
    snapshot: Any = SimpleNamespace(config=SimpleNamespace(app="shop"))
    nobody: Any = None
    for state in ("planned", "waiting"):
        plans.notify_plan(nobody, snapshot, plan, "r-1", "release", state, actor="ann", reason="")
    assert [(it.run, it.plan) for it in sent] == [("", ""), (RUN, plan.fingerprint)]
