"""What runs once: gone is done, as long as its manifest is the one that is live."""

from __future__ import annotations

from typing import Any

import pytest

from headway.domain.objects.identity import ObjectId
from headway.domain.objects.oneshot import already_run, removes_itself, runs_once


@pytest.mark.parametrize(
    ("item", "once"),
    [
        ({"apiVersion": "batch/v1", "kind": "Job"}, True),
        ({"apiVersion": "batch/v1", "kind": "CronJob"}, False),
        ({"apiVersion": "apps/v1", "kind": "Deployment"}, False),
        ({"apiVersion": "v1", "kind": "Pod", "spec": {"restartPolicy": "Never"}}, True),
        ({"apiVersion": "v1", "kind": "Pod", "spec": {"restartPolicy": "OnFailure"}}, True),
        ({"apiVersion": "v1", "kind": "Pod", "spec": {"restartPolicy": "Always"}}, False),
        ({"apiVersion": "v1", "kind": "Pod"}, False),
        ({"apiVersion": "tekton.dev/v1", "kind": "PipelineRun"}, True),
        ({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow"}, True),
        ({"apiVersion": "example.com/v1", "kind": "Job"}, False),
    ],
)
def test_what_runs_to_an_end_is_told_from_what_stays(item: dict[str, Any], once: bool) -> None:
    """A Pod that is always restarted was lost when it is gone; a Job was finished."""
    assert runs_once(item) is once


def test_a_job_has_run_when_the_live_commit_has_the_same_manifest() -> None:
    """A changed one runs; so does one that was never live."""
    same, changed, new, web = (
        ObjectId("batch", "Job", "a", name) for name in ("same", "changed", "new", "web")
    )
    job: dict[str, Any] = {"apiVersion": "batch/v1", "kind": "Job", "spec": {"x": 1}}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment"}
    wanted = {same: job, changed: {**job, "spec": {"x": 2}}, new: job, web: deployment}
    assert already_run(wanted, {same: dict(job), changed: job, web: deployment}) == {same}


def test_a_job_with_a_time_to_live_may_be_gone() -> None:
    """Zero seconds is a time to live too."""
    job: dict[str, Any] = {"apiVersion": "batch/v1", "kind": "Job"}
    assert not removes_itself(job)
    assert removes_itself({**job, "spec": {"ttlSecondsAfterFinished": 0}})
