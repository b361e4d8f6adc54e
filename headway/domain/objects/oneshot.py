"""Objects that run once and may be gone afterwards: their absence is no drift.

A Job is removed by `ttlSecondsAfterFinished`, or by whoever cleans up. It has run when the
commit that is live has the same manifest; to make it again would run a migration again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headway.domain.objects.identity import ObjectId, split_api_version

RUN_ONCE = frozenset(
    {("batch", "Job"), ("argoproj.io", "Workflow"), ("tekton.dev", "PipelineRun"), ("tekton.dev", "TaskRun")}
)


def runs_once(item: Mapping[str, Any]) -> bool:
    """Return whether a manifest's object runs to an end: a Job or the like, or a Pod that is not restarted for ever."""
    group, _ = split_api_version(str(item.get("apiVersion", "")))
    if (group, item.get("kind")) == ("", "Pod"):
        return (item.get("spec") or {}).get("restartPolicy") in ("Never", "OnFailure")
    return (group, item.get("kind")) in RUN_ONCE


def removes_itself(item: Mapping[str, Any]) -> bool:
    """Return whether a manifest's Job is deleted by itself after it has finished."""
    return runs_once(item) and (item.get("spec") or {}).get("ttlSecondsAfterFinished") is not None


def already_run(
    wanted: Mapping[ObjectId, Mapping[str, Any]], live: Mapping[ObjectId, Mapping[str, Any]]
) -> frozenset[ObjectId]:
    """Return which of the wanted objects run once and stand unchanged in what was live."""
    return frozenset(key for key, item in wanted.items() if runs_once(item) and live.get(key) == item)
