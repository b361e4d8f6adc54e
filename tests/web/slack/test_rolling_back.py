"""Roll back and promote in Slack: the plan is seen first, and what is confirmed is that plan or nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from headway.domain.text.visible import visible_line
from headway.requests import PromoteRequest, RollbackRequest
from tests.servers.slack_app import send
from tests.web.slack.room import Room

Rooms = Callable[..., Room]
HOSTILE = "<!channel> & <https://evil.example|free> \x1b[31m"


@pytest.fixture
def released(room: Room) -> Room:
    """Production has had two releases since it began, and staging is ahead."""
    room.shop.released("production", {"web": "1.1.0"}, why=HOSTILE, who="cleo", minutes=300)
    room.shop.released("production", {"web": "1.2.0"}, who="ann", minutes=60)
    room.shop.released("staging", {"orders": "2.0.0"}, minutes=30)
    room.board.fetch()
    return room


def live(room: Room) -> dict[str, object]:
    """Post the message of production's newest release."""
    snapshot = room.connections.at(room.connections.repo.head)
    last = room.connections.repo.last_change("production", snapshot.place("production"), snapshot.commit)
    return room.post("live", commit=last.commit)


def newest(room: Room) -> str:
    """Return the id of the newest modal."""
    return list(room.workspace.views)[-1]


def sent(room: Room, view: str, **more: str) -> None:
    """Have bob send a modal."""
    answer = send(room.client, room.workspace.submitted("U0BOB", view, **more))
    assert answer.json()["response_action"] == "update"
    room.settle()


def test_a_rollback_shows_its_plan_and_does_that(released: Room) -> None:
    """The newest of the earlier states is chosen, its plan is shown, and that plan is started, by whoever pressed."""
    room = released
    room.press("U0BOB", live(room), "Roll back…")
    shown = room.view()
    assert "1.2.0` → `1.1.0" in shown
    options = room.workspace.options(newest(room))
    assert "web 1.1.0 by cleo" in options[0]["text"]["text"]
    assert room.starter.started == []
    sent(room, newest(room), reason="too slow")
    ((flow, request),) = room.starter.started
    assert isinstance(request, RollbackRequest)
    assert (flow, request.actor, request.reason) == ("rollback", "bob@example.com", "too slow")
    assert request.to == options[0]["value"]
    assert request.plan
    assert request.force is False
    assert "The rollback of production has been started" in room.view()
    assert room.audit == [("bob@example.com", "rollback", "allowed")]


def test_another_state_is_shown_before_it_is_done(released: Room) -> None:
    """Choosing shows that state's plan; sending a choice whose plan was not seen shows it, and does nothing."""
    room = released
    room.press("U0BOB", live(room), "Roll back…")
    view = newest(room)
    first = room.workspace.options(view)[-1]["value"]
    sent(room, view, commit=first)
    assert room.starter.started == []
    assert "another plan than the one that you saw" in room.view()
    assert "1.2.0` → `1.0.0" in room.view()
    again = room.workspace.options(view)[0]["value"]
    assert send(room.client, room.workspace.chosen("U0BOB", view, again)).status_code == 200
    room.settle()
    assert "1.2.0` → `1.1.0" in room.view()
    sent(room, view, commit=again)
    assert [it.to for _, it in room.starter.started if isinstance(it, RollbackRequest)] == [again]


def test_something_changed_before_it_was_confirmed(released: Room) -> None:
    """What would be done by then is shown instead of done."""
    room = released
    room.press("U0BOB", live(room), "Roll back…")
    room.shop.released("production", {"web": "1.3.0"}, who="dan")
    sent(room, newest(room))
    assert room.starter.started == []
    assert "another plan than the one that you saw" in room.view()
    assert room.audit == [("bob@example.com", "rollback", "refused")]
    sent(room, newest(room))
    assert len(room.starter.started) == 1


def test_a_modal_that_is_sent_twice_starts_once(released: Room) -> None:
    """Twice by the member, and again by Slack."""
    room = released
    room.press("U0BOB", live(room), "Roll back…")
    first = room.workspace.submitted("U0BOB", newest(room))
    for each in (first, first, {**first, "view": {**first["view"], "hash": "other"}}):
        assert send(room.client, each).json()["response_action"] == "update"
    room.settle()
    assert len(room.starter.started) == 1


def test_an_old_messages_roll_back_says_what_happened(released: Room) -> None:
    """Somebody else has released since: that is not rolled back by a button that is about something else."""
    room = released
    old = live(room)
    room.shop.released("production", {"web": "1.3.0"}, who="dan")
    room.press("U0BOB", old, "Roll back…")
    assert "has changed since this message: web 1.3.0 by dan" in room.view()
    assert "submit" not in room.workspace.views[newest(room)]


def test_other_peoples_words_are_words(released: Room) -> None:
    """Names, reasons and subjects of commits mention nobody and are no links."""
    room = released
    room.press("U0BOB", live(room), "Roll back…")
    shown = room.workspace.views[newest(room)]
    texts = [it["text"]["text"] for it in shown["blocks"] if it["type"] == "section"]
    assert not any("<" in it for it in texts)
    assert "\x1b" not in json.dumps(shown)
    assert visible_line(HOSTILE) not in json.dumps(texts)


def test_a_lock_holds_it_back(released: Room) -> None:
    """It is shown with the reason and without a button, and a modal that was open does nothing."""
    room = released
    room.press("U0BOB", live(room), "Roll back…")
    view = newest(room)
    room.shop.remote.push(
        {
            "holds.yaml": "locks: [{environment: production, by: ann, at: 2026-11-23T10:00:00Z, why: migration}]\n"
        }
    )
    sent(room, view)
    assert room.starter.started == []
    assert "migration" in room.view()
    assert "It is held back" in room.view()
    room.press("U0BOB", live(room), "Roll back…")
    assert "Held back" in room.view()
    assert "submit" not in room.workspace.views[newest(room)]


def test_whoever_may_not_sees_no_plan(rooms: Rooms) -> None:
    """Neither by the button nor by the command, and not by sending somebody else's modal."""
    roles = "roles:\n  a: {people: [bob@example.com], may: [rollback]}\n  b: {people: [cleo], may: [read]}\n"
    room = rooms(roles=roles)
    room.shop.released("production", {"web": "1.1.0"}, minutes=60)
    room.board.fetch()
    room.press("U0CLEO", live(room), "Roll back…")
    assert "cleo may not rollback in production" in room.view()
    room.press("U0BOB", live(room), "Roll back…")
    assert send(room.client, room.workspace.submitted("U0CLEO", newest(room))).status_code == 200
    room.settle()
    assert "cleo may not rollback" in room.view()
    assert room.starter.started == []
    assert [it[2] for it in room.audit] == ["denied", "denied"]


def test_slack_gave_too_little_time(released: Room) -> None:
    """A modal can be opened for three seconds; after that a sentence says so, and nothing was done."""
    room = released
    press = room.workspace.pressed("U0BOB", live(room), "Roll back…")
    room.workspace.triggers.clear()
    assert send(room.client, press).status_code == 200
    room.settle()
    assert "press again" in room.said


def test_the_rollback_command(released: Room) -> None:
    """The same modal, for the newest that there is."""
    room = released
    assert send(room.client, room.workspace.typed("U0BOB", "rollback production")).status_code == 200
    room.settle()
    sent(room, newest(room))
    assert len(room.starter.started) == 1


def test_the_promote_command(released: Room) -> None:
    """The plan with a button, for the eyes of whoever typed; the button becomes what was done."""
    room = released
    room.type("U0BOB", "promote production")
    (shown,) = room.workspace.answers
    assert shown["response_type"] == "ephemeral"
    assert "orders  `1.0.0` → `2.0.0`" in json.dumps(shown["blocks"], ensure_ascii=False)
    assert "waits for 1 approval" in json.dumps(shown["blocks"])
    assert room.starter.started == []
    room.press("U0BOB", shown, "Promote")
    ((flow, request),) = room.starter.started
    assert isinstance(request, PromoteRequest)
    assert (flow, request.environment, request.actor) == ("promote", "production", "bob@example.com")
    assert "The promotion to production has been started" in room.said
    assert room.workspace.answers[-1]["replace_original"] is True
    room.press("U0BOB", shown, "Promote")
    assert len(room.starter.started) == 1


def test_a_promotion_of_some_services(released: Room) -> None:
    """What is named, and nothing else; a button carries the names."""
    room = released
    shown = room.type("U0BOB", "promote production orders")
    room.press("U0BOB", shown, "Promote")
    ((_, request),) = room.starter.started
    assert isinstance(request, PromoteRequest)
    assert request.services == ["orders"]


def test_a_promotion_that_is_another_one_by_now(released: Room) -> None:
    """The plan of the moment takes the place of the one that was shown."""
    room = released
    shown = room.type("U0BOB", "promote production")
    room.shop.released("staging", {"web": "3.0.0"}, minutes=5)
    room.press("U0BOB", shown, "Promote")
    assert room.starter.started == []
    now = room.workspace.answers[-1]
    assert "another plan" in now["text"]
    assert "3.0.0" in json.dumps(now["blocks"])
    room.press("U0BOB", now, "Promote")
    assert len(room.starter.started) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("promote nowhere", "no environment 'nowhere'"),
        ("promote production nothing", "no service 'nothing'"),
        ("promote staging", "promote_from"),
        ("why production nothing", "no service 'nothing'"),
        ("status nowhere", "no environment nowhere"),
        ("release production", "no command of headway's: release production"),
        ("help", "/headway rollback ENV"),
        ("", "/headway why ENV SERVICE"),
        ("<!channel>", "&lt;!channel&gt;"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(room: Room, text: str, said: str) -> None:
    """What is wrong, and what there is."""
    assert said in json.dumps(room.type("U0BOB", text)["blocks"], ensure_ascii=False)


def test_status_and_why(released: Room) -> None:
    """What runs where, and who brought it."""
    room = released
    whole = room.type("U0BOB", "status")["text"]
    assert "*production*" in whole
    assert "*staging*" in whole
    assert "web  `1.2.0`" in room.type("U0BOB", "status production")["text"]
    why = room.type("U0BOB", "why production web")["text"]
    assert "*who*  ann" in why
    assert "1.2.0" in why


def test_status_shows_what_somebody_may_see(rooms: Rooms) -> None:
    """As the board does."""
    room = rooms(roles="roles: {a: {people: [cleo], may: [read], environments: [staging]}}\n")
    assert "production" not in room.type("U0CLEO", "status")["text"]
    assert "no environment production that you may see" in room.type("U0CLEO", "status production")["text"]
    assert "cleo may not read" in room.type("U0CLEO", "why production web")["text"]
    assert "no role" in room.type("U0BOB", "promote production")["text"]


def test_a_message_of_another_application(released: Room) -> None:
    """Two applications with one Slack app: this one's headway does nothing about the other's."""
    room = released
    press = room.workspace.pressed("U0BOB", room.post(), "Approve")
    press["actions"][0]["value"] = press["actions"][0]["value"].replace('"shop"', '"bakery"')
    assert send(room.client, press).status_code == 200
    room.settle()
    assert "of the application bakery" in room.said
    assert room.prefect.resumed == []


def test_an_answer_goes_to_slack_and_nowhere_else(released: Room) -> None:
    """A payload that names another host has its answer in the channel."""
    room = released
    for url in (
        "http://127.0.0.1:9/x",
        "https://hooks.slack.com.evil.example/x",
        "file:///etc/passwd",
        "hooks.slack.com",
        "",
    ):
        fields = {**room.workspace.typed("U0BOB", "help"), "response_url": url}
        assert send(room.client, fields).status_code == 200
    room.settle()
    assert len(room.workspace.answers) == 5
    assert {it.get("channel") for it in room.workspace.answers} == {"C000"}
    assert {it.get("user") for it in room.workspace.answers} == {"U0BOB"}


def test_plans_are_the_boards(released: Room) -> None:
    """The fingerprint that is confirmed is that of the board's plan for the same person."""
    from headway.operations.board import plans

    room = released
    shown = room.type("U0BOB", "promote production")
    value = next(it for it in shown["blocks"] if it["type"] == "actions")["elements"][0]["value"]
    plan = plans.promotion(room.connections, "production", [], "somebody else")
    assert json.loads(value)["plan"] == replace(plan).fingerprint
