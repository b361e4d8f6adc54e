"""Who asked and who approves: one person in two spellings is one, and the record names everybody."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from headway.domain.policy.approval_proof import Answer, proof
from headway.errors import HeadwayError
from headway.flows.release import release
from headway.operations import approvals
from headway.requests import ReleaseRequest, ServiceImage
from tests.flows.conftest import Done, Place
from tests.servers.http import HttpServer, Sent

RUN = "11111111-2222-3333-4444-555555555555"
PLAN = "f2d996007824"
Answered = Callable[[str, list[str]], Done]


@pytest.fixture
def answered(place: Place, monkeypatch: pytest.MonkeyPatch) -> Answered:
    """Release web 1.1.0 to staging as somebody, and have people approve it, one after the other."""

    def run(actor: str, answers: list[str]) -> Done:
        left = iter(answers)

        def answer(number: int, app: str, environment: str, plan: str, text: str, timeout: float) -> Any:
            return SimpleNamespace(decision="approve", by=next(left), reason="", plan=plan)

        monkeypatch.setattr(approvals, "ask", answer)
        images = [ServiceImage(service="web", image="1.1.0")]
        return place.call(lambda: release(ReleaseRequest(environment="staging", images=images, actor=actor)))

    return run


@pytest.mark.parametrize(
    ("actor", "answers", "approved", "warned"),
    [
        (
            "ci:deploy (ann)",
            ["ann", "bob"],
            ["bob"],
            "the approval by ann does not count: ci:deploy (ann) requested this",
        ),
        ("ann@example.com", ["Ann", "bob"], ["bob"], "the approval by Ann does not count"),
        ("github 123 (ann)", ["ann@example.com", "bob"], ["bob"], "does not count"),
        ("ann", ["bob", "Bob@example.com", "carol"], ["bob", "carol"], "does not count twice"),
    ],
)
def test_whose_approval_counts(
    place: Place, answered: Answered, actor: str, answers: list[str], approved: list[str], warned: str
) -> None:
    """Not that of who asked, in no spelling and not through CI; and nobody's twice."""
    place.start(staging="")
    place.configure(staging=f"approvals: {len(approved)}")
    place.image("web", "1.1.0")
    done = answered(actor, answers)
    assert done.code == 0, done.said
    assert f"warning: {warned}" in done.err or f"{warned}" in done.err.partition("warning: ")[2]
    [entry] = json.loads(place.run("history", "--limit", "1", "-o", "json").out)
    assert entry["approved_by"] == approved
    assert f"approved by {', '.join(approved)}" in place.run("history", "staging").out
    shown = place.run("show", entry["release"]).out
    for who in approved:
        assert f"approved by: {who}" in " ".join(shown.split())


def test_a_run_that_names_nobody_is_nobodys(place: Place, answered: Answered) -> None:
    """A form without an actor: the commit does not say that the worker's user asked."""
    place.start(staging="")
    place.image("web", "1.1.0")
    done = answered(" ", [])
    assert done.code == 0, done.said
    assert "Headway-Actor: unknown (Prefect UI or API)" in place.message()


@pytest.mark.parametrize("actor", ["", "   "])
def test_a_release_that_must_be_approved_names_who_asks(place: Place, answered: Answered, actor: str) -> None:
    """Otherwise whoever asked could approve it."""
    place.start(staging="")
    place.configure(staging="approvals: 1")
    place.image("web", "1.1.0")
    with pytest.raises(HeadwayError, match="the requester is not named"):
        answered(actor, ["ann"])


@pytest.mark.parametrize(
    ("only", "approved", "refused"),
    [
        ("[board]", ["cleo"], ["on the board only"] * 5),
        ("[slack]", ["gus through Slack"], ["in Slack only"] * 4),
        ("[board, slack]", ["gus through Slack", "cleo"], ["on the board or in Slack only"] * 4),
        ("", ["through Prefect, named as bob", "through Prefect, named as eve"], []),
    ],
)
def test_approvals_where_people_are_known(
    place: Place, monkeypatch: pytest.MonkeyPatch, only: str, approved: list[str], refused: list[str]
) -> None:
    """With `approve_on` only what was signed for there counts; elsewhere the record says that a name was given."""
    place.settings["HEADWAY_APPROVAL_SECRET"] = "between the board and the workers"
    place.start(staging="")
    place.configure(staging=f"approvals: {len(approved)}" + (f", approve_on: {only}" if only else ""))
    place.image("web", "1.1.0")
    monkeypatch.setattr(approvals, "run_identity", lambda: (datetime.now(UTC), RUN))
    people = iter(["bob", "eve", "dan", "fay", "gus", "cleo"])

    def answer(number: int, app: str, environment: str, plan: str, text: str, timeout: float) -> Any:
        who = next(people)
        given = Answer(RUN, plan, "approve", who)
        signed = {
            "eve": proof("another secret", "board", given),
            # Signed for another plan, and for another run.
            "dan": proof(place.settings["HEADWAY_APPROVAL_SECRET"], "board", replace(given, plan="other")),
            "fay": proof(place.settings["HEADWAY_APPROVAL_SECRET"], "board", replace(given, run="other")),
            "gus": proof(place.settings["HEADWAY_APPROVAL_SECRET"], "slack", given),
            "cleo": proof(place.settings["HEADWAY_APPROVAL_SECRET"], "board", given),
        }
        return SimpleNamespace(decision="approve", by=who, reason="", plan=plan, proof=signed.get(who, ""))

    monkeypatch.setattr(approvals, "ask", answer)
    images = [ServiceImage(service="web", image="1.1.0")]
    done = place.call(lambda: release(ReleaseRequest(environment="staging", images=images, actor="ann")))
    assert done.code == 0, done.said
    [entry] = json.loads(place.run("history", "--limit", "1", "-o", "json").out)
    assert entry["approved_by"] == approved
    assert re.findall(r"takes approvals (.+? only)", done.said) == refused


def test_approvals_on_the_board_need_its_secret(place: Place, answered: Answered) -> None:
    """Otherwise nobody could ever approve; it is said before anybody is asked."""
    place.start(staging="")
    place.configure(staging="approvals: 1, approve_on: [board]")
    place.image("web", "1.1.0")
    with pytest.raises(HeadwayError, match="nothing can prove"):
        answered("ann", ["bob"])


@pytest.fixture
def server() -> Iterator[HttpServer]:
    """A Prefect server where a release that ann asked for waits."""
    made = HttpServer()
    run = {
        "id": RUN,
        "name": "shop: staging: release web",
        "tags": ["headway", "app:shop", "environment:staging"],
        "parameters": {"request": {"environment": "staging", "actor": "ci:deploy (ann)"}},
        "state": {
            "type": "PAUSED",
            "state_details": {"run_input_keyset": {"schema": "s", "description": "d"}},
        },
        "expected_start_time": "2026-11-24T12:00:00+00:00",
    }
    made.standing |= {
        "/api/flow_runs/filter": lambda _: [run],
        f"/api/flow_runs/{RUN}/input/s": lambda _: {"properties": {"plan": {"default": PLAN}}},
        f"/api/flow_runs/{RUN}/input/d": lambda _: (200, b'"the plan"', {}),
    }
    yield made
    made.close()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("approve staging --by Ann", 3, "Ann cannot approve this: ci:deploy (ann) requested it"),
        ("approve staging --by bob", 0, "approved by bob"),
        ("reject staging --by ann", 0, "rejected by ann"),
    ],
)
def test_the_command_refuses_who_asked(
    place: Place, server: HttpServer, words: str, code: int, said: str
) -> None:
    """With the reason and exit code 3, before anything is answered; to withdraw it is theirs."""
    place.rules = {"staging": ""}
    place.remote.push({"headway.yaml": place.headway_yaml()})
    done = place.run(*words.split(), "--plan", PLAN, HEADWAY_LOCAL="", HEADWAY_PREFECT=f"{server.url}/api")
    assert done.code == code, done.said
    assert said in done.said
    answers: list[Sent] = [it for it in server.sent if it.path.endswith("/resume")]
    assert len(answers) == (0 if code else 1)


@pytest.mark.parametrize(("verb", "code"), [("approve", 3), ("reject", 0)])
def test_the_command_leaves_approvals_to_the_board(
    place: Place, server: HttpServer, verb: str, code: int
) -> None:
    """Where only those of the board count, the command gives none; anybody may still reject."""
    place.rules = {"staging": "approvals: 1, approve_on: [board]"}
    place.remote.push({"headway.yaml": place.headway_yaml()})
    words = (verb, RUN, "--by", "bob", "--plan", PLAN)
    done = place.run(*words, HEADWAY_LOCAL="", HEADWAY_PREFECT=f"{server.url}/api")
    assert done.code == code, done.said
    assert ("takes approvals on the board only" in done.err) == (code == 3)
