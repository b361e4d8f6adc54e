"""Which person a member of the workspace is: by headway.yaml, by a confirmed address, or nobody."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headway.domain.config.model import Person
from headway.domain.policy.roles import Identity
from headway.domain.slack.intents import Sender
from headway.domain.slack.people import Profile, Unmapped, Workspace, foreign, identity_of

HERE = Workspace("T1", "A1")
PEOPLE = {"ann@example.com": Person(slack="U0ANN")}
BOB = Profile("U0BOB", "T1", "bob@example.com", confirmed=True)


@pytest.mark.parametrize(
    ("sender", "said"),
    [
        (Sender("T1", "A1", "U1"), ""),
        (Sender("T1", "A1", "U1", "T1"), ""),
        (Sender("T2", "A1", "U1"), "another workspace"),
        (Sender("", "A1", "U1"), "another workspace"),
        (Sender("T1", "A2", "U1"), "another app"),
        (Sender("T1", "", "U1"), "another app"),
        (Sender("T1", "A1", "U1", "T2"), "a member of another workspace"),
    ],
)
def test_whose_payloads_count(sender: Sender, said: str) -> None:
    """Those of the token's own workspace and app."""
    assert said in foreign(sender, HERE)
    assert bool(foreign(sender, HERE)) == bool(said)


def test_the_app_is_not_compared_where_slack_does_not_say_it() -> None:
    """The signature is the app's own already."""
    assert foreign(Sender("T1", "A2", "U1"), Workspace("T1")) == ""


@pytest.mark.parametrize(
    ("user", "profile", "name"),
    [
        ("U0ANN", None, "ann@example.com"),
        ("U0ANN", BOB, "ann@example.com"),
        ("U0BOB", BOB, "bob@example.com"),
        ("U0BOB", None, ""),
        ("U0EVE", BOB, ""),
        ("U0BOB", replace(BOB, confirmed=False), ""),
        ("U0BOB", replace(BOB, email=""), ""),
        ("U0BOB", replace(BOB, email="bob @example.com"), ""),
        ("U0BOB", replace(BOB, bot=True), ""),
        ("U0BOB", replace(BOB, deleted=True), ""),
        ("U0BOB", replace(BOB, stranger=True), ""),
        ("U0BOB", replace(BOB, team="T2"), ""),
    ],
)
def test_who_a_member_is(user: str, profile: Profile | None, name: str) -> None:
    """headway.yaml goes first; an address counts if it is confirmed, and the member's of this workspace."""
    found = identity_of(user, PEOPLE, profile, HERE)
    if name:
        assert found == Identity("person", name, way_in="slack")
    else:
        assert isinstance(found, Unmapped)
        assert f"slack: {user}" in found.hint or "plain text" in found.hint
