"""What a verification asks and what came: whether it can be asked, the Job to run, how answers are read. Pure."""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headway.domain.config.model import Verify, is_url
from headway.domain.health.cause import Cause
from headway.domain.manifests.index import index_file
from headway.errors import ConfigError, UsageError

VERIFIES = "headway.dev/verifies"
BASE = "headway.dev/verify-job"
NAME_LENGTH = 63


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that had to be true: `http`, `job` or `promql`, in one line; a failed Job's last lines."""

    kind: str
    ok: bool
    said: str
    logs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verification:
    """Everything that was checked; `superseded` says that something newer came before it ended."""

    checks: tuple[Check, ...]
    seconds: float
    superseded: bool = False

    @property
    def ok(self) -> bool:
        """Return whether all of it was true."""
        return not self.superseded and all(it.ok for it in self.checks)

    @property
    def cause(self) -> Cause:
        """Return what was not true, in one line."""
        return Cause(text="; ".join(it.said for it in self.checks if not it.ok))


@dataclass(frozen=True, slots=True)
class Unaskable:
    """A key of `verify` that nobody could answer: why, and what to do."""

    key: str
    why: str
    hint: str


def unaskable(rule: Verify, job: bytes | None, prometheus: str) -> Unaskable | None:
    """Return what a rule names and cannot be asked; None where all of it can.

    `job` is the content of the manifest that the rule names, `prometheus` the URL that is set.
    """
    if rule.promql and not is_url(prometheus):
        said = "HEADWAY_PROMETHEUS is not a URL" if prometheus else "promql needs a Prometheus"
        return Unaskable("promql", said, "set HEADWAY_PROMETHEUS to its URL, where releases are run")
    if rule.job and job is None:
        return Unaskable(
            "job", f"{rule.job} is not a file of the config repo", "put the Job's manifest there"
        )
    if rule.job and job is not None:
        try:
            job_for(job, rule.job, "", "", "")
        except UsageError as error:
            return Unaskable("job", error.message, error.hint or "correct the Job's manifest")
    return None


def job_for(data: bytes, path: str, namespace: str, environment: str, key: str) -> dict[str, Any]:
    """Make the Job to run from its manifest, under a name that is the same for the same `key`.

    Raises ConfigError where the manifest does not parse, UsageError where it is not one Job.
    """
    index = index_file(data)
    if index.problems:
        raise ConfigError(index.at(path).problems)
    objects = [it.object for it in index.manifests]
    if len(objects) != 1 or (objects[0].get("apiVersion"), objects[0].get("kind")) != ("batch/v1", "Job"):
        raise UsageError(f"{path}: one Job of batch/v1 is expected", hint="put nothing else into that file")
    job: dict[str, Any] = copy.deepcopy(dict(objects[0]))
    meta = job.setdefault("metadata", {})
    base = str(meta.pop("name", "") or meta.pop("generateName", "") or "verify").rstrip("-")
    suffix = "-" + hashlib.sha256(f"{environment} {key}".encode()).hexdigest()[:10]
    base = base[: NAME_LENGTH - len(suffix)].rstrip("-")
    meta.pop("generateName", None)
    meta["name"] = base + suffix
    meta["namespace"] = namespace
    # Labels of its own, not the environment's: what reconcile prunes and compares, this is no part of.
    labels = {VERIFIES: environment, BASE: base}
    meta["labels"] = {**(meta.get("labels") or {}), **labels}
    job.pop("status", None)
    return job


def promql_verdict(body: Any) -> tuple[bool, str]:
    """Read Prometheus's answer to an instant query: passed, and what came.

    It passes with at least one sample and none that is 0 or NaN (HTTP API, "Expression query result formats").
    """
    data = body.get("data") if isinstance(body, Mapping) else None
    if not isinstance(data, Mapping):
        return False, "an answer that is not Prometheus's"
    kind = data.get("resultType")
    result: Any = data.get("result")
    try:
        if kind == "vector":
            values = [float(it["value"][1]) for it in result]
        elif kind == "matrix":
            values = [float(it["values"][-1][1]) for it in result if it["values"]]
        elif kind == "scalar":
            values = [float(result[1])]
        else:
            return False, f"a result of the kind {kind}, which cannot be true or false"
    except (TypeError, ValueError, LookupError, KeyError):
        return False, "an answer that cannot be read"
    if not values:
        return False, "no samples"
    wrong = [it for it in values if it == 0 or math.isnan(it)]
    shown = ", ".join(f"{it:g}" for it in values[:5]) + ("…" if len(values) > 5 else "")
    return not wrong, shown
