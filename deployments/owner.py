"""Whose a deployment or an automation is: sync changes and removes what it made, and nobody else's.

A mark on each says that sync made it. What the server has under a name that is wanted, and without a mark,
is taken over where it is headway's flow: an older headway or `prefect deploy` made it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from headway.domain.runs.claims import APP_TAG, REPO_LABEL, Claim, apps_in, mismatch
from headway.domain.text.addresses import repo_address
from headway.errors import UsageError

TAG = "headway"
LABEL = "headway.deployment"
"""The label of a deployment that names it, so that a copy, which has another name, is not taken for it."""
MADE = "deployments/sync"
"""The tag of an automation that sync made."""
_ENTRYPOINTS = ("headway.flows.", "flows.")
"""What a flow of headway's is imported from: now, and in the past."""


@dataclass(frozen=True)
class Owner:
    """An application, what is put before the names of its deployments, and its config repo's URL; each may be empty."""

    app: str
    prefix: str
    repo: str = ""

    @property
    def tags(self) -> list[str]:
        """The application's own tag, which its deployments and their runs have."""
        return [f"{APP_TAG}{self.app}"] if self.app else []

    @property
    def beginning(self) -> str:
        """Return what its automations' names begin with."""
        return f"{TAG} {self.prefix}: " if self.prefix else f"{TAG}: "

    def label(self, full_name: str) -> dict[str, str]:
        """Mark a deployment with its name, and with its config repo where one is known."""
        flow, _, name = full_name.partition("/")
        repo = {REPO_LABEL: repo_address(self.repo)} if self.repo else {}
        return {LABEL: f"{flow}/{name.removeprefix(self.prefix)}", **repo}

    def named(self, found: dict[str, Any]) -> str:
        """Return the full name of a deployment that sync made for this application; of another, nothing."""
        flow, _, name = str((found["labels"] or {}).get(LABEL, "")).partition("/")
        made = bool(flow) and found["name"] == self.prefix + name and self._may_have(found["tags"])
        return f"{flow}/{found['name']}" if made else ""

    def made(self, automation: dict[str, Any]) -> bool:
        """Return whether sync made an automation for this application."""
        ours = automation["name"].startswith(self.beginning) and MADE in automation["tags"]
        return ours and self._may_have(automation["tags"])

    def take_over(self, full_name: str, found: dict[str, Any]) -> None:
        """Raise UsageError where what stands under a wanted name is somebody else's."""
        if not self._may_have(found["tags"]):
            other = ", ".join(apps_in(found["tags"]))
            mine = f"headway.yaml is that of {self.app}" if self.app else "HEADWAY_REPO is not set"
            raise UsageError(
                f"the deployment {full_name} is the application {other}'s, and {mine}",
                hint=f"set HEADWAY_DEPLOYMENTS to a prefix for each of the two"
                f"{'' if self.app else f', or HEADWAY_REPO to the config repo of {other}'}; "
                f"where {other} is no more, delete its deployments in the Prefect UI",
            )
        claim = Claim((self.app,) if self.app else (), repo_address(self.repo) if self.repo else "")
        if why := mismatch(claim, Claim.of(found)):
            raise UsageError(
                f"the deployment {full_name} is not this config repo's: {why}",
                hint="set HEADWAY_DEPLOYMENTS to a prefix for each of the two; where the repo has moved, delete its "
                "deployments in the Prefect UI and sync again",
            )
        ours = TAG in found["tags"] and str(found["entrypoint"]).startswith(_ENTRYPOINTS)
        if not ours and LABEL not in (found["labels"] or {}):
            raise UsageError(
                f"the server has a deployment {full_name} that is not headway's",
                hint="rename it, or set HEADWAY_DEPLOYMENTS to a prefix for headway's own",
            )

    def _may_have(self, tags: list[str]) -> bool:
        apps = apps_in(tags)
        return not apps or self.app in apps
