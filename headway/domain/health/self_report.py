"""What an object of any kind tells of itself: its one word, its conditions, its counts.

Most controllers keep to the conditions that kstatus reads (sigs.k8s.io/cli-utils), to a word in
`status.phase` or a relative of it, and to a few relatives of both. What says nothing certain is left
out: a guess would hold up good releases.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from headway.domain.health.status_words import word_of
from headway.domain.objects.conditions import value_at

Object = Mapping[str, Any]
State = Literal["ready", "progressing", "failed", "held", "applied"]
Found = tuple[State, str]
"""How an object is, and its own words for that. `applied`: it tells nothing of itself."""
UNSEEN: Found = ("progressing", "its controller has not seen the change yet")


def observed(item: Object) -> bool:
    """Return whether the controller has seen the newest spec, as far as it tells."""
    generation = _number((item.get("metadata") or {}).get("generation"))
    status = item.get("status")
    if generation is None or not isinstance(status, Mapping):
        return True
    for name in ("observedGeneration", "lastEvaluatedGeneration"):
        if (seen := _number(status.get(name))) is not None:
            return seen >= generation
    reported = [_number(it.get("observedGeneration")) for it in conditions(item).values()]
    return max((it for it in reported if it is not None), default=generation) >= generation


def reports_generation(item: Object) -> bool:
    """Return whether an object tells which generation it speaks of."""
    status = item.get("status")
    if isinstance(status, Mapping) and _number(status.get("observedGeneration")) is not None:
        return True
    return any(_number(it.get("observedGeneration")) is not None for it in conditions(item).values())


def held_by_spec(item: Object) -> Found | None:
    """Return whether its own spec holds an object back."""
    spec = item.get("spec")
    for name in ("suspend", "suspended", "paused"):
        if isinstance(spec, Mapping) and spec.get(name) is True:
            return "held", f"{name} is set"
    return None


def by_itself(item: Object) -> Found:
    """Assess an object by what it reports: held back, its one word, its conditions, its counts."""
    if held := held_by_spec(item):
        return held
    by_condition = by_conditions(item)
    if by_condition[0] == "held":
        return by_condition
    if said := _text_at(item, ".status.failureMessage", ".status.failureReason"):
        return "failed", said
    meaning, word = word_of(item)
    if meaning in ("failed", "held", "progressing"):
        reported = words_of(item)
        return meaning, reported if reported and reported != word else word  # type: ignore[return-value]
    if by_condition[0] != "applied":
        return by_condition
    if meaning != "ready" and (said := _text_at(item, *_ERRORS)):
        return "failed", said
    counted = by_counts(item)
    if meaning == "ready":
        return counted if counted and counted[0] == "progressing" else ("ready", "")
    return counted or _by_flag(item) or by_condition


_ERRORS = (
    ".status.error", ".status.error.message", ".status.errorMessage", ".status.errMsg", ".status.errorDescription",
)  # fmt: skip


def _text_at(item: Object, *paths: str) -> str:
    texts = (value_at(item, it) for it in paths)
    return next((" ".join(it.split()) for it in texts if isinstance(it, str) and it), "")


def _by_flag(item: Object) -> Found | None:
    for name in ("ready", "healthy", "readyToUse"):
        flag = value_at(item, f".status.{name}")
        if isinstance(flag, bool):
            return ("ready", "") if flag else ("progressing", words_of(item) or f"{name} is false")
    return None


_COUNTS = (
    ("readyReplicas", "replicas"), ("availableReplicas", "replicas"), ("ready", "size"),
    ("availableNodes", "expectedNodes"), ("currentHealthy", "expectedMachines"),
)  # fmt: skip


def by_counts(item: Object) -> Found | None:
    """Compare how many are ready with how many are wanted, where both are told; None where they are not."""
    status, spec = item.get("status"), item.get("spec")
    if not isinstance(status, Mapping):
        return None
    found: Found | None = None
    for have, want in _COUNTS:
        counts = [spec.get(want) if isinstance(spec, Mapping) else None, status.get(want)]
        wanted = max((it for it in counts if isinstance(it, int)), default=None)
        ready = status.get(have)
        if not isinstance(ready, int) or wanted is None:
            continue
        if ready < wanted:
            return "progressing", f"{ready} of {wanted} are ready"
        found = ("ready", "") if wanted else found
    return found


def by_conditions(item: Object) -> Found:
    """Assess by the conditions that kstatus knows: Stalled, Reconciling, Ready, and their relatives."""
    by_type = conditions(item)
    for name in _HELD:
        if _is(by_type, name, "True"):
            return "held", _said(by_type[name])
    if paused := [it for it in by_type.values() if str(it.get("reason")).casefold() == "reconcilepaused"]:
        return "held", _said(paused[0])
    for name in _BAD:
        if _is(by_type, name, "True"):
            return "failed", _said(by_type[name])
    reported = _all_conditions(item)
    good = [it for it in reported if str(it.get("type")) in _GOOD]
    if stale := [it for it in good if _is_stale(item, it)]:
        return "progressing", f"{_said(stale[0])} (of the version before)"
    for each in good:
        if _final(each):
            return "failed", _said(each)
    progressing = by_type.get("Progressing", {})
    if str(progressing.get("reason")) == "ProgressDeadlineExceeded":
        return "failed", _said(progressing)
    for name in ("Reconciling", "Progressing"):
        if _is(by_type, name, "True") and not _is(by_type, "Available", "True"):
            return "progressing", _said(by_type[name])
    for each in good:
        if str(each.get("status")) != "True":
            return "progressing", _said(each)
    return ("ready", "") if good else _by_relatives(reported)


def _by_relatives(reported: list[Mapping[str, Any]]) -> Found:
    """Assess by conditions whose names only end as those do that are known, where no known one is there."""
    for each in reported:
        name, true = str(each.get("type")), str(each.get("status")) == "True"
        if (true and _BAD_END.search(name)) or (_final(each) and not _BAD_END.search(name)):
            return "failed", _said(each)
    for each in reported:
        if str(each.get("status")) == "True" and (
            each.get("type") in _NOT_YET
            or (each.get("type") == "Running" and each.get("reason") == "Running")
        ):
            return "progressing", _said(each)
    good = [it for it in reported if _GOOD_END.search(str(it.get("type")))]
    return ("ready", "") if good and all(str(it.get("status")) == "True" for it in good) else ("applied", "")


_HELD = ("Paused", "Suspended", "Stopped")
_NOT_YET = frozenset({"NotReady", "Waiting", "In-progress", "InProgress", "Pending", "Creating", "Updating"})
_BAD = (
    "Stalled", "Failed", "Degraded", "ReconcileError", "Error", "ReleaseFailed", "Conflicted", "Failing", "Invalid",
    "HasErrors",
)  # fmt: skip
_BAD_END = re.compile(r"(Fail(ed|ure|ing)|Errors?|ErrorOccurred|Unhealthy|Degraded|Invalid|Orphan|Terminal)$")
_GOOD = frozenset(
    {
        "Ready", "Available", "Synced", "Accepted", "Established", "Succeeded", "Complete", "Healthy", "Programmed",
        "ResolvedRefs", "Reconciled", "ReconcileSuccess", "ClusterAvailable", "AllReplicasReady", "NamesAccepted",
        "Valid", "Installed", "Admitted", "ResourcesReady", "Successful", "Completed",
    }
)  # fmt: skip
_GOOD_END = re.compile(
    r"^(?!Not|Partial|No[A-Z]).*(Ready|ready|Available|Synchronized|Synced|Applied|Deployed|Healthy|Succeeded|Reconciled|Ok)$"
)
_FINAL_REASONS = (
    "error", "failed", "failure", "invalid", "denied", "unsupported", "degraded", "stalled", "notfound", "nomatching",
    "rejected", "unhealthy", "notaccepted", "refnotpermitted", "conflict", "unreachable", "novalid",
)  # fmt: skip


def _all_conditions(item: Object) -> list[Mapping[str, Any]]:
    """Return an object's conditions, and those about it from each parent, ancestor, listener and router.

    Of several parents those that speak of an older version count for nothing once another speaks of this one:
    one that has gone does not clear up.
    """
    found = list(conditions(item).values())
    status = item.get("status")
    for name in ("parents", "ancestors", "listeners", "ingress"):
        several = status.get(name) if isinstance(status, Mapping) else None
        each = (
            [list(conditions({"status": it}).values()) for it in several or ()]
            if isinstance(several, list)
            else []
        )
        fresh = (
            [those for those in each if not any(_is_stale(item, it) for it in those)]
            if name == "parents"
            else []
        )
        found += [it for those in fresh or each for it in those]
    return found


def _is_stale(item: Object, condition: Mapping[str, Any]) -> bool:
    generation = _number((item.get("metadata") or {}).get("generation"))
    seen = _number(condition.get("observedGeneration"))
    return generation is not None and seen is not None and seen < generation


def _final(condition: Mapping[str, Any]) -> bool:
    """Return whether a condition that is False names an error rather than a way that is not ended."""
    if str(condition.get("status")) != "False":
        return False
    reason, message = str(condition.get("reason") or ""), str(condition.get("message") or "")
    if condition.get("severity") == "Error" or message.startswith("Error:"):
        return True
    # Reasons such as NoErrors and NoFailures end in good; Err is how Go names what went wrong.
    if re.match(r"No([A-Z]\w*)?(Error|Fail)", reason):
        return False
    return bool(re.match(r"Err[A-Z]", reason)) or any(it in reason.casefold() for it in _FINAL_REASONS)


def conditions(item: Object) -> dict[str, Mapping[str, Any]]:
    """Return an object's conditions by type."""
    status = item.get("status")
    if isinstance(status, Mapping) and isinstance(status.get("conditionedStatus"), Mapping):
        status = status["conditionedStatus"]
    found = status.get("conditions") if isinstance(status, Mapping) else None
    listed = found if isinstance(found, list) else []
    return {str(it.get("type")): it for it in listed if isinstance(it, Mapping)}


def words_of(item: Object) -> str:
    """Return what an object says of itself: its message, its reason, or the conditions that are not fulfilled."""
    status = item.get("status")
    if not isinstance(status, Mapping):
        return ""
    for name in ("message", "errorMessage", "failureMessage", "reason", "phase", "state"):
        if isinstance(said := status.get(name), str) and said:
            return " ".join(said.split())
    return next((_said(it) for it in conditions(item).values() if str(it.get("status")) != "True"), "")


def map_at(item: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the map of that name; an empty one where there is none."""
    found = item.get(name)
    return found if isinstance(found, Mapping) else {}


def count_at(item: Mapping[str, Any], name: str, default: int = 0) -> int:
    """Return the number of that name."""
    found = item.get(name)
    return found if isinstance(found, int) else default


def _is(by_type: Mapping[str, Mapping[str, Any]], name: str, status: str) -> bool:
    return str((by_type.get(name) or {}).get("status")) == status


def _said(condition: Mapping[str, Any]) -> str:
    reason = str(condition.get("reason") or "")
    message = " ".join(str(condition.get("message") or "").split())
    return ": ".join(it for it in (reason, message) if it) or str(condition.get("type", ""))


def _number(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None
