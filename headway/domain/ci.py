"""What a CI system's environment says of the job: the commit, who it is, which attempt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_SYSTEMS = (
    # name, a variable that it sets, the commit, the job, and the attempt where a job that runs again keeps its number
    ("github", "GITHUB_ACTIONS", "GITHUB_SHA", "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT"),
    ("gitlab", "GITLAB_CI", "CI_COMMIT_SHA", "CI_PIPELINE_ID", "CI_JOB_ID"),
    ("buildkite", "BUILDKITE", "BUILDKITE_COMMIT", "BUILDKITE_BUILD_NUMBER", "BUILDKITE_RETRY_COUNT"),
    ("circleci", "CIRCLECI", "CIRCLE_SHA1", "CIRCLE_BUILD_NUM", ""),
    # Jenkins sets its URL only where somebody has told it the URL.
    ("jenkins", "JENKINS_URL", "GIT_COMMIT", "BUILD_TAG", ""),
    ("jenkins", "JENKINS_HOME", "GIT_COMMIT", "BUILD_TAG", ""),
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

    @property
    def mark(self) -> tuple[str, ...]:
        """Tell it from every other job, and from itself when it is run again."""
        return self.system, self.number, self.attempt


def job_of(environment: Mapping[str, str]) -> Job:
    """Read the job from a CI system's variables."""
    for name, sign, commit, number, attempt in _SYSTEMS:
        if environment.get(sign):
            found = (environment.get(it, "") if it else "" for it in (commit, number, attempt))
            return Job(name, *found)
    return Job()
