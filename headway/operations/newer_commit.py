"""Whether somebody has changed an environment again while this run still works on it."""

from __future__ import annotations

import contextlib
import time

from headway.errors import TransientError
from headway.operations.connections import Connections
from headway.operations.deployment_lock import Held
from headway.operations.desired import Desired

LOOK_FOR_NEWER = 5.0
"""For so many seconds a rollout goes by what the branch was when it last looked."""


class NewerCommit:
    """A question that is true once the environment's folder has changed again on the branch.

    It raises where the environment is no longer this run's to change.
    """

    def __init__(self, connections: Connections, desired: Desired, held: Held) -> None:
        self._connections, self._desired, self._held = connections, desired, held
        self._looked = time.monotonic()

    def __call__(self) -> bool:
        repo, desired = self._connections.repo, self._desired
        # Who cannot ask writes nothing either; whether the cluster is seen, the rollout finds out by itself.
        with contextlib.suppress(TransientError):
            self._held()
        if time.monotonic() - self._looked > LOOK_FOR_NEWER:
            self._looked = time.monotonic()
            with contextlib.suppress(TransientError):
                repo.fetch()
        head = repo.head
        return head != desired.commit and repo.state(head, desired.place) != desired.state
