"""Approve and Reject in Slack: by whom, once, signed as theirs, and what a message says after that."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from headway.domain.policy.approval_proof import Answer, way_of
from tests.servers.slack_app import send
from tests.web.slack.room import PLAN, PROOF, RUN, Room

Rooms = Callable[..., Room]
ROLES = "roles:\n  look: {people: [cleo], may: [read]}\n  approvers: {people: [bob@example.com], may: [approve]}\n"


def buttons(message: dict[str, Any]) -> list[str]:
    """Return the words on a message's buttons."""
    return [
        it["text"]["text"]
        for each in message["blocks"]
        if each["type"] == "actions"
        for it in each["elements"]
    ]


def test_an_approval_is_that_persons_and_is_proven(room: Room) -> None:
    """The run gets a signature that nobody else can make, and the message has no live button any more."""
    waits = room.post()
    assert buttons(waits) == ["Approve", "Reject", "Show plan"]
    room.press("U0BOB", waits, "Approve")
    (answer,) = room.prefect.resumed
    assert (answer["decision"], answer["by"], answer["plan"]) == ("approve", "bob@example.com", PLAN)
    given = Answer(RUN, PLAN, "approve", "bob@example.com")
    assert way_of(PROOF, answer["proof"], given) == "slack"
    assert "Approved: shop: production: release web" in room.said
    assert buttons(waits) == []
    assert "Approved by bob@example.com" in json.dumps(waits["blocks"])
    assert waits["metadata"]["event_payload"]["state"] == "waiting"
    assert room.audit == [("bob@example.com", "approve", "allowed")]


@pytest.mark.parametrize("second", ["U0BOB", "U0CLEO"])
def test_two_presses_do_one_thing(room: Room, second: str) -> None:
    """The second is told what was decided, and by whom."""
    waits = room.post()
    old = json.loads(json.dumps(waits))
    room.press("U0BOB", waits, "Approve")
    room.press(second, old, "Reject")
    assert len(room.prefect.resumed) == 1
    assert "bob@example.com approved it at" in room.said


def test_what_the_board_was_told_is_known_in_slack(room: Room) -> None:
    """One server process answers both, so whoever presses sees who was faster."""
    waits = room.post()
    room.starter.look()
    room.starter.answer(RUN, "approve", "dan@example.com", "", PLAN)
    room.press("U0BOB", waits, "Approve")
    assert "dan@example.com approved it at" in room.said
    assert len(room.prefect.resumed) == 1


def test_two_presses_at_once_do_one_thing(room: Room) -> None:
    """Two people, two requests, before either is done."""
    waits = room.post()
    pressed = [room.workspace.pressed(it, waits, "Approve") for it in ("U0BOB", "U0CLEO", "U0BOB")]
    for each in pressed:
        assert send(room.client, each).status_code == 200
    room.settle()
    assert len(room.prefect.resumed) == 1
    assert sorted("Approved:" in it["text"] for it in room.workspace.answers) == [False, False, True]


def test_slack_sends_a_press_again(room: Room) -> None:
    """With X-Slack-Retry-Num, as it does where an answer was late: it is one press."""
    press = room.workspace.pressed("U0BOB", room.post(), "Approve")
    for number in ("", "1", "2"):
        more = {"X-Slack-Retry-Num": number, "X-Slack-Retry-Reason": "http_timeout"} if number else {}
        assert send(room.client, press, **more).status_code == 200
    room.settle()
    assert len(room.prefect.resumed) == 1
    assert len(room.workspace.answers) == 1


def test_who_asked_cannot_approve_and_can_reject(room: Room) -> None:
    """As on the board."""
    waits = room.post()
    room.press("U0ANN", waits, "Approve")
    assert "requested this, and cannot approve it too" in room.said
    assert room.prefect.resumed == []
    assert buttons(waits) == ["Approve", "Reject", "Show plan"]
    room.press("U0ANN", waits, "Reject")
    assert [it["decision"] for it in room.prefect.resumed] == ["reject"]
    assert room.audit == [
        ("ann@example.com", "approve", "refused"),
        ("ann@example.com", "reject", "allowed"),
    ]


def test_somebody_without_the_right(rooms: Rooms) -> None:
    """They are told what they may do; nothing happens, and the audit has it."""
    room = rooms(roles=ROLES)
    waits = room.post()
    room.press("U0CLEO", waits, "Approve")
    assert "cleo may not approve" in room.said
    assert room.prefect.resumed == []
    assert room.audit == [("cleo", "approve", "denied")]
    room.press("U0BOB", waits, "Approve")
    assert len(room.prefect.resumed) == 1


def test_a_right_that_has_gone(rooms: Rooms) -> None:
    """The roles of the newest commit count, not those that the server started with."""
    room = rooms(roles=ROLES)
    waits = room.post()
    changed = room.shop.headway_yaml().replace(
        "people: [bob@example.com], may: [approve]", "people: [eve], may: [approve]"
    )
    room.shop.remote.push({"headway.yaml": changed})
    room.connections.repo.fetch()
    room.press("U0BOB", waits, "Approve")
    assert "bob@example.com has no role" in room.said
    assert room.prefect.resumed == []


def test_somebody_whom_headway_does_not_know(room: Room) -> None:
    """Nobody has rights by being in the workspace; they are told how to be known."""
    room.workspace.member("U0EVE", "ann@example.com")
    room.press("U0EVE", room.post(), "Approve")
    assert "headway does not know you" in room.said
    assert "`people` in headway.yaml, with `slack: U0EVE`" in room.said
    assert room.prefect.resumed == []
    assert room.audit == [("nobody", "approve", "denied")]


@pytest.mark.parametrize(
    ("profile", "by"),
    [
        ({}, ["dan@example.com"]),
        ({"is_email_confirmed": False}, []),
        ({"team_id": "T0OTHER"}, []),
        ({"is_restricted": True}, []),
    ],
)
def test_people_by_their_address_in_slack(rooms: Rooms, profile: dict[str, Any], by: list[str]) -> None:
    """Where the setting says so, and only if the address is confirmed and the member this workspace's own."""
    room = rooms(emails=True)
    room.workspace.member("U0DAN", "dan@example.com", **profile)
    room.press("U0DAN", room.post(), "Approve")
    assert [it["by"] for it in room.prefect.resumed] == by


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"team": {"id": "T0OTHER"}}, "another workspace"),
        ({"api_app_id": "A0OTHER"}, "another app"),
        ({"user": {"id": "U0BOB", "team_id": "T0OTHER"}}, "member of another workspace"),
    ],
)
def test_another_workspace_or_app(room: Room, change: dict[str, Any], said: str) -> None:
    """A signature of the app alone does not make its sender one of us."""
    press = {**room.workspace.pressed("U0BOB", room.post(), "Approve"), **change}
    assert send(room.client, press).status_code == 200
    room.settle()
    assert said in room.said
    assert room.prefect.resumed == []
    assert room.audit == [("nobody", "approve", "denied")]


def test_another_plan_waits_by_now(room: Room) -> None:
    """It is shown, with buttons of its own, and the press has done nothing."""
    waits = room.post()
    room.prefect.plan = "0123456789ab"
    room.press("U0BOB", waits, "Approve")
    assert room.prefect.resumed == []
    shown = room.workspace.answers[-1]
    assert "another plan" in shown["text"]
    assert "web: 1.0.0 -&gt; 2.0.0" in json.dumps(shown["blocks"])
    room.press("U0BOB", shown, "Approve")
    assert [it["plan"] for it in room.prefect.resumed] == ["0123456789ab"]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"type": "CANCELLED", "name": "Superseded", "message": "x"}, "a newer release superseded it"),
        (
            {"type": "CANCELLED", "name": "Cancelled", "message": "cancelled by ann: no"},
            "cancelled by ann: no",
        ),
        (
            {"type": "FAILED", "name": "Failed", "message": "The flow was paused and never resumed."},
            "nobody approved",
        ),
    ],
)
@pytest.mark.parametrize("word", ["Approve", "Reject", "Show plan"])
def test_an_old_copy_of_a_message(room: Room, state: dict[str, str], said: str, word: str) -> None:
    """It is refused, with what happened."""
    waits = room.post()
    room.prefect.waits, room.prefect.state = False, state
    room.press("U0BOB", waits, word)
    shown = room.view() if word == "Show plan" else room.said
    assert "does not wait for an approval any more" in shown
    assert said in shown
    assert room.prefect.resumed == []


@pytest.mark.parametrize(("approve_on", "counts"), [("[board]", 0), ("[slack]", 1), ("[board, slack]", 1)])
def test_where_approvals_count(rooms: Rooms, approve_on: str, counts: int) -> None:
    """With `approve_on: [board]` Slack's do not; a rejection counts anywhere."""
    room = rooms(approvals=f"approvals: 1, approve_on: {approve_on}")
    waits = room.post()
    room.press("U0BOB", waits, "Approve")
    assert len(room.prefect.resumed) == counts
    if not counts:
        assert "takes approvals on the board only" in room.said
        room.press("U0BOB", waits, "Reject")
        assert [it["decision"] for it in room.prefect.resumed] == ["reject"]


def test_an_approval_that_nothing_would_prove_is_not_given(rooms: Rooms) -> None:
    """Otherwise whoever pressed would be told that it counts, and the run would go on to wait."""
    room = rooms(approvals="approvals: 1, approve_on: [slack]", proof="")
    waits = room.post()
    room.press("U0BOB", waits, "Approve")
    assert room.prefect.resumed == []
    assert "HEADWAY_APPROVAL_SECRET" in room.said
    assert buttons(waits) == ["Approve", "Reject", "Show plan"]
    room.press("U0BOB", waits, "Reject")
    assert len(room.prefect.resumed) == 1


def test_the_first_of_two_approvals_leaves_the_buttons(rooms: Rooms) -> None:
    """Somebody else has to press them."""
    room = rooms(approvals="approvals: 2")
    waits = room.post()
    room.press("U0BOB", waits, "Approve")
    assert buttons(waits) == ["Approve", "Reject", "Show plan"]
    assert "Approved by bob@example.com" in json.dumps(waits["blocks"])
    room.prefect.waits = True
    room.press("U0BOB", waits, "Approve")
    assert "decided already" in room.said
    room.press("U0CLEO", waits, "Approve")
    assert [it["by"] for it in room.prefect.resumed] == ["bob@example.com", "cleo"]


def test_what_the_run_says_meanwhile_is_not_overwritten(room: Room) -> None:
    """Its message went on while the press was worked on: a newer state stays."""
    waits = room.post()
    old = json.loads(json.dumps(waits))
    waits["metadata"]["event_payload"]["state"], waits["text"] = "releasing", "production: web rolling out"
    room.press("U0BOB", old, "Approve")
    assert len(room.prefect.resumed) == 1
    assert waits["text"] == "production: web rolling out"
    assert "Approved by" not in json.dumps(waits["blocks"])


def test_the_plan_is_shown_to_whoever_may_see_it(rooms: Rooms) -> None:
    """In a modal; other people's words in it are words."""
    room = rooms(
        roles="roles: {web: {people: [cleo], may: [read], environments: [staging]}, all: {people: [bob@example.com], may: [read]}}\n"
    )
    waits = room.post()
    room.press("U0BOB", waits, "Show plan")
    assert "web: 1.0.0 -&gt; 2.0.0" in room.view()
    room.press("U0CLEO", waits, "Show plan")
    assert "cleo may not read" in room.view()
    assert "1.0.0" not in room.view()


def test_prefect_is_away(room: Room) -> None:
    """A sentence that says so, and nothing done."""
    waits = room.post()
    room.prefect.standing[f"/api/flow_runs/{RUN}/resume"] = lambda _: (404, {}, {})
    room.press("U0BOB", waits, "Approve")
    assert "does not wait for an approval any more" in room.said
    assert buttons(waits) == ["Approve", "Reject", "Show plan"]
    assert room.audit[-1] == ("bob@example.com", "approve", "failed")
