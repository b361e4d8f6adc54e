"""Argo CD's Application: its sync, its health, and whether they are about its present source."""

from __future__ import annotations

from typing import Any

import pytest

from headway.domain.health.argo_application import application
from headway.domain.health.kinds import RULES

OLD, NEW = {"targetRevision": "1"}, {"targetRevision": "2"}
AUTOMATED = {"syncPolicy": {"automated": {"prune": True}}}
SYNCED = {"sync": {"status": "Synced", "comparedTo": {"source": NEW}}}
HEALTHY = {"health": {"status": "Healthy"}}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "synced and healthy": ({}, {**SYNCED, **HEALTHY}, "ready", ""),
    "health alone": ({}, HEALTHY, "ready", ""),
    "compared with the source before": (
        {}, {**HEALTHY, "sync": {"status": "Synced", "comparedTo": {"source": OLD}}}, "progressing", "not compared",
    ),
    "out of sync, automated": (
        AUTOMATED, {**HEALTHY, "sync": {"status": "OutOfSync", "comparedTo": {"source": NEW}}}, "progressing", "OutOfSync",
    ),
    "out of sync, and nobody syncs it": (
        {}, {**HEALTHY, "sync": {"status": "OutOfSync", "comparedTo": {"source": NEW}}}, "held", "somebody has to sync it",
    ),
    "its sync has failed": (
        AUTOMATED,
        {**HEALTHY, **SYNCED, "operationState": {"phase": "Failed", "message": "one or more\nobjects", "syncResult": {"source": NEW}}},
        "failed", "its sync has failed: one or more objects",
    ),
    "the sync of the source before had failed": (
        AUTOMATED,
        {**HEALTHY, "sync": {"status": "OutOfSync", "comparedTo": {"source": NEW}},
         "operationState": {"phase": "Failed", "message": "x", "syncResult": {"source": OLD}}},
        "progressing", "OutOfSync",
    ),
    "it is being synced": (
        AUTOMATED, {**HEALTHY, **SYNCED, "operationState": {"phase": "Running", "message": "waiting for hooks"}},
        "progressing", "waiting for hooks",
    ),
    "an error of its conditions": (
        AUTOMATED, {**HEALTHY, **SYNCED, "conditions": [{"type": "ComparisonError", "message": "no such chart"}]},
        "failed", "ComparisonError: no such chart",
    ),
    "a warning of its conditions": (
        AUTOMATED, {**HEALTHY, **SYNCED, "conditions": [{"type": "OrphanedResourceWarning", "message": "x"}]}, "ready", "",
    ),
    "degraded": ({}, {**SYNCED, "health": {"status": "Degraded", "message": "web: crash"}}, "failed", "Degraded: web: crash"),
    "on its way": ({}, {**SYNCED, "health": {"status": "Progressing"}}, "progressing", "Progressing"),
    "missing": ({}, {**SYNCED, "health": {"status": "Missing"}}, "progressing", "Missing"),
    "suspended": ({}, {**SYNCED, "health": {"status": "Suspended"}}, "held", "Suspended"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_an_application(case: str) -> None:
    spec, status, state, said = CASES[case]
    found = application({"spec": {"source": NEW, **spec}, "status": status})
    assert found is not None
    assert found[0] == state
    assert said in found[1]


def test_one_that_has_said_nothing_is_waited_for() -> None:
    item = {"metadata": {"name": "a"}, "spec": {"source": NEW}}
    assert application(item) is None
    assert RULES.find(item, "argoproj.io", "Application")[0] == "progressing"
