"""The words that controllers use in `status.phase` and its relatives, and what they mean.

A word that is not listed says nothing: a guess would fail good releases, or call bad ones live.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from headway.domain.objects.conditions import value_at

PATHS = (
    ".status.phase", ".status.state", ".status.status", ".status.health", ".status.health.status",
    ".status.healthStatus", ".status.currentState", ".status.syncStatus", ".status.status.state",
    ".status.clusterState", ".status.resourceState", ".status.deploymentState", ".status.result",
    ".status.overallStatus", ".status.updateStatus", ".status.applicationState.state", ".status.lastOperation.state",
    ".status.connectorState",
)  # fmt: skip
"""Where controllers put one word for how an object is."""

READY = frozenset(
    (
        "healthy", "ready", "running", "active", "available", "succeeded", "success", "successful", "completed",
        "complete", "bound", "ok", "green", "created", "deployed", "accepted", "synced", "up", "deployedok",
        "established", "provisioned", "online", "normal", "finished", "passed", "warm", "atlatestknown",
        "installed", "idle", "stable", "initialized", "normalrunning", "applied", "done", "health_ok",
        "updated", "sealed", "connected", "operational", "exists",
    )
)  # fmt: skip
FAILED = frozenset(
    (
        "failed", "failure", "error", "errored", "degraded", "unhealthy", "rejected", "invalid", "red",
        "broken", "failing", "invalidspec", "crashed", "lost", "createfailed", "updatefailed", "deletefailed",
        "installfailed", "upgradefailed", "configerror", "inconsistent", "health_err", "applyfailed",
        "deployfailed", "aborted", "timedout", "unschedulable", "critical", "unrecoverable", "misconfigured",
        "warning", "submissionfailed", "syncfailed", "rolesmaxlimitreached", "partiallyfailed",
        "failedvalidation",
    )
)  # fmt: skip
PROGRESSING = frozenset(
    (
        "pending", "creating", "provisioning", "progressing", "updating", "waiting", "initializing",
        "upgrading", "starting", "reconciling", "new", "inprogress", "in-progress", "scaling", "restarting",
        "deploying", "installing", "migrating", "applyingchanges", "migratingdata", "queued", "terminating",
        "deleting", "bootstrapping", "unknown", "init", "scheduled", "scheduling", "pendingupload", "restoring",
        "recovering", "yellow", "configuring", "processing", "validating", "preparing", "stopping", "planning",
        "scalingup", "scalingdown", "expanding", "submitted", "pendingrerun", "succeeding", "invalidating", "launching",
        "rollingupgrade", "inconclusive", "notfound",
    )
)  # fmt: skip
HELD = frozenset(
    (
        "paused", "suspended", "suspend", "hibernated", "stopped", "halted", "shutdown", "disabled",
    )
)  # fmt: skip


def word_of(item: Mapping[str, Any]) -> tuple[str, str]:
    """Return what an object's status word means (`ready`, `failed`, `progressing`, `held`), and the word; or empty."""
    for path in PATHS:
        word = value_at(item, path)
        if not isinstance(word, str) or not word:
            continue
        plain = word.casefold().replace(" ", "").replace("_", "")
        for meaning, words in (
            ("failed", FAILED),
            ("held", HELD),
            ("progressing", PROGRESSING),
            ("ready", READY),
        ):
            if plain in words or word.casefold() in words:
                return meaning, word
        # Some put a sentence where others have a word; only its first word is worth something, and no good news.
        first = re.split(r"[\s,:]", word.casefold(), maxsplit=1)[0]
        if first != word.casefold() and first in FAILED | PROGRESSING:
            return ("failed" if first in FAILED else "progressing"), word
    return "", ""
