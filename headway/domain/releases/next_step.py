"""What happens next to a release: from what is known of it to one step, and nothing else.

It is asked again after every step, and by every run that comes after one that died. What a step did is
seen in Git and in the cluster, so a run that knows nothing of the one before it is given the same steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

State = Literal["live", "applied", "failed", "superseded"]
"""How a rollout ended. `applied`: the cluster holds the objects back, and no pod runs them."""


class Step(StrEnum):
    """What can be done next."""

    APPLY = "apply"
    """Make the cluster's objects equal to the manifests."""
    WATCH = "watch"
    """Follow the rollout to its end."""
    VERIFY = "verify"
    """Ask what must be true after a rollout."""
    CONFIRM = "confirm"
    """See that the branch still has the commit."""
    RECORD = "record"
    """Notify people of the outcome, and record it."""
    ROLL_BACK = "roll back"
    """Push a commit that restores what was live, and veto what failed."""
    LOOK_AGAIN = "look again"
    """Restart with the branch's newest commit."""
    END = "end"
    """Nothing is left to do."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an environment and of the last commit that changes it.

    `recorded` is the last outcome in the commit's note, empty where there is none. `live` says what is in
    the folder of the commit that was live last: `this`, the same files; `other` files; `nothing`, where no
    commit was live or it cannot be read. The rest is what this run has done: `touched`, whether applying
    changed anything (None: not applied yet); `state`, how it ended as far as is known (None: not yet);
    `verified`, whether the verification was asked; `on_branch`, whether the branch has the commit
    (None: not looked at); `written`, whether the outcome is recorded; `pushed`, whether the commit that
    rolls it back landed (None: not tried; False: something newer came first).
    """

    recorded: str = ""
    live: Literal["this", "other", "nothing"] = "nothing"
    on_failure: Literal["rollback", "keep"] = "rollback"
    verifies: bool = False
    touched: bool | None = None
    state: State | None = None
    verified: bool = False
    on_branch: bool | None = None
    written: bool = False
    pushed: bool | None = None

    @property
    def settled(self) -> bool:
        """Return whether this very state was live before: then nothing new is recorded, and nothing better is known."""
        return self.recorded == "live" and self.live == "this"

    @property
    def known(self) -> bool:
        """Return whether everybody knows already that it ended like this."""
        return self.state in ("failed", "applied") and self.state == self.recorded

    @property
    def rolls_back(self) -> bool:
        """Return whether this is rolled back to what was live if it fails."""
        return self.on_failure == "rollback" and self.live == "other"


def next_step(facts: Facts) -> Step:
    """Return what is done next.

    A failure that is in the note only is no reason to roll back: who may write notes need not be one who may
    push the branch. So what is recorded as failed is applied and watched once more first.
    """
    if facts.pushed is not None or facts.on_branch is False:
        return Step.LOOK_AGAIN
    if facts.state is None:
        if facts.touched is None:
            return Step.APPLY
        return Step.WATCH if facts.touched or not facts.settled else Step.END
    if facts.settled:
        return Step.END
    if facts.state == "live" and facts.verifies and not facts.verified:
        return Step.VERIFY
    if not (facts.known or facts.written):
        unsure = facts.state in ("live", "applied") and facts.on_branch is None
        return Step.CONFIRM if unsure else Step.RECORD
    if facts.state == "failed" and facts.rolls_back:
        return Step.ROLL_BACK
    return Step.END
