"""The audit's lines."""

from __future__ import annotations

from datetime import UTC, datetime

from headway.domain.policy.audit import Act, act_of, answered, chosen, read_acts
from headway.domain.policy.roles import NOBODY, Identity, person

NOW = datetime(2026, 11, 28, 10, 0, tzinfo=UTC)


def test_an_act_is_read_as_it_was_written() -> None:
    """Who, by which way in, what, where, which plan, the answer and why."""
    ann = person("ann@example.com", way_in="oidc")
    act = answered(
        act_of(ann, "promote", NOW, environment="production", services=["web"], plan="abc"),
        "refused",
        "locked",
    )
    assert list(read_acts([act.to_line(), "", "{", '{"at": 1', "[]", '{"unknown": 1}'])) == [act]
    assert act.at == "2026-11-28T10:00:00.000000Z"
    assert act_of(NOBODY, "read", NOW).who == "nobody"
    assert act_of(Identity("token", "deploy", way_in="token"), "release", NOW).who == "ci:deploy"


def test_acts_are_chosen() -> None:
    """By environment (what is about all of them is about each), by who asked, by verb and by time."""
    acts = [
        Act("2026-11-28T10:00:00Z", "ann", "oidc", "release", "staging"),
        Act("2026-11-28T11:00:00Z", "bob", "oidc", "rollback", "production"),
        Act("2026-11-28T12:00:00Z", "ci:deploy", "token", "reconcile"),
    ]
    assert [it.who for it in chosen(acts, environment="production")] == ["bob", "ci:deploy"]
    assert [it.who for it in chosen(acts, who="ANN")] == ["ann"]
    assert [it.who for it in chosen(acts, verb="rollback")] == ["bob"]
    assert [it.who for it in chosen(acts, since="2026-11-28T11")] == ["bob", "ci:deploy"]
