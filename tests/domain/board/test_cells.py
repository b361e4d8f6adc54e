"""What a cell says, by what was read: a table."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from headway.domain.board.cells import between, cell
from headway.domain.board.facts import EnvironmentFacts, Question, Run, Workload, history_of
from headway.domain.health.cause import Cause
from headway.domain.images.reference import Image
from headway.domain.policy.holds import Holds, Lock, Veto
from headway.domain.releases.ledger import REVERTS, Entry, Outcome, ReleaseRecord

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


def image(number: int) -> Image:
    return Image(f"registry.example.com/shop/web:1.{number}.0@sha256:{number:064x}")


def entry(
    number: int,
    *states: str,
    minutes: int = 0,
    kind: str = "release",
    cause: str = "",
    reverts: str = "",
    old: int = 0,
) -> Entry:
    """Return a release of the image of a number, so many minutes after noon, with the states that it went through."""
    at = NOON + timedelta(minutes=minutes)
    record = ReleaseRecord(
        id=f"r{number}-{minutes}",
        environment="production",
        kind=kind,
        changes=(("web", image(old), image(number)),),
        actor="ann",
        trailers=((REVERTS, reverts),) if reverts else (),
    )
    outcomes = tuple(Outcome(it, at + timedelta(minutes=1), cause=Cause(text=cause)) for it in states)
    return Entry(f"{number:07x}{minutes:033x}", (), "ann", at, "subject", record, outcomes, ("production",))


def facts(*entries: Entry, runs: int = 1, **more: object) -> EnvironmentFacts:
    found = EnvironmentFacts(
        "production",
        {"web": (image(runs),)},
        entries,
        history_of("production", entries, {}),
        workloads={"web": (Workload("Deployment/web", "live", ready=2, wanted=2),)},
    )
    return replace(found, **more)  # type: ignore[arg-type]


def workload(status: str, cause: str = "", ready: int = 1) -> dict[str, tuple[Workload, ...]]:
    return {"web": (Workload("Deployment/web", status, cause, ready, 2),)}


RUN = Run("production", "promotion by ann", NOON, "1 of 2 pods", services=frozenset({"web"}))
OTHER = Run("production", "promotion by ann", NOON, services=frozenset({"api"}))
ASKED = Question("r", "production", "promote", "ann", NOON, "abc", services=frozenset({"web"}))
FAILED = entry(2, "failed", minutes=5, cause="CrashLoopBackOff: it ends\nand more")
BACK = entry(1, "live", minutes=9, kind="rollback", reverts=FAILED.commit, old=2)


@pytest.mark.parametrize(
    ("label", "here", "runs", "questions", "state", "cause"),
    [
        ("all is well", facts(entry(1, "live")), (), (), "live", ""),
        ("its cluster was not asked yet", facts(entry(1, "live"), workloads=None), (), (), "unknown", "the cluster was not asked yet"),
        ("the cluster says nothing of it", facts(entry(1, "live"), workloads={}), (), (), "unknown", "the cluster has told nothing of it"),
        ("no manifest here", facts(images={}), (), (), "absent", ""),
        ("its folder cannot be read", facts(images={}, problem="a.yaml:1:1: no"), (), (), "unknown", "a.yaml:1:1: no"),
        ("a release without an outcome", facts(entry(1)), (), (), "rolling", ""),
        ("pods on their way", facts(entry(1), workloads=workload("progressing", "1 of 2")), (RUN,), (), "rolling", "1 of 2"),
        ("an old failure while the next rolls out", facts(entry(1), workloads=workload("failed", "old")), (RUN,), (), "rolling", ""),
        ("a failure that nobody works on", facts(entry(1), workloads=workload("failed", "old")), (OTHER,), (), "failed", "old"),
        ("a pod that dies long after", facts(entry(1, "live"), workloads=workload("failed", "OOMKilled: limit")), (), (), "failed", "OOMKilled: limit"),
        ("a failed release that was kept", facts(FAILED, entry(1, "live"), runs=2), (), (), "failed", "CrashLoopBackOff: it ends"),
        ("a failed release that was rolled back", facts(BACK, FAILED, entry(1, "live")), (), (), "rolled-back", "CrashLoopBackOff: it ends"),
        ("something newer after that", facts(entry(3, "live", minutes=20), BACK, FAILED, runs=3), (), (), "live", ""),
        ("a rollback by a person", facts(entry(1, "live", minutes=9, kind="rollback")), (), (), "live", ""),
        ("a plan that waits", facts(entry(1, "live")), (), (ASKED,), "waiting", "a plan waits for an approval"),
        ("a failure comes before a plan that waits", facts(FAILED, runs=2), (), (ASKED,), "failed", "CrashLoopBackOff: it ends"),
        ("paused", facts(entry(1, "applied"), workloads=workload("applied", "paused")), (), (), "held", "paused"),
    ],
)  # fmt: skip
def test_the_state_of_a_cell(
    label: str,
    here: EnvironmentFacts,
    runs: tuple[Run, ...],
    questions: tuple[Question, ...],
    state: str,
    cause: str,
) -> None:
    """What is wrong comes first, then what is under way, then what is well."""
    found = cell(here, "web", Holds(), runs=runs, questions=questions)
    assert (found.state, found.cause) == (state, cause)


@pytest.mark.parametrize(
    ("label", "there", "behind"),
    [
        ("the same image", facts(entry(1, "live")), 0),
        ("one newer", facts(entry(2, "live", minutes=5), entry(1, "live"), runs=2), 1),
        ("two newer", facts(entry(3, "live", minutes=9), entry(2, "live", minutes=5), entry(1, "live"), runs=3), 2),
        ("one of them failed", facts(entry(3, "live", minutes=9), entry(2, "failed", minutes=5), entry(1, "live"), runs=3), 1),
        ("what is newer there has failed", facts(entry(2, "failed", minutes=5), entry(1, "live"), runs=2), 0),
        ("released again after a rollback", facts(entry(2, "live", minutes=9), entry(1, "live", minutes=7, kind="rollback"), entry(2, "live", minutes=5), entry(1, "live"), runs=2), 1),
        ("rolled back to something newer", facts(entry(2, "live", minutes=9, kind="rollback"), entry(3, "live", minutes=7), entry(2, "live", minutes=5), entry(1, "live"), runs=2), 1),
        ("rolled back behind this one", facts(entry(0, "live", minutes=9, kind="rollback"), entry(1, "live", minutes=7), entry(0, "live"), runs=0), 0),
        ("another one, and nobody knows how many between", facts(runs=9), -1),
        ("it is not there", facts(images={}), 0),
    ],
)  # fmt: skip
def test_how_far_behind(label: str, there: EnvironmentFacts, behind: int) -> None:
    """Versions that were live in the environment before count, those since the one that is here."""
    before = replace(there, name="staging")
    found = cell(facts(entry(1, "live")), "web", Holds(), before)
    assert found.behind == behind
    assert ("behind" in found.flags) is bool(behind)


def test_what_lies_between_is_told_the_newest_first() -> None:
    there = facts(entry(3, "live", minutes=9), entry(2, "live", minutes=5), entry(1, "live"), runs=3)
    assert [it.what for it in between(facts(), there, "web")] == ["web 1.3.0", "web 1.2.0"]


def test_since_when_a_version_has_been_live() -> None:
    """A release of the same image again begins nothing anew; another image in between does."""
    again = facts(entry(1, "live", minutes=30), entry(1, "live", minutes=10), entry(2, "live"))
    assert cell(again, "web", Holds()).since == NOON + timedelta(minutes=11)
    back = facts(entry(1, "live", minutes=30), entry(2, "live", minutes=10), entry(1, "live"))
    assert cell(back, "web", Holds()).since == NOON + timedelta(minutes=31)


def test_marks_and_pods() -> None:
    holds = Holds(
        locks=(Lock("production", "", "bob", "", "audit"),),
        vetoes=(Veto("production", "web", "sha256:" + "a" * 64, "1.9.0", by="headway", why="it crashed"),),
    )
    found = cell(facts(entry(1, "live"), drifted=frozenset({"web"})), "web", holds)
    assert [(it.kind, it.why) for it in found.marks] == [
        ("lock", "by bob: audit"),
        ("veto", "by headway: it crashed"),
        ("drift", "the cluster is not as the repo says"),
    ]
    assert found.pods == "2/2"
    assert set(found.flags) == {"locked", "drift"}


@pytest.mark.parametrize(("by_choice", "word"), [(False, "1.9.0 vetoed"), (True, "1.9.0 held back")])
def test_what_a_person_s_choice_holds_back_is_no_veto(by_choice: bool, word: str) -> None:
    veto = Veto("production", "web", "sha256:" + "a" * 64, "1.9.0", by_choice=by_choice)
    found = cell(facts(entry(1, "live")), "web", Holds(vetoes=(veto,)))
    assert [it.word for it in found.marks] == [word]
