"""What a CI system's environment says of the job: the commit, who it is, which attempt."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

_SYSTEMS = (
    # name, a variable that it sets, the commit, the job, the attempt
    ("github", "GITHUB_ACTIONS", "GITHUB_SHA", "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT"),
    ("gitlab", "GITLAB_CI", "CI_COMMIT_SHA", "CI_PIPELINE_ID", "CI_JOB_ID"),
    ("jenkins", "JENKINS_URL", "GIT_COMMIT", "BUILD_TAG", ""),
    ("buildkite", "BUILDKITE", "BUILDKITE_COMMIT", "BUILDKITE_BUILD_NUMBER", "BUILDKITE_RETRY_COUNT"),
    ("circleci", "CIRCLECI", "CIRCLE_SHA1", "CIRCLE_BUILD_NUM", ""),
)


@dataclass(frozen=True, slots=True)
class Job:
    """A CI job; all is empty outside of one."""

    system: str = ""
    commit: str = ""
    number: str = ""
    attempt: str = ""

    @property
    def actor(self) -> str:
        """Name it in a commit, such as `github 123`."""
        return f"{self.system} {self.number}".strip()


def job_of(environment: Mapping[str, str]) -> Job:
    """Read the job from a CI system's variables."""
    for name, mark, commit, number, attempt in _SYSTEMS:
        if environment.get(mark):
            found = (environment.get(it, "") if it else "" for it in (commit, number, attempt))
            return Job(name, *found)
    return Job()


def delivery_key(flow: str, environment: str, services: list[str], commit: str, attempt: str) -> str:
    """Give a delivery's idempotency key: the same job may call as often as it likes; a job that is run again is new."""
    facts = "\n".join([flow, environment, ",".join(sorted(services)), commit, attempt])
    return f"{flow}-{commit[:12]}-{hashlib.sha256(facts.encode()).hexdigest()[:16]}"
