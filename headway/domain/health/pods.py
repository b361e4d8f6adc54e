"""What is wrong with one pod: reasons and messages of the kubelet and the scheduler, read for certainty.

Each sign says how long it must last to be certain, and whether it speaks of the image and its
configuration or of what the cluster lacks. docs/operations.md has the table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from headway.domain.health.cause import Cause
from headway.domain.health.shortage import LACK_GRACE, absent_config
from headway.domain.health.verdict import NEVER, Signal
from headway.domain.manifests.expected import containers_of, digest_of

ACCESS_GRACE = 30.0
CONFIG_GRACE = 3.0
START_GRACE = 30.0
CRASHES, INIT_CRASHES = 2, 4
"""Restarts after which a crash is no accident; what runs beside or before a program is meant to be restarted."""
STEADY = 600.0
"""Seconds after which a run was no crash at the start: the kubelet restarts its back-off then, too."""

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
    r"not found|manifest unknown|does not exist|invalid reference|name unknown|no match for platform"
    r"|unsupported media type",
    re.I,
)
_NO_ACCESS = re.compile(
    r"unauthorized|authorization failed|authentication required|no basic auth|access denied|denied|forbidden",
    re.I,
)
_PASSING = re.compile(
    r"no such host|timeout|timed out|connection refused|connection reset|TLS|EOF|429|50[0234]", re.I
)
_TAKEN_AWAY = frozenset(
    {
        "Evicted",
        "Preempting",
        "Shutdown",
        "NodeShutdown",
        "NodeLost",
        "Terminated",
        "UnexpectedAdmissionError",
        "OutOfpods",
        "OutOfcpu",
        "OutOfmemory",
        "NodeAffinity",
    }
)
"""Reasons for which a node gives a pod up; its owner makes another one."""
_RPC = re.compile(r"rpc error: code = \w+ desc = ")
_WRONG_COMMAND = re.compile(
    r"exec.*(executable file not found|no such file or directory|permission denied|is a directory)", re.I
)


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Return whether the pod's Ready condition is true."""
    return _condition(pod, "Ready").get("status") == "True"


def is_leaving(pod: Mapping[str, Any]) -> bool:
    """Return whether the pod is being deleted."""
    return bool((pod.get("metadata") or {}).get("deletionTimestamp"))


def pod_signals(pod: Mapping[str, Any]) -> list[Signal]:
    """Return the signs of trouble of one pod; none for a pod that is ready or done."""
    status = pod.get("status") or {}
    name = pod["metadata"]["name"]
    if status.get("phase") == "Succeeded" or is_ready(pod):
        return []
    inits = {each.get("name") for each in (pod.get("spec") or {}).get("initContainers") or ()}
    found = [
        signal for each in _statuses(status) for signal in _container(name, each, pod, each["name"] in inits)
    ]
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") == "False" and scheduled.get("reason") in ("Unschedulable", "SchedulingGated"):
        found.append(
            Signal(Cause("Unschedulable", _unschedulable(pod, scheduled), name, blames=False), NEVER)
        )
    if status.get("phase") == "Failed":
        text = str(status.get("message") or status.get("reason") or "a container ended with an error")
        blames = status.get("reason") not in _TAKEN_AWAY
        found.append(Signal(Cause("PodFailed", text, name, blames=blames), NEVER))
    if not found and (silent := _silent_node(pod)):
        found.append(Signal(Cause("NodeNotReady", silent, name, blames=False), NEVER))
    return found


def restarts(pod: Mapping[str, Any]) -> int:
    """Count the restarts of a pod's containers."""
    return sum(int(each.get("restartCount") or 0) for each in _statuses(pod.get("status") or {}))


def last_run(pod: Mapping[str, Any]) -> float:
    """Return how many seconds the longest of the containers' last runs took, of those that ended."""
    ended = ((each.get("lastState") or {}).get("terminated") for each in _statuses(pod.get("status") or {}))
    return max((_seconds(each) for each in ended if each), default=0.0)


def _unschedulable(pod: Mapping[str, Any], scheduled: Mapping[str, Any]) -> str:
    if scheduled.get("reason") == "SchedulingGated":
        return f"the pod is held back by a scheduling gate: {scheduled.get('message', '')}"
    text = f"no node takes the pod: {scheduled.get('message', '')}"
    if node := (pod.get("status") or {}).get("nominatedNodeName"):
        text += f" (room is made for it on {node})"
    return text


def _silent_node(pod: Mapping[str, Any]) -> str:
    """Return that a node does not report a pod that it has; empty where it does."""
    node, status = (pod.get("spec") or {}).get("nodeName"), pod.get("status") or {}
    if not node or status.get("phase") in ("Failed", "Succeeded"):
        return ""
    known = status.get("containerStatuses") or ()
    if (
        known
        and all(each.get("ready") for each in known)
        and _condition(pod, "Ready").get("status") == "False"
    ):
        return f"node {node} has stopped telling how the pod is"
    return "" if known else f"node {node} has not started the pod yet"


def wrong_digests(pod: Mapping[str, Any], planned: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the containers that do not run their planned digest, each with the image that it reports.

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


def _container(pod: str, status: Mapping[str, Any], whole: Mapping[str, Any], init: bool) -> Iterator[Signal]:
    name = status["name"]
    state = status.get("state") or {}
    waiting, terminated = state.get("waiting") or {}, state.get("terminated") or {}
    reason, said = waiting.get("reason", ""), _one_line(waiting.get("message", ""))
    again = int(status.get("restartCount") or 0)
    last = terminated or (status.get("lastState") or {}).get("terminated") or {}
    if reason in ("InvalidImageName", "ErrImageNeverPull"):
        yield Signal(Cause(reason, f"{status.get('image', '')}: {said}", pod, name), 0)
    elif reason in _PULL:
        yield _pull(pod, name, status.get("image", ""), said)
    elif reason == "CreateContainerConfigError":
        absent = absent_config(said)
        text = f"container {name} cannot be configured: {said}"
        grace = LACK_GRACE if absent else CONFIG_GRACE
        yield Signal(Cause(reason, text, pod, name, blames=not absent), grace)
    elif reason == "CreateContainerError":
        text = f"container {name} cannot be created: {said}"
        yield Signal(Cause(reason, text, pod, name, blames=False), START_GRACE)
    elif reason in ("RunContainerError", "StartError") or last.get("reason") == "StartError":
        error = _one_line(last.get("message", "")) or said
        wrong = bool(_WRONG_COMMAND.search(error))
        text = f"container {name} cannot be started: {error}"
        yield Signal(Cause("RunContainerError", text, pod, name, blames=wrong), 0 if wrong else START_GRACE)
    elif again and (reason == "CrashLoopBackOff" or terminated):
        yield _crash(pod, name, again, last, whole, INIT_CRASHES if init else CRASHES)
    elif terminated and int(terminated.get("exitCode") or 0):
        yield Signal(Cause("CrashLoopBackOff", f"container {name} {_ended(terminated)}", pod, name), NEVER)
    elif "running" in state and not status.get("ready"):
        text = f"container {name} runs but is not ready"
        if again:
            text += f" ({again} restarts; it {_ended(last)} before)"
        yield Signal(Cause("NotReady", text, pod, name), NEVER)


def _pull(pod: str, container: str, image: str, said: str) -> Signal:
    answer = said.split(image)[-1] if image else said
    grace, blames = NEVER, False
    if not _PASSING.search(answer):
        if _NO_ACCESS.search(answer):
            # A right that is missing says nothing about the image; registries say it of images that are not there, too.
            grace = ACCESS_GRACE
        elif _FINAL.search(said):
            grace, blames = 0.0, True
    text = f"{image} cannot be pulled: {said}" if said else f"{image} cannot be pulled"
    return Signal(Cause("ErrImagePull", text, pod, container, blames), grace, f"pull {container}")


def _crash(
    pod: str, container: str, again: int, last: Mapping[str, Any], whole: Mapping[str, Any], accidents: int
) -> Signal:
    killed = last.get("reason") == "OOMKilled"
    what = f"container {container} {_ended(last)}, {again + 1} times so far"
    if killed and (limit := _memory_limit(whole, container)):
        what += f"; its memory limit is {limit}"
    # A pod that runs to an end says itself how often it may be tried: a Job's backoffLimit counts, and nobody here.
    to_an_end = (whole.get("spec") or {}).get("restartPolicy") in ("OnFailure", "Never")
    certain = again >= accidents and not to_an_end and _seconds(last) < STEADY
    cause = Cause("OOMKilled" if killed else "CrashLoopBackOff", what, pod, container)
    return Signal(cause, 0.0 if certain else NEVER, f"crash {container}")


def _seconds(run: Mapping[str, Any]) -> float:
    """Return how long a container's run took; 0 where its times are not known."""
    try:
        began, ended = (datetime.fromisoformat(str(run[key])) for key in ("startedAt", "finishedAt"))
        return max((ended - began).total_seconds(), 0.0)
    except (KeyError, ValueError, TypeError):
        return 0.0


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
