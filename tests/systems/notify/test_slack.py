"""Releases in Slack: one message that changes, its thread, and nothing twice, against a server that speaks Slack's API."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from headway.domain.health.cause import Cause
from headway.domain.notifications.notices import Notice, Recipient, stamp
from headway.errors import FailedError
from headway.operations.dispatcher import Dispatcher
from headway.settings import Settings
from tests.images import moved
from tests.servers.slack import TOKEN, SlackServer, limited, refused

NOTICE = Notice(
    release="20261124T100000Z-1", app="shop", environment="production", kind="release", state="planned",
    changes=(moved("orders", "r/orders:1", "r/orders:2@sha256:" + "a" * 64),), actor="ann", reason="the new totals",
    at="2026-11-24T10:00:00Z", links=(("run", "http://prefect.example/runs/1"),),
)  # fmt: skip


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    """A workspace."""
    made = SlackServer("releases", "orders")
    yield made
    made.close()


def dispatcher(slack: SlackServer, state: Path, **more: Any) -> Dispatcher:
    """Return a dispatcher for the workspace."""
    fields = {"state": state, "slack_token": TOKEN, "slack_url": slack.url, **more}
    return Dispatcher(Settings(**fields))


def send(to: Dispatcher, state: str, channel: str = "#releases", **more: Any) -> None:
    """Have a state told."""
    now = datetime.now(UTC)
    notice = dataclasses.replace(NOTICE, **{"state": state, "at": stamp(now), **more})
    to.outbox.put(notice, [Recipient("slack", channel, now)])


def test_one_message_changes_as_the_release_goes_on(slack: SlackServer, tmp_path: Path) -> None:
    """Planned, rolling out, live: one message, edited twice; each state is in its thread once, progress is not."""
    here = dispatcher(slack, tmp_path)
    for state, more in (
        ("planned", {}),
        ("releasing", {}),
        ("releasing", {"progress": "orders 2 of 3 ready"}),
        ("live", {"seconds": 12.3, "commit": "9" * 40}),
    ):
        send(here, state, **more)
        assert here.deliver() == 1
    (message,) = slack.posts()
    assert message["text"] == "production: orders live in 12.3 s"
    assert slack.thread() == [
        "production: orders planned",
        "production: orders rolling out",
        "production: orders live in 12.3 s",
    ]
    assert [it for it, _ in slack.calls if it == "chat.update"] == ["chat.update"] * 3
    text = json.dumps(message["blocks"], ensure_ascii=False)
    assert "<http://prefect.example/runs/1|run>" in text
    assert "`1` → `2`" in text
    here.close()


def live(to: Dispatcher, release: str, **more: Any) -> None:
    """Have a release told that has its commit, in a channel with buttons."""
    now = datetime.now(UTC)
    fields = {"state": "live", "at": stamp(now), "release": release, "commit": "9" * 40, **more}
    notice = dataclasses.replace(NOTICE, **fields)
    to.outbox.supersede_buttons(notice)
    to.outbox.put(notice, [Recipient("slack", "#releases", now, buttons=True)])
    while to.deliver():
        pass


def has_buttons(slack: SlackServer) -> list[bool]:
    """Return which messages have buttons, the oldest first."""
    return [any(it["type"] == "actions" for it in each["blocks"]) for each in slack.posts()]


def test_an_older_release_cannot_be_rolled_back_by_its_message(slack: SlackServer, tmp_path: Path) -> None:
    """The next one to its environment takes the button from it, and changes nothing else of it; others keep theirs."""
    here = dispatcher(slack, tmp_path)
    live(here, "r-1")
    live(here, "r-2", environment="staging")
    first = slack.posts()[0]["text"]
    assert has_buttons(slack) == [True, True]
    live(here, "r-3", seconds=9.0)
    assert has_buttons(slack) == [False, True, True]
    live(here, "r-4", state="releasing")
    assert has_buttons(slack) == [False, True, False, False]
    assert slack.posts()[0]["text"] == first
    assert len(slack.thread()) == 4
    here.close()


def test_a_message_that_was_deleted_stays_deleted(slack: SlackServer, tmp_path: Path) -> None:
    """Nobody needs it only to see it without its button."""
    here = dispatcher(slack, tmp_path)
    live(here, "r-1")
    slack.delete(slack.posts()[0])
    live(here, "r-2")
    assert [it["metadata"]["event_payload"]["release"] for it in slack.posts()] == ["r-2"]
    here.close()


def test_states_that_come_together_are_sent_together(slack: SlackServer, tmp_path: Path) -> None:
    """What happened while Slack was away is one message in its newest state, with the whole story in its thread."""
    here = dispatcher(slack, tmp_path)
    for state in ("planned", "releasing", "failed", "rolled-back"):
        send(
            here,
            state,
            cause=Cause(text="CrashLoopBackOff") if state == "failed" else Cause(),
            details=("web-1:", "no such file"),
        )
    assert here.deliver() == 1
    (message,) = slack.posts()
    assert "failed and rolled back" in message["text"]
    assert [it.rpartition(" ")[2] for it in slack.thread()] == ["planned", "out", "failed", "back"]
    here.close()


def test_a_restart_posts_nothing_twice(slack: SlackServer, tmp_path: Path) -> None:
    """Killed after Slack took the post and before that was written down: the message is found again and changed."""
    slack.lost_answers = 1
    here = dispatcher(slack, tmp_path)
    send(here, "planned")
    assert here.deliver() == 0
    here.close()
    later = dispatcher(slack, tmp_path)
    with_time_passed(later)
    assert later.deliver() == 1
    assert len(slack.posts()) == 1
    assert slack.thread() == ["production: orders planned"]
    later.close()


def test_another_machine_changes_the_same_message(slack: SlackServer, tmp_path: Path) -> None:
    """Its own memory is empty, and Slack's is not: the release's message carries the release's id."""
    one, other = dispatcher(slack, tmp_path / "a"), dispatcher(slack, tmp_path / "b")
    send(one, "planned")
    one.deliver()
    send(other, "planned")
    send(other, "live")
    other.deliver()
    assert [it["text"] for it in slack.posts()] == ["production: orders live in 0.0 s"]
    assert len(slack.thread()) == 2
    one.close()
    other.close()


def test_what_comes_late_changes_nothing_that_is_newer(slack: SlackServer, tmp_path: Path) -> None:
    """One machine could not tell that it waits; by the time that it can, another one has told that it is live."""
    one, other = dispatcher(slack, tmp_path / "a"), dispatcher(slack, tmp_path / "b")
    send(one, "planned")
    one.deliver()
    slack.faults.append(limited(5))
    send(one, "waiting")
    assert one.deliver() == 0
    send(other, "live")
    assert other.deliver() == 1
    with_time_passed(one)
    assert one.deliver() == 1
    assert [it["text"] for it in slack.posts()] == ["production: orders live in 0.0 s"]
    assert sorted(it.partition(" orders ")[2] for it in slack.thread()) == [
        "live in 0.0 s",
        "planned",
        "waiting for approval",
    ]
    one.close()
    other.close()


def test_a_clock_that_is_behind_keeps_no_end_from_being_posted(slack: SlackServer, tmp_path: Path) -> None:
    """A release that is live is not under way any more, whatever the other machine's clock says."""
    one, other = dispatcher(slack, tmp_path / "a"), dispatcher(slack, tmp_path / "b")
    send(one, "releasing", at=stamp(datetime.now(UTC) + timedelta(minutes=5)))
    one.deliver()
    send(other, "live")
    other.deliver()
    assert [it["text"] for it in slack.posts()] == ["production: orders live in 0.0 s"]
    one.close()
    other.close()


@pytest.mark.parametrize("scopes", [{"groups:read"}, {"groups:read", "groups:history"}])
def test_scopes_for_public_channels_are_enough(slack: SlackServer, tmp_path: Path, scopes: set[str]) -> None:
    """Without the right to list private channels the public ones are, and a message is found again there."""
    slack.scopes -= scopes
    one, other = dispatcher(slack, tmp_path / "a"), dispatcher(slack, tmp_path / "b")
    send(one, "planned")
    one.deliver()
    send(other, "live")
    assert other.deliver() == 1
    assert len(slack.posts()) == 1
    one.close()
    other.close()


def test_a_message_that_somebody_deleted_is_posted_again(slack: SlackServer, tmp_path: Path) -> None:
    """It is not tried to be changed for two weeks; its thread goes on below the new one."""
    here = dispatcher(slack, tmp_path)
    send(here, "planned")
    here.deliver()
    slack.delete(slack.posts()[0])
    send(here, "live")
    assert here.deliver() == 1, here.waiting()
    assert [it["text"] for it in slack.posts()] == ["production: orders live in 0.0 s"]
    assert slack.thread() == ["production: orders live in 0.0 s"]
    here.close()


def test_what_puts_right_changes_a_message_and_posts_no_second_one(
    slack: SlackServer, tmp_path: Path
) -> None:
    """A message that was left at `rolling out` says how it ended; one that may be there and is not seen is no message to post."""
    one, other = dispatcher(slack, tmp_path / "a"), dispatcher(slack, tmp_path / "b")
    send(one, "releasing")
    one.deliver()
    send(other, "live", corrects=True)
    assert other.deliver() == 1
    assert [it["text"] for it in slack.posts()] == ["production: orders live in 0.0 s"]
    slack.scopes.discard("channels:history")
    third = dispatcher(slack, tmp_path / "c")
    send(third, "live", corrects=True)
    assert third.deliver() == 1
    assert len(slack.posts()) == 1
    for it in (one, other, third):
        it.close()


def test_what_nobody_posted_is_posted_by_who_corrects(slack: SlackServer, tmp_path: Path) -> None:
    """The machine and what it was to tell are gone: of the last day it is posted, of older releases it is not."""
    here = dispatcher(slack, tmp_path)
    send(here, "live", corrects=True, release="old", at=stamp(datetime.now(UTC) - timedelta(days=2)))
    send(here, "live", corrects=True)
    assert here.deliver() == 2
    assert [it["metadata"]["event_payload"]["release"] for it in slack.posts()] == [NOTICE.release]
    here.close()


def with_time_passed(here: Dispatcher) -> None:
    """Let what waits for its time be due now."""
    here.outbox._file.use(
        lambda it: it.executescript("UPDATE notices SET not_before = 0; UPDATE held SET until = 0;").close()
    )


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        (limited(7), "Slack is busy"),
        ((503, {}, {}), "Slack is busy"),
        (refused("token_revoked"), "HEADWAY_SLACK_TOKEN"),
        (refused("channel_not_found"), "invite headway's app"),
        (refused("is_archived"), "name another channel"),
    ],
)
def test_what_slack_refuses_is_kept_and_sent_later(
    slack: SlackServer, tmp_path: Path, fault: Any, problem: str
) -> None:
    """It says what is wrong and what to do, waits as long as Slack asks, and tells it once it can."""
    here = dispatcher(slack, tmp_path)
    slack.faults.extend([fault])
    send(here, "live")
    assert here.deliver() == 0
    ((target, release, error),) = here.outbox.waiting()
    assert (target, release) == ("slack:#releases", NOTICE.release)
    assert problem in error
    assert TOKEN not in error
    due = here.outbox.next_due()
    assert due is not None
    assert due > (6 if fault[0] == 429 else 4)
    with_time_passed(here)
    assert here.deliver() == 1
    assert len(slack.posts()) == 1
    assert here.outbox.waiting() == []
    here.close()


def test_no_token_and_no_slack_at_all(slack: SlackServer, tmp_path: Path) -> None:
    """Both are problems to read about, not errors of a release."""
    here = dispatcher(slack, tmp_path, slack_token="")
    send(here, "live")
    assert here.deliver() == 0
    assert "no Slack token is set" in here.outbox.waiting()[0][2]
    here.close()
    slack.close()
    gone = dispatcher(slack, tmp_path / "other")
    send(gone, "live")
    assert gone.deliver() == 0
    assert "cannot be reached" in gone.outbox.waiting()[0][2]
    gone.close()


def test_one_broken_channel_keeps_no_other_from_hearing(slack: SlackServer, tmp_path: Path) -> None:
    """Each channel is told by itself."""
    here = dispatcher(slack, tmp_path)
    send(here, "live", "#nosuch")
    send(here, "live", "#orders")
    assert here.deliver() == 1
    assert len(slack.posts("C001")) == 1
    assert [it[0] for it in here.outbox.waiting()] == ["slack:#nosuch"]
    here.close()


def test_names_are_escaped_and_long_lists_are_cut(slack: SlackServer, tmp_path: Path) -> None:
    """No name becomes a mention, a link or markup, and Slack takes whatever there is to say."""
    here = dispatcher(slack, tmp_path)
    many = tuple(moved(f"s{place}", "", f"r/s{place}:2") for place in range(60))
    send(
        here,
        "failed",
        changes=many,
        cause=Cause(text="<!channel> & " + "x" * 9000),
        actor="<@U1>",
        details=("`" * 5000,),
    )
    assert here.deliver() == 1
    (message,) = slack.posts()
    text = json.dumps(message["blocks"], ensure_ascii=False)
    assert "… and 50 more" in text
    assert "<!channel>" not in text
    assert "&lt;!channel&gt; &amp;" in text
    assert "<@U1>" not in text
    objects = [it["text"] for it in message["blocks"] if "text" in it] + message["blocks"][-1]["elements"]
    assert all(it["verbatim"] for it in objects)
    here.close()


@pytest.mark.parametrize("extra", range(8))
def test_nothing_is_cut_in_the_middle_of_an_escape(slack: SlackServer, tmp_path: Path, extra: int) -> None:
    """Wherever a text must end, its escapes are whole, and what is quoted in a thread ends with its fence."""
    here = dispatcher(slack, tmp_path)
    text = "x" * extra + "<&>" * 4000
    send(
        here,
        "failed",
        cause=Cause(text=text),
        reason=text,
        actor=text,
        details=(text, "```"),
        changes=(moved(text, "", "r:1"),),
    )
    assert here.deliver() == 1, here.waiting()
    (message,) = slack.posts()
    (reply,) = [it for it in slack.messages["C000"] if "thread_ts" in it]
    assert reply["text"].endswith("```")
    assert reply["text"].count("```") == 2
    assert len(reply["text"]) <= 3900
    assert max(len(it["text"]["text"]) for it in message["blocks"] if "text" in it) <= 3000
    here.close()


def test_the_thread_delivers_in_the_background(slack: SlackServer, tmp_path: Path) -> None:
    """A release writes it down and goes on; closing waits for what is due, also after a short Retry-After."""
    here = dispatcher(slack, tmp_path)
    slack.faults.extend([limited(1)])
    began = time.monotonic()
    here.send(dataclasses.replace(NOTICE, state="live"), [Recipient("slack", "#releases", datetime.now(UTC))])
    assert time.monotonic() - began < 1
    here.close()
    assert len(slack.posts()) == 1


def test_two_processes_notify_once(slack: SlackServer, tmp_path: Path) -> None:
    """What one has taken, the other leaves."""
    one, other = dispatcher(slack, tmp_path), dispatcher(slack, tmp_path)
    send(one, "live")
    assert one.outbox.take() is not None
    assert other.outbox.take() is None
    one.close()
    other.close()


def test_the_token_is_checked(slack: SlackServer, tmp_path: Path) -> None:
    """`headway doctor` says which workspace it is for, or what to do where it is not valid."""
    here = dispatcher(slack, tmp_path)
    assert here.slack().check() == "Shop, as headway"
    slack.valid_tokens.clear()
    with pytest.raises(FailedError, match="invalid_auth") as caught:
        here.slack().check()
    assert "HEADWAY_SLACK_TOKEN" in caught.value.hint
    here.close()
