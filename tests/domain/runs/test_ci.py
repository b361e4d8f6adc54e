"""A CI job, and what makes two calls one run."""

from __future__ import annotations

from typing import Any

import pytest

from headway.domain.runs.ci import Job, job_of
from headway.domain.runs.keys import is_commit, key_of
from headway.requests import DeliverRequest

COMMIT = "c" * 40


@pytest.mark.parametrize(
    ("environment", "job"),
    [
        ({}, Job()),
        ({"BUILD_TAG": "v1", "GIT_COMMIT": "abc"}, Job()),
        (
            {"GITHUB_ACTIONS": "true", "GITHUB_SHA": "abc", "GITHUB_RUN_ID": "7", "GITHUB_RUN_ATTEMPT": "2"},
            Job("github", "abc", "7", "2"),
        ),
        (
            {"GITHUB_ACTIONS": "true", "GITHUB_SHA": "abc", "GITHUB_RUN_ID": "7", "GITHUB_ACTOR": "bob", "GITHUB_TRIGGERING_ACTOR": "ann"},
            Job("github", "abc", "7", "", "ann"),
        ),
        ({"GITLAB_CI": "true", "GITLAB_USER_LOGIN": "ann"}, Job("gitlab", person="ann")),
        ({"GITLAB_CI": "true", "CI_COMMIT_SHA": "abc", "CI_PIPELINE_ID": "8"}, Job("gitlab", "abc", "8")),
        ({"JENKINS_URL": "http://x", "GIT_COMMIT": "abc", "BUILD_TAG": "job-9"}, Job("jenkins", "abc", "job-9")),
        ({"JENKINS_HOME": "/x", "GIT_COMMIT": "abc", "BUILD_TAG": "job-9"}, Job("jenkins", "abc", "job-9")),
        ({"CIRCLECI": "true", "CIRCLE_SHA1": "abc", "CIRCLE_BUILD_NUM": "10"}, Job("circleci", "abc", "10")),
    ],
)  # fmt: skip
def test_the_job_is_read_from_the_ci_system(environment: dict[str, str], job: Job) -> None:
    """Which commit, which job, which attempt."""
    assert job_of(environment) == job


@pytest.mark.parametrize(
    ("sign", "changes"),
    [
        ("GITHUB_ACTIONS", ["GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT"]),
        ("GITLAB_CI", ["CI_PIPELINE_ID", "CI_JOB_ID"]),
        ("JENKINS_URL", ["BUILD_TAG"]),
        ("BUILDKITE", ["BUILDKITE_BUILD_NUMBER", "BUILDKITE_RETRY_COUNT"]),
        ("CIRCLECI", ["CIRCLE_BUILD_NUM"]),
    ],
)
def test_a_job_that_is_run_again_is_another_one(sign: str, changes: list[str]) -> None:
    """In every CI system, by whatever it counts up then; the same job stays the same."""
    first = {sign: "true"} | dict.fromkeys(changes, "1")
    marks = {job_of(first).mark, *(job_of(first | {name: "2"}).mark for name in changes)}
    assert len(marks) == 1 + len(changes)
    assert job_of(first).mark == job_of(dict(first)).mark


def key(who: tuple[str, ...] = ("a", "b"), **fields: Any) -> str:
    """Return the key of a delivery."""
    asked = DeliverRequest(**{"environment": "staging", "services": ["a", "b"], "ref": COMMIT} | fields)
    return key_of("deliver", asked.model_dump(mode="json"), who)


def test_the_same_request_has_the_same_key() -> None:
    """However it is written, whoever sends it and why; and a server takes it."""
    same = {key(), key(services=["b", "a"]), key(actor="github 7"), key(reason="again")}
    assert len(same) == 1
    assert len(key()) < 200


def test_whatever_would_do_something_else_has_another_key() -> None:
    """Another commit, service, place or caller; and a dry run never stands for the real one, nor one by force."""
    others = [
        key(environment="production"),
        key(services=["a"]),
        key(ref="d" * 40),
        key(dry_run=True),
        key(force=True),
        key(release_id="x"),
        key(("ab", "")),
        key(("a", "b", "")),
        key_of("build-images", {"ref": COMMIT}, ("a", "b")),
    ]
    assert len({key(), *others}) == 1 + len(others)


@pytest.mark.parametrize(
    ("ref", "whole"),
    [
        (COMMIT, True),
        ("A" * 40, True),
        ("e" * 64, True),
        ("main", False),
        ("c" * 12, False),
        ("x" * 40, False),
        ("", False),
        (COMMIT + "\n", False),
    ],
)
def test_only_a_whole_commit_means_the_same_for_ever(ref: str, whole: bool) -> None:
    """A branch, a tag or the beginning of a commit may mean another one tomorrow."""
    assert is_commit(ref) is whole
