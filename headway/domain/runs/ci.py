"""What a CI system's environment says of the job: the commit, who it is, which attempt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_SYSTEMS = (
    # name, a variable that it sets, the commit, the job, the attempt where a job that runs again keeps its number,
    # and who started it
    ("github", "GITHUB_ACTIONS", "GITHUB_SHA", "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT",
     ("GITHUB_TRIGGERING_ACTOR", "GITHUB_ACTOR")),
    ("gitlab", "GITLAB_CI", "CI_COMMIT_SHA", "CI_PIPELINE_ID", "CI_JOB_ID", ("GITLAB_USER_LOGIN",)),
    ("buildkite", "BUILDKITE", "BUILDKITE_COMMIT", "BUILDKITE_BUILD_NUMBER", "BUILDKITE_RETRY_COUNT",
     ("BUILDKITE_BUILD_CREATOR_EMAIL", "BUILDKITE_BUILD_CREATOR")),
    ("circleci", "CIRCLECI", "CIRCLE_SHA1", "CIRCLE_BUILD_NUM", "", ("CIRCLE_USERNAME",)),
    # Jenkins sets its URL only where somebody has told it the URL.
    ("jenkins", "JENKINS_URL", "GIT_COMMIT", "BUILD_TAG", "", ("BUILD_USER_ID",)),
    ("jenkins", "JENKINS_HOME", "GIT_COMMIT", "BUILD_TAG", "", ("BUILD_USER_ID",)),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Job:
    """A CI job; all is empty outside of one."""

    system: str = ""
    commit: str = ""
    number: str = ""
    attempt: str = ""
    person: str = ""

    @property
    def actor(self) -> str:
        """Return its name for a commit, with who started it: `github 123 (ann)`."""
        return self.asked_by(self.person)

    def asked_by(self, person: str) -> str:
        """Return its name for a commit as somebody's; outside of any job, just the person."""
        job = f"{self.system} {self.number}".strip()
        return f"{job} ({person})" if job and person else job or person

    @property
    def mark(self) -> tuple[str, ...]:
        """Return what distinguishes it from every other job, and from itself when it is run again."""
        return self.system, self.number, self.attempt


def job_of(environment: Mapping[str, str]) -> Job:
    """Read the job from a CI system's variables."""
    for name, sign, commit, number, attempt, people in _SYSTEMS:
        if environment.get(sign):
            person = next((who for it in people if (who := environment.get(it))), "")
            found = {it: environment.get(it, "") for it in (commit, number, attempt)}
            return Job(name, found[commit], found[number], found[attempt] if attempt else "", person)
    return Job()
