"""What waits to be told: what is due takes along what came before it, and nobody hears the same twice."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from headway.domain.health.cause import Cause
from headway.domain.notifications.notices import Notice, Recipient, stamp
from headway.operations.dispatcher import Dispatcher
from headway.settings import Settings
from headway.systems.notify.outbox import Outbox
from tests.servers.http import HttpServer
from tests.servers.slack import TOKEN, SlackServer, limited
from tests.systems.notify.test_slack import NOTICE, dispatcher, send, with_time_passed

NIGHT = timedelta(hours=8)


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    """A workspace."""
    made = SlackServer("releases", "orders")
    yield made
    made.close()


@pytest.fixture
def server() -> Iterator[HttpServer]:
    """Somebody who hears."""
    made = HttpServer()
    yield made
    made.close()


def told(state: str, **more: object) -> Notice:
    """Return a notice of this moment."""
    return dataclasses.replace(NOTICE, state=state, at=stamp(datetime.now(UTC)), **more)  # type: ignore[arg-type]


def recipients(target: str, after: timedelta = timedelta()) -> list[Recipient]:
    """Name somebody who hears, at once or later."""
    kind, _, address = target.partition(":")
    return [Recipient(kind, address, datetime.now(UTC) + after)]


def hook(server: HttpServer, folder: Path, secret: str = "s") -> Dispatcher:
    """Return a dispatcher for programs."""
    host = server.url.removeprefix("http://")
    return Dispatcher(Settings(state=folder, webhook_secret=secret, apprise=f"ops=json://{host}/"))  # type: ignore[arg-type]


def test_a_failure_at_night_sends_the_whole_release_at_once(slack: SlackServer, tmp_path: Path) -> None:
    """What automation planned waits for the morning; once it fails, all of it is told."""
    here = dispatcher(slack, tmp_path)
    for state in ("planned", "releasing"):
        here.outbox.put(told(state), recipients("slack:#releases", NIGHT))
    assert here.deliver() == 0
    due = here.outbox.next_due()
    assert due is not None
    assert due > NIGHT.total_seconds() - 60
    here.outbox.put(told("failed", cause=Cause(text="CrashLoopBackOff")), recipients("slack:#releases"))
    assert here.deliver() == 1
    assert [it["text"] for it in slack.posts()] == ["production: orders failed"]
    assert slack.thread() == [f"production: orders {it}" for it in ("planned", "rolling out", "failed")]
    assert here.outbox.next_due() is None
    here.close()


def test_what_comes_after_the_failure_waits_as_it_was_to(slack: SlackServer, tmp_path: Path) -> None:
    """A failure takes along what came before it, not what came later."""
    here = dispatcher(slack, tmp_path)
    here.outbox.put(told("failed"), recipients("slack:#releases"))
    here.outbox.put(told("live"), recipients("slack:#releases", NIGHT))
    assert here.deliver() == 1
    assert [it["text"] for it in slack.posts()] == ["production: orders failed"]
    assert here.deliver() == 0
    here.close()


def test_what_slack_put_off_is_waited_for_and_not_asked_for_again_and_again(
    slack: SlackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A state that follows within Retry-After waits with the rest: nothing is due before, and closing waits for nothing."""
    here = dispatcher(slack, tmp_path)
    slack.faults.append(limited(30))
    send(here, "planned")
    assert here.deliver() == 0
    send(here, "live")
    assert here.outbox.take() is None
    due = here.outbox.next_due()
    assert due is not None
    assert 25 < due <= 31
    looks: list[object] = []
    take = here.outbox.take
    monkeypatch.setattr(here.outbox, "take", lambda: looks.append(take()))
    here.start()
    here.close()
    assert 0 < len(looks) < 4
    assert len(slack.calls) == 1


def test_retry_after_holds_the_whole_channel_and_no_other(slack: SlackServer, tmp_path: Path) -> None:
    """Another release to the same channel is not sent into the limit; another channel hears it."""
    here = dispatcher(slack, tmp_path)
    slack.faults.append(limited(30))
    send(here, "live")
    assert here.deliver() == 0
    send(here, "live", release="20261124T100001Z-2")
    send(here, "live", "#orders", release="20261124T100001Z-2")
    assert here.deliver() == 1
    assert (len(slack.posts("C000")), len(slack.posts("C001"))) == (0, 1)
    assert {why.partition(" (")[0] for _, _, why in here.waiting()} == {"Slack is busy"}
    here.close()


def test_one_that_is_never_taken_keeps_no_other_back(server: HttpServer, tmp_path: Path) -> None:
    """A receiver that breaks on one release gets the others in between; once it takes one, it is tried with all."""
    here = hook(server, tmp_path)
    target = recipients(f"webhook:{server.url}/hook")
    server.answers.append((500, {}, {}))
    here.outbox.put(told("failed"), target)
    assert here.deliver() == 0
    here.outbox.put(told("failed", release="another"), target)
    with_time_passed(here)
    assert here.deliver() == 2
    assert [it.data["subject"] for it in server.sent] == [NOTICE.release, "another", NOTICE.release]
    here.close()


def test_what_was_sent_of_a_release_is_not_sent_again(server: HttpServer, tmp_path: Path) -> None:
    """The first of two got through and the second did not: only the second is sent again."""
    here = hook(server, tmp_path)
    server.answers.extend([(200, {}, {}), (500, {}, {})])
    for state in ("failed", "rolled-back"):
        here.outbox.put(told(state, cause=Cause(text="exit 3")), recipients("apprise:ops"))
    assert here.deliver() == 0
    with_time_passed(here)
    assert here.deliver() == 1
    assert [it.data["title"].rpartition("orders ")[2] for it in server.sent] == [
        "failed",
        "failed and rolled back",
        "failed and rolled back",
    ]
    here.close()


def test_the_same_again_is_no_news(server: HttpServer, tmp_path: Path) -> None:
    """A run that goes on after an approval says again that it waits, with another time and page: nobody hears it twice."""
    here = hook(server, tmp_path)
    target = recipients(f"webhook:{server.url}/hook")
    for at, page in (("2026-11-24T10:00:00Z", "1"), ("2026-11-24T12:00:00Z", "2")):
        again = dataclasses.replace(
            told("waiting"), at=at, links=(("run", f"http://prefect.example/{page}"),)
        )
        here.outbox.put(again, target)
        here.deliver()
    here.outbox.put(told("live", seconds=7.0), target)
    here.outbox.put(told("releasing"), target)
    here.outbox.put(told("live", seconds=0.1), target)
    here.deliver()
    assert [it.data["type"].rpartition(".")[2] for it in server.sent] == ["waiting", "live"]
    here.close()


def test_a_failure_with_another_cause_is_news(server: HttpServer, tmp_path: Path) -> None:
    """Going back failed too: programs hear it as an event of its own."""
    here = hook(server, tmp_path)
    for cause in ("exit 3", "exit 3; rolling back did not succeed either"):
        here.outbox.put(told("failed", cause=Cause(text=cause)), recipients(f"webhook:{server.url}/hook"))
        here.deliver()
    assert len({it.data["id"] for it in server.sent}) == 2
    here.close()


def test_an_event_is_announced_once(tmp_path: Path) -> None:
    """Whoever restarts after a state was announced does not announce it again."""
    here = Outbox(tmp_path / "outbox.sqlite")
    assert [here.first(told(it)) for it in ("waiting", "waiting", "planned", "waiting")] == [
        True,
        False,
        True,
        False,
    ]
    here.close()


def test_a_message_that_was_changed_since_is_brought_back(slack: SlackServer, tmp_path: Path) -> None:
    """The same failure after another try: its message ends as failed, and its thread has each state once."""
    here = dispatcher(slack, tmp_path)
    for state, progress in (("failed", ""), ("releasing", ""), ("releasing", "1 of 3 ready"), ("failed", "")):
        send(here, state, progress=progress)
        here.deliver()
    assert [it["text"] for it in slack.posts()] == ["production: orders failed"]
    assert slack.thread() == ["production: orders failed", "production: orders rolling out"]
    here.close()


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda it: it.setattr("headway.systems.notify.webhook.post", lambda *_: {}["id"]), "KeyError: 'id'"),
        (lambda it: it.setenv("HEADWAY_WEBHOOK_SECRET", "whsec_not base64!"), "whsec_"),
    ],
)
def test_what_nobody_thought_of_is_put_back_with_its_reason(
    server: HttpServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    break_it: Callable[[pytest.MonkeyPatch], None],
    said: str,
) -> None:
    """One that cannot be delivered keeps no other from being told, and is not tried in a circle."""
    monkeypatch.setenv("HEADWAY_WEBHOOK_SECRET", "s")
    break_it(monkeypatch)
    here = Dispatcher(Settings(state=tmp_path, apprise=f"ops=json://{server.url.removeprefix('http://')}/"))  # type: ignore[arg-type]
    here.outbox.put(told("live"), recipients(f"webhook:{server.url}/hook"))
    here.outbox.put(told("live"), recipients("apprise:ops"))
    assert here.deliver() == 1
    ((_, _, why),) = here.waiting()
    assert said in why
    due = here.outbox.next_due()
    assert due is not None
    assert due > 500
    here.close()


def test_a_webhook_is_named_without_its_path(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its path may be its secret: neither the log nor `headway notify` shows it."""
    here = Dispatcher(Settings(state=tmp_path))
    here.outbox.put(told("live"), recipients("webhook:https://hooks.example/services/T0/geheim?key=geheim"))
    with caplog.at_level(logging.WARNING):
        assert here.deliver() == 0
    assert "geheim" not in caplog.text
    assert "webhook https://hooks.example is notified later" in caplog.text
    assert here.waiting()[0][0] == "webhook https://hooks.example"
    here.close()


def test_what_is_too_old_is_forgotten_where_nothing_gets_through(slack: SlackServer, tmp_path: Path) -> None:
    """A Slack that is gone for good fills no disk: what is told makes room for itself."""
    here = dispatcher(slack, tmp_path, slack_token="")
    send(here, "live", release="old")
    here.outbox._file.use(lambda it: it.execute("UPDATE notices SET written = 0").connection.commit())
    send(here, "live", release="new")
    assert [release for _, release, _ in here.outbox.waiting()] == ["new"]
    here.close()


def test_a_notice_of_a_newer_headway_is_read(tmp_path: Path) -> None:
    """What it does not know it leaves out: one line of another version stops nothing."""
    text = NOTICE.to_json()[:-1] + ', "more": 1}'
    assert Notice.from_json(text) == NOTICE


def test_an_outbox_that_takes_nothing_says_so(tmp_path: Path) -> None:
    """What could not be written down is a line in the log of its release, not silence."""
    (tmp_path / "outbox.sqlite").mkdir()
    here = Dispatcher(Settings(state=tmp_path))
    with pytest.raises(Exception, match="could not be written down"):
        here.outbox.put(told("live"), recipients("slack:#releases"))
    assert here.outbox.first(told("live")), "an event is announced all the same"
    here.close()


def test_the_token_is_in_no_reason(slack: SlackServer, tmp_path: Path) -> None:
    """Whatever goes wrong, what is shown of it holds no credentials."""
    slack.close()
    here = dispatcher(slack, tmp_path)
    send(here, "live")
    assert here.deliver() == 0
    assert TOKEN not in str(here.waiting())
    here.close()
