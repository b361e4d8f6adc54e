"""What happens next to a release: the table "A run that dies" of docs/architecture.md, and every place to die."""

from __future__ import annotations

import copy
import itertools
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import pytest

from headway.domain.releases.next_step import Facts, Step, next_step

NEW = Facts(live="other")
FAILED = replace(NEW, recorded="failed")
SETTLED = Facts(recorded="live", live="this")
APPLIED = replace(NEW, touched=True)


@pytest.mark.parametrize(
    ("facts", "step"),
    [
        pytest.param(NEW, Step.APPLY, id="after the push: a commit without an outcome is applied"),
        pytest.param(APPLIED, Step.WATCH, id="and watched"),
        pytest.param(
            replace(NEW, touched=False),
            Step.WATCH,
            id="while watching: nothing differs, no outcome: watched again",
        ),
        pytest.param(
            FAILED, Step.APPLY, id="after failed was recorded: looked at again, the note alone is no verdict"
        ),
        pytest.param(replace(FAILED, touched=False), Step.WATCH, id="and watched, whatever the note says"),
        pytest.param(
            replace(FAILED, touched=False, state="failed"),
            Step.ROLL_BACK,
            id="it still fails: it is rolled back",
        ),
        pytest.param(replace(FAILED, touched=False, state="live"), Step.CONFIRM, id="it is live by now"),
        pytest.param(
            replace(APPLIED, verifies=True, state="live"), Step.VERIFY, id="while verifying: asked once more"
        ),
        pytest.param(
            Facts(live="this", touched=True, state="live", on_branch=True),
            Step.RECORD,
            id="after the rollback was pushed: applied, and both ends are recorded",
        ),
    ],
)
def test_a_run_that_dies(facts: Facts, step: Step) -> None:
    """What the next run finds decides what it does, and nothing that the dead one knew."""
    assert next_step(facts) is step


@pytest.mark.parametrize(
    ("facts", "step"),
    [
        pytest.param(replace(SETTLED, touched=False), Step.END, id="live, and nothing differs"),
        pytest.param(replace(SETTLED, touched=True), Step.WATCH, id="live, and drift was put right: watched"),
        pytest.param(replace(SETTLED, touched=True, state="failed"), Step.END, id="nothing better is known"),
        pytest.param(
            replace(SETTLED, touched=True, state="live", verifies=True), Step.END, id="verified before"
        ),
        pytest.param(replace(APPLIED, state="live"), Step.CONFIRM, id="live: does the branch still have it?"),
        pytest.param(
            replace(APPLIED, state="applied"), Step.CONFIRM, id="held back by the cluster: the same"
        ),
        pytest.param(
            replace(APPLIED, state="live", on_branch=False), Step.LOOK_AGAIN, id="the branch lost it"
        ),
        pytest.param(replace(APPLIED, state="live", on_branch=True), Step.RECORD, id="it has it"),
        pytest.param(replace(APPLIED, state="live", on_branch=True, written=True), Step.END, id="recorded"),
        pytest.param(
            replace(APPLIED, state="applied", verifies=True), Step.CONFIRM, id="what runs not is not asked"
        ),
        pytest.param(
            replace(APPLIED, state="live", verifies=True, verified=True), Step.CONFIRM, id="verified"
        ),
        pytest.param(replace(APPLIED, state="superseded"), Step.RECORD, id="it gives way to a newer one"),
        pytest.param(
            replace(APPLIED, state="superseded", written=True), Step.END, id="which goes on by itself"
        ),
        pytest.param(replace(APPLIED, state="failed"), Step.RECORD, id="first it is recorded"),
        pytest.param(replace(APPLIED, state="failed", written=True), Step.ROLL_BACK, id="then rolled back"),
        pytest.param(
            replace(APPLIED, state="failed", written=True, on_failure="keep"),
            Step.END,
            id="or kept for a person",
        ),
        pytest.param(
            Facts(live="nothing", touched=True, state="failed", written=True),
            Step.END,
            id="nothing to go back to",
        ),
        pytest.param(
            Facts(live="this", touched=True, state="failed", written=True),
            Step.END,
            id="a rollback that fails too",
        ),
        pytest.param(
            Facts(recorded="failed", on_failure="keep", live="other", touched=False, state="failed"),
            Step.END,
            id="kept, and known already",
        ),
        pytest.param(
            Facts(recorded="applied", live="other", touched=False, state="applied"),
            Step.END,
            id="still paused",
        ),
        pytest.param(
            Facts(recorded="applied", live="other", touched=False, state="live"),
            Step.CONFIRM,
            id="it runs by now",
        ),
        pytest.param(
            replace(APPLIED, state="failed", written=True, pushed=True),
            Step.LOOK_AGAIN,
            id="the rollback landed",
        ),
        pytest.param(
            replace(APPLIED, state="failed", written=True, pushed=False),
            Step.LOOK_AGAIN,
            id="something newer came",
        ),
    ],
)
def test_each_state(facts: Facts, step: Step) -> None:
    """What is known decides what is done."""
    assert next_step(facts) is step


class Killed(Exception):
    """The process ends here."""


@dataclass
class World:
    """Git and a cluster, as far as a release is concerned: commits by number, what is in each, what becomes of it.

    `truth` says how what is in a folder rolls out; what runs survives every process.
    """

    truth: dict[str, Literal["live", "applied", "failed"]]
    on_failure: Literal["rollback", "keep"]
    verifies: bool
    verification: bool
    folders: list[str]
    live: int | None
    runs: str
    notes: dict[int, list[str]] = field(default_factory=dict)
    reverts: dict[int, int] = field(default_factory=dict)

    def look(self) -> Facts:
        head = len(self.folders) - 1
        same = self.live is not None and self.folders[self.live] == self.folders[head]
        return Facts(
            recorded=self.notes.get(head, [""])[-1],
            live="nothing" if self.live is None else "this" if same else "other",
            on_failure=self.on_failure,
            verifies=self.verifies,
        )

    def do(self, step: Step, facts: Facts) -> Facts:
        head = len(self.folders) - 1
        wanted = self.folders[head]
        match step:
            case Step.APPLY:
                touched, self.runs = self.runs != wanted, wanted
                return replace(facts, touched=touched)
            case Step.WATCH:
                return replace(facts, state=self.truth[wanted])
            case Step.VERIFY:
                good = self.verification or wanted == "old"
                return replace(facts, verified=True, state="live" if good else "failed")
            case Step.CONFIRM:
                return replace(facts, on_branch=True)
            case Step.RECORD:
                assert facts.state is not None
                if facts.state in ("live", "applied") and head in self.reverts:
                    self._note(self.reverts[head], "rolled-back")
                self._note(head, facts.state)
                if facts.state == "live":
                    self.live = head
                return replace(facts, written=True)
            case Step.ROLL_BACK:
                assert self.live is not None
                self.folders.append(self.folders[self.live])
                self.reverts[head + 1] = head
                return replace(facts, pushed=True)
            case _:
                return self.look()

    def _note(self, commit: int, state: str) -> None:
        """Append to a commit's note, as the config repo does: the state that it ends in is not added again."""
        if self.notes.setdefault(commit, [])[-1:] != [state]:
            self.notes[commit].append(state)

    def run(self, dies: tuple[int, bool] | None = None) -> list[Step]:
        """Reconcile once; `dies` is the step at which the process is killed, before (False) or after it (True)."""
        facts, steps = self.look(), list[Step]()
        while (step := next_step(facts)) is not Step.END:
            if dies == (len(steps), False):
                raise Killed
            facts = self.do(step, facts)
            if dies == (len(steps), True):
                raise Killed
            steps.append(step)
            assert len(steps) < 20, "it comes to an end"
        return steps


def worlds() -> list[Any]:
    """Every kind of release: how it rolls out, whether it is verified, what was live before, what is done then."""
    kinds = itertools.product(
        ("live", "applied", "failed"),
        ("rollback", "keep"),
        (None, True, False),
        ("something", "nothing", "the same"),
    )
    return [
        pytest.param(
            truth, on_failure, verification, before, id=f"{truth}-{on_failure}-{verification}-{before}"
        )
        for truth, on_failure, verification, before in kinds
    ]


@pytest.mark.parametrize(("truth", "on_failure", "verification", "before"), worlds())
def test_dying_anywhere_changes_nothing(
    truth: Any, on_failure: Any, verification: bool | None, before: str
) -> None:
    """Killed before or after any of its steps, a release ends as it would have: the same commits, notes and cluster."""

    def world() -> World:
        new = "old" if before == "the same" else "new"
        folders, live = (["new"], None) if before == "nothing" else (["old", new], 0)
        notes = {} if before == "nothing" else {0: ["live"]}
        truths = {"old": "live", "new": truth}
        return World(
            truths, on_failure, verification is not None, bool(verification), folders, live, "old", notes
        )  # type: ignore[arg-type]

    undisturbed = world()
    steps = undisturbed.run()
    ended = copy.deepcopy(undisturbed)
    undisturbed.run()
    assert undisturbed == ended, "a further run changes nothing"
    for at, after in itertools.product(range(len(steps)), (False, True)):
        killed = world()
        with pytest.raises(Killed):
            killed.run(dies=(at, after))
        killed.run()
        assert killed == undisturbed, f"killed {'after' if after else 'before'} {steps[at]}"


@pytest.mark.parametrize(
    ("truth", "end"), [("live", ["live"]), ("failed", ["failed", "rolled-back"]), ("applied", ["applied"])]
)
def test_a_release_ends(truth: Any, end: list[str]) -> None:
    """Its note says how, and after a failure the folder and the cluster are as they were live."""
    world = World(
        {"old": "live", "new": truth}, "rollback", False, False, ["old", "new"], 0, "old", {0: ["live"]}
    )
    world.run()
    assert world.notes[1] == end
    assert world.runs == world.folders[-1] == ("old" if truth == "failed" else "new")
    assert world.live == {"live": 1, "failed": 2, "applied": 0}[truth]
