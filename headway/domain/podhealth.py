"""What is wrong with one pod: reasons and messages of the kubelet and the scheduler, read for certainty."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from headway.domain.health import NEVER, Signal
from headway.domain.planned import containers_of, digest_of

NETWORK_GRACE = 30.0
UNSCHEDULABLE_GRACE = 15.0
CONFIG_GRACE = 3.0
START_GRACE = 5.0
CRASHES = 2
"""Restarts after which a crash is no accident."""

_PULL = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "RegistryUnavailable",
        "ImageInspectError",
        "SignatureValidationFailed",
    }
)
_FINAL = re.compile(
    r"not found|manifest unknown|unauthorized|authorization failed|authentication required|access denied|denied"
    r"|forbidden|does not exist|invalid reference|name unknown|no match for platform|unsupported media type",
    re.I,
)
_PASSING = re.compile(
    r"no such host|timeout|timed out|connection refused|connection reset|TLS|EOF|429|50[0234]", re.I
)
_RPC = re.compile(r"rpc error: code = \w+ desc = ")
_WRONG_COMMAND = re.compile(r"executable file not found|no such file or directory|permission denied", re.I)


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Say whether the pod's Ready condition is true."""
    return _condition(pod, "Ready").get("status") == "True"


def is_leaving(pod: Mapping[str, Any]) -> bool:
    """Say whether the pod is being deleted."""
    return bool((pod.get("metadata") or {}).get("deletionTimestamp"))


def pod_signals(pod: Mapping[str, Any]) -> list[Signal]:
    """List the signs of trouble of one pod; none for a pod that is ready or done."""
    status = pod.get("status") or {}
    name = pod["metadata"]["name"]
    if status.get("phase") == "Succeeded" or is_ready(pod):
        return []
    found = [signal for each in _statuses(status) for signal in _container(name, each, pod)]
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable":
        message = f"no node takes the pod: {scheduled.get('message', '')}"
        found.append(Signal("Unschedulable", message, UNSCHEDULABLE_GRACE, name))
    if status.get("phase") == "Failed":
        why = status.get("message") or status.get("reason") or "a container ended with an error"
        found.append(Signal("PodFailed", str(why), NEVER, name))
    return found


def wrong_digests(pod: Mapping[str, Any], planned: Mapping[str, str]) -> list[tuple[str, str]]:
    """List the containers that do not run their planned digest, each with the image that it reports.

    A runtime that knows one image under two digests (an index and its manifest, or two
    registries) may report the other one; what counts then is that the pod asks for the
    planned digest, which the runtime checks by content.
    """
    asked = {each.get("name"): str(each.get("image", "")) for each in containers_of(pod.get("spec") or {})}
    seen = {each["name"]: str(each.get("imageID") or "") for each in _statuses(pod.get("status") or {})}
    wrong = []
    for container, digest in planned.items():
        reported = seen.get(container, "")
        if reported.endswith(digest) or (reported and digest_of(asked.get(container, "")) == digest):
            continue
        wrong.append((container, reported or "nothing yet"))
    return wrong


def _container(pod: str, status: Mapping[str, Any], whole: Mapping[str, Any]) -> Iterator[Signal]:
    name = status["name"]
    state = status.get("state") or {}
    waiting, terminated = state.get("waiting") or {}, state.get("terminated") or {}
    reason, said = waiting.get("reason", ""), _one_line(waiting.get("message", ""))
    restarts = int(status.get("restartCount") or 0)
    last = terminated or (status.get("lastState") or {}).get("terminated") or {}
    if reason in ("InvalidImageName", "ErrImageNeverPull"):
        yield Signal(reason, f"{status.get('image', '')}: {said}", 0, pod, name)
    elif reason in _PULL:
        yield _pull(pod, name, status.get("image", ""), said)
    elif reason == "CreateContainerConfigError":
        yield Signal(reason, f"container {name} cannot be configured: {said}", CONFIG_GRACE, pod, name)
    elif reason == "CreateContainerError":
        yield Signal(reason, f"container {name} cannot be created: {said}", START_GRACE, pod, name)
    elif reason in ("RunContainerError", "StartError") or last.get("reason") == "StartError":
        why = _one_line(last.get("message", "")) or said
        grace = 0.0 if _WRONG_COMMAND.search(why) else START_GRACE
        yield Signal("RunContainerError", f"container {name} cannot be started: {why}", grace, pod, name)
    elif restarts and (reason == "CrashLoopBackOff" or terminated):
        yield _crash(pod, name, restarts, last, whole)
    elif terminated and int(terminated.get("exitCode") or 0):
        yield Signal("CrashLoopBackOff", f"container {name} {_ended(terminated)}", NEVER, pod, name)
    elif "running" in state and not status.get("ready"):
        message = f"container {name} runs but is not ready"
        if restarts:
            message += f" ({restarts} restarts; it {_ended(last)} before)"
        yield Signal("NotReady", message, NEVER, pod, name)


def _pull(pod: str, container: str, image: str, said: str) -> Signal:
    final = bool(_FINAL.search(said)) and not _PASSING.search(said.split(image)[-1] if image else said)
    message = f"{image} cannot be pulled: {said}" if said else f"{image} cannot be pulled"
    return Signal("ErrImagePull", message, 0 if final else NETWORK_GRACE, pod, container, f"pull {container}")


def _crash(
    pod: str, container: str, restarts: int, last: Mapping[str, Any], whole: Mapping[str, Any]
) -> Signal:
    killed = last.get("reason") == "OOMKilled"
    what = f"container {container} {_ended(last)}, {restarts + 1} times so far"
    if killed and (limit := _memory_limit(whole, container)):
        what += f"; its memory limit is {limit}"
    grace = 0.0 if restarts >= CRASHES else NEVER
    return Signal(
        "OOMKilled" if killed else "CrashLoopBackOff", what, grace, pod, container, f"crash {container}"
    )


def _ended(terminated: Mapping[str, Any]) -> str:
    if terminated.get("reason") == "OOMKilled":
        return "was killed for using too much memory"
    if signal := terminated.get("signal"):
        return f"was ended by signal {signal}"
    said = _one_line(terminated.get("message", ""))
    return f"exited with code {terminated.get('exitCode', '?')}" + (f" ({said})" if said else "")


def _memory_limit(pod: Mapping[str, Any], container: str) -> str:
    for each in containers_of(pod.get("spec") or {}):
        if each.get("name") == container:
            return str(((each.get("resources") or {}).get("limits") or {}).get("memory", ""))
    return ""


def _statuses(status: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]


def _condition(item: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    for each in (item.get("status") or {}).get("conditions") or ():
        if each.get("type") == kind:
            found: Mapping[str, Any] = each
            return found
    return {}


def _one_line(text: str) -> str:
    return " ".join(_RPC.sub("", text).split())[:600]
