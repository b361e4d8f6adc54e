"""Who hears what: routes, failures only, quiet hours."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest

from headway.domain.config.reading import load_config
from headway.domain.health.cause import Cause
from headway.domain.notifications.notices import STATES, Notice, recipients_of
from headway.errors import ConfigError
from tests.images import moved
from tests.systems.notify.test_slack import NOTICE

HEAD = """version: 1
app: shop
services: {orders: {image: r/orders}, users: {image: r/users}}
environments:
  staging: {path: staging, cluster: {namespace: s}}
  production: {path: production, cluster: {namespace: p}}
"""
NOTIFY = """notify:
  slack: {channel: "#releases"}
  quiet: ["daily 20:00-08:00 Europe/Berlin"]
  routes:
  - {environments: [production], only: failures, slack: {channel: "#oncall"}, apprise: oncall}
  - {services: [users], webhook: {url: "https://hooks.example/users"}}
  - {environments: [production], slack: {channel: "#releases"}}
"""
DAY = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
NIGHT = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)
MORNING = datetime(2026, 11, 25, 7, 0, tzinfo=UTC)
NOTIFIED = load_config((HEAD + NOTIFY).encode()).document.notify


def recipients(now: datetime = DAY, **fields: object) -> dict[str, datetime]:
    """Return who hears a notice, and when."""
    notice = dataclasses.replace(NOTICE, **fields)  # type: ignore[arg-type]
    return {it.target: it.after for it in recipients_of(NOTIFIED, notice, now)}


@pytest.mark.parametrize(
    ("case", "fields", "who"),
    [
        ("a live release", {"state": "live"}, ["slack:#releases"]),
        ("a failure in production", {"state": "failed"}, ["slack:#releases", "slack:#oncall", "apprise:oncall"]),
        ("unfinished in production", {"state": "unfinished"},
         ["slack:#releases", "slack:#oncall", "apprise:oncall"]),
        ("a failure in staging", {"state": "failed", "environment": "staging"}, ["slack:#releases"]),
        ("a service with a listener", {"state": "live", "environment": "staging", "changes": (("users", "", "2"),)},
         ["slack:#releases", "webhook:https://hooks.example/users"]),
    ],
)  # fmt: skip
def test_recipients(case: str, fields: dict[str, object], who: list[str]) -> None:
    """Everybody whose route matches, each once."""
    assert list(recipients(**fields)) == who


def test_quiet_hours_are_for_automation_and_never_for_failures() -> None:
    """At night, what automation does is told in the morning; a person's release and a failure at once."""
    staging = {"state": "live", "environment": "staging"}
    assert recipients(NIGHT, automatic=True, **staging) == {"slack:#releases": MORNING}
    assert recipients(NIGHT, **staging) == {"slack:#releases": NIGHT}
    assert recipients(NIGHT, automatic=True, state="failed", environment="staging") == {
        "slack:#releases": NIGHT
    }
    assert recipients(NIGHT, automatic=True, state="unfinished", environment="staging") == {
        "slack:#releases": NIGHT
    }
    assert recipients(NIGHT, automatic=True, state="live") == {"slack:#releases": NIGHT}, (
        "a route without quiet hours"
    )


def test_nobody_is_notified_where_nothing_is_said() -> None:
    """Without `notify` nobody hears anything."""
    assert recipients_of(None, NOTICE, DAY) == []


def test_a_notice_survives_the_disk() -> None:
    """What is read is what was written."""
    assert Notice.from_json(NOTICE.to_json()) == NOTICE


@pytest.mark.parametrize("state", STATES)
def test_every_state_has_its_words(state: str) -> None:
    """A headline names the environment, the services and the state, or what others did in the config repo."""
    what = "somebody did something" if state == "noticed" else "orders "
    notice = dataclasses.replace(NOTICE, state=state, reason="somebody did something")
    assert notice.headline.startswith(f"production: {what}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("notify: {routes: [{only: failures}]}", "7:19: slack, webhook or apprise is missing"),
        ("notify: {routes: [{environments: [prodution], apprise: x}]}", "did you mean production?"),
        ("notify: {services: [order], slack: {channel: a}}", "did you mean orders?"),
        ("notify: {quiet: [at night]}", "is not a window"),
        ("notify: {webhook: {url: 'https://user:pw@hooks.example/'}}", "7:25"),
        ("notify: {slack: {chanel: a}}", "unknown key chanel"),
        ("notify: {routes: [{slak: {channel: a}}]}", "unknown key slak; did you mean slack?"),
    ],
)
def test_a_route_that_notifies_nobody_is_refused_where_it_stands(text: str, expected: str) -> None:
    """A route to nobody, a misspelt environment, a login in a URL."""
    with pytest.raises(ConfigError) as caught:
        load_config((HEAD + text + "\n").encode())
    assert expected in str(caught.value)


def test_a_service_with_two_changes_is_named_once() -> None:
    """What is told in a line names services, not containers."""
    two = (moved("web", "r/web:1", "r/web:3"), moved("web", "r/web:2", "r/web:3"))
    assert dataclasses.replace(NOTICE, changes=two, state="failed").headline == "production: web failed"


def test_what_older_headways_wrote_is_read_and_written_the_same() -> None:
    """An outbox outlives an update, and programs read the same JSON after it."""
    text = (
        '{"release": "r-1", "app": "shop", "environment": "production", "kind": "release", "state": "failed", '
        '"changes": [["web", "", "r/web:2@sha256:abc"], ["api", "${OLD}", "r/api:2"]], "actor": "ann", "reason": "", '
        '"commit": "c1", "cause": "it crashed", "progress": "", "seconds": 1.5, "automatic": false, '
        '"at": "2026-11-24T10:00:00Z", "links": [["run", "http://prefect.example/1"]], "details": ["line"], '
        '"corrects": false}'
    )
    notice = Notice.from_json(text)
    assert notice.changes == (moved("web", "", "r/web:2@sha256:abc"), moved("api", "${OLD}", "r/api:2"))
    assert notice.to_json() == text


def test_what_is_sent_already_is_no_news_in_other_parts() -> None:
    """The outbox keeps what people read: a code beside its sentence makes no second message."""
    cause = Cause("OOMKilled", "it was killed", "web-1", blames=False)
    notice = dataclasses.replace(NOTICE, state="failed", cause=cause)
    assert Notice.from_json(notice.to_json()).says(notice)
    assert Notice.from_json(notice.to_json()).mark == notice.mark
