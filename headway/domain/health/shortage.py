"""What a cluster lacks for the moment, read from the words of its controllers, scheduler and autoscalers.

A full quota, a node that is being made or a volume that is still attached elsewhere say
nothing about an image. Such a sign never fails a rollout before its time is up, unless the
cluster itself says that waiting cannot help.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from headway.domain.health.cause import Cause
from headway.domain.health.verdict import NEVER, Signal

CREATE_GRACE = 5.0
LACK_GRACE = 30.0
"""Seconds after which something that is named and not there (a Secret, a service account) is not coming."""

_QUOTA = re.compile(r"exceeded quota: [^,]+, requested: (?P<asked>.*?), used: .*?, limited: (?P<limit>[^;]*)")
_WHOSE = re.compile(r'^(?:pods|Pod) "[^"]*" is forbidden: ')
_REFUSED = re.compile(
    r"denied the request|denied request|violates PodSecurity|ValidatingAdmissionPolicy|is invalid|usage per"
    r"|must specify",
    re.I,
)
_ABSENT = re.compile(r"service account|serviceaccount|PriorityClass", re.I)
_CONFIG = re.compile(r"(configmap|secret)\b.*(not found|not registered)|references non-existent .* key", re.I)
_UNITS = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1),
    "k": Decimal("1e3"), "M": Decimal("1e6"), "G": Decimal("1e9"), "T": Decimal("1e12"),
    "P": Decimal("1e15"), "E": Decimal("1e18"),
    "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40),
    "Pi": Decimal(2**50), "Ei": Decimal(2**60),
}  # fmt: skip
_QUANTITY = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([numkMGTPE]?i?)")
_VOLUME = frozenset({"FailedMount", "FailedAttachVolume", "VolumeResizeFailed"})
_HELPED = {
    "TriggeredScaleUp": "a node is being added",
    "Nominated": "a node is being added",
    "Preempted": "room is made for it",
}
_NOT_HELPED = {"NotTriggerScaleUp": "the autoscaler adds no node", "FailedScaleUp": "no node could be added"}


def failed_create(said: str, pods: int) -> Signal:
    """Weigh a controller's word that it cannot create pods; `pods` are there already.

    A pod more is progress, and restarts the clock.
    """
    text = _WHOSE.sub("", said)

    def signal(grace: float, blames: bool, more: str = "") -> Signal:
        cause = Cause("FailedCreate", f"pods cannot be created: {text}{more}", blames=blames)
        return Signal(cause, grace, f"create {pods}")

    if over := never_fits(said):
        return signal(CREATE_GRACE, False, f" (one pod asks for more {over} than the quota allows at all)")
    if "exceeded quota" in said or "being terminated" in said:
        return signal(NEVER, False)
    if "failed calling webhook" in said or "failed to call webhook" in said:
        return signal(NEVER, False)
    if _REFUSED.search(said):
        return signal(CREATE_GRACE, True)
    if _ABSENT.search(said):
        return signal(LACK_GRACE, False)
    return signal(NEVER, False)


def never_fits(said: str) -> str:
    """Return the resource of which one pod asks for more than a quota allows; empty where waiting may help."""
    for found in _QUOTA.finditer(said):
        limits = _amounts(found["limit"])
        for name, asked in _amounts(found["asked"]).items():
            if name in limits and asked > limits[name]:
                return name
    return ""


def not_started(reason: str, said: str) -> Signal | None:
    """Weigh a warning about a pod whose containers were not started yet; None for other warnings."""
    if reason in _VOLUME and _CONFIG.search(said):
        cause = Cause("CreateContainerConfigError", f"a volume cannot be mounted: {said}", blames=False)
        return Signal(cause, NEVER)
    if reason in _VOLUME:
        return Signal(Cause("VolumeNotReady", f"a volume is not there yet: {said}", blames=False), NEVER)
    if reason == "FailedCreatePodSandBox":
        return Signal(Cause("NodeNotReady", f"the node cannot start the pod: {said}", blames=False), NEVER)
    return None


def absent_config(said: str) -> bool:
    """Return whether a container waits for a ConfigMap, a Secret or a key of one that is not there."""
    return bool(re.search(r"not found|couldn't find key|non-existent", said, re.I))


def help_on_its_way(events: Iterable[Mapping[str, Any]]) -> str:
    """Return what an autoscaler has last said about a pod that no node takes; `events` have the oldest first."""
    said = ""
    for event in events:
        reason, message = str(event.get("reason", "")), " ".join(str(event.get("message", "")).split())
        for words in (_HELPED, _NOT_HELPED):
            if reason in words:
                said = f"{words[reason]}: {message}" if message else words[reason]
    return said


def _amounts(text: str) -> dict[str, Decimal]:
    found = {}
    for part in text.split(","):
        name, _, value = part.strip().partition("=")
        amount = _quantity(value.strip())
        if name and amount is not None:
            found[name] = amount
    return found


def _quantity(text: str) -> Decimal | None:
    found = _QUANTITY.fullmatch(text)
    if not found or found[2] not in _UNITS:
        return None
    try:
        return Decimal(found[1]) * _UNITS[found[2]]
    except InvalidOperation:
        return None
