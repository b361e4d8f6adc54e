"""Does a document have the shape of the object that it says it is?

Everything that reads a manifest later relies on this one look: labels are a map of text, containers a
list of maps, a Secret's data base64. What is not so is a problem of its file, with its place, as the API
server would refuse it; a number where text belongs is never turned into text. Fields that nobody here
reads are left to the API server, and so is the `spec` of a kind that headway does not know.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from headway.domain.objects.identity import split_api_version
from headway.domain.objects.names import name_problem, namespace_problem
from headway.domain.objects.ordering import built_in

Path = tuple[str | int, ...]
Misfit = tuple[Path, str]
"""Where in the object, and what is wrong there."""
Misfits = Sequence[Misfit]
Check = Callable[[Any], Misfits]
"""What is wrong in a value: paths are made on the way back, so that a value with nothing wrong costs none."""


def misfits(item: Mapping[str, Any]) -> list[Misfit]:
    """Return what is wrong with the shape of an object that has apiVersion, kind and metadata.name."""
    group, _ = split_api_version(item["apiVersion"])
    kind, meta = item["kind"], item["metadata"]
    found = [(path, f"{_said(path)}: {what}") for path, what in _below("metadata", _META(meta))]
    if wrong := name_problem(group, kind, meta["name"]):
        found.append((("metadata", "name"), f"metadata.name: {wrong}"))
    namespace = meta.get("namespace")
    if isinstance(namespace, str) and namespace and (wrong := namespace_problem(namespace)):
        found.append((("metadata", "namespace"), f"metadata.namespace: {wrong}"))
    if built_in(group):
        found += [(path, f"{_said(path)}: {what}") for path, what in _KINDS.get(kind, _ANY_KIND)(item)]
    return found


def _said(path: Path) -> str:
    said = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return said.removeprefix(".")


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    return "a map" if isinstance(value, dict) else "a list" if isinstance(value, list) else "text"


def _misfit(value: Any, expected: str) -> Misfits:
    quotes = ": put it in quotes" if expected == "text" and not isinstance(value, dict | list) else ""
    return [((), f"{expected} is expected, and YAML reads this as {_kind_of(value)}{quotes}")]


def _below(step: str | int, found: Misfits) -> list[Misfit]:
    return [((step, *path), what) for path, what in found]


def _text(value: Any) -> Misfits:
    return () if isinstance(value, str) or value is None else _misfit(value, "text")


def _whole(value: Any) -> Misfits:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return ()
    if isinstance(value, float) and value.is_integer():
        return ()
    return _misfit(value, "a whole number")


def _flag(value: Any) -> Misfits:
    return () if isinstance(value, bool) or value is None else _misfit(value, "true or false")


def _quantity(value: Any) -> Misfits:
    return _misfit(value, "a quantity such as 500m") if isinstance(value, dict | list | bool) else ()


def _base64(text_goes_into: str) -> Check:
    def look(value: Any) -> Misfits:
        if not isinstance(value, str):
            return _text(value)
        try:
            base64.b64decode(value.translate({10: None, 13: None}), validate=True)
        except (binascii.Error, ValueError):
            return [((), f"this is not base64; put text as it is into {text_goes_into}")]
        return ()

    return look


def _anything(value: Any) -> Misfits:
    return ()


def _map(value: Any) -> Misfits:
    return () if isinstance(value, dict) or value is None else _misfit(value, "a map")


def _map_of(check: Check) -> Check:
    def look(value: Any) -> Misfits:
        if not isinstance(value, dict):
            return () if value is None else _misfit(value, "a map")
        found: list[Misfit] = []
        for name, each in value.items():
            if wrong := check(each):
                found += _below(name, wrong)
        return found

    return look


def _list_of(check: Check) -> Check:
    def look(value: Any) -> Misfits:
        if not isinstance(value, list):
            return () if value is None else _misfit(value, "a list")
        found: list[Misfit] = []
        for place, each in enumerate(value):
            if wrong := check(each) if each is not None else _NOTHING:
                found += _below(place, wrong)
        return found

    return look


def _fields(**checks: Check) -> Check:
    def look(value: Any) -> Misfits:
        if not isinstance(value, dict):
            return () if value is None else _misfit(value, "a map")
        found: list[Misfit] = []
        for name, each in value.items():
            check = checks.get(name)
            if check is not None and (wrong := check(each)):
                found += _below(name, wrong)
        return found

    return look


_NOTHING: Misfits = [((), "nothing stands here")]
_MAPS = _list_of(_map)
_TEXTS = _list_of(_text)
_TEXT_MAP = _map_of(_text)
_META = _fields(
    name=_text, namespace=_text, generateName=_text, labels=_TEXT_MAP, annotations=_TEXT_MAP,
    finalizers=_TEXTS, ownerReferences=_MAPS,
)  # fmt: skip
_CONTAINER = _fields(
    name=_text, image=_text, command=_TEXTS, args=_TEXTS, workingDir=_text, imagePullPolicy=_text,
    env=_list_of(_fields(name=_text, value=_text, valueFrom=_map)), envFrom=_MAPS, ports=_MAPS,
    resources=_fields(requests=_map_of(_quantity), limits=_map_of(_quantity)), volumeMounts=_MAPS,
    livenessProbe=_map, readinessProbe=_map, startupProbe=_map, lifecycle=_map, securityContext=_map,
)  # fmt: skip
_CONTAINERS = _list_of(_CONTAINER)
_POD = _fields(
    containers=_CONTAINERS, initContainers=_CONTAINERS, ephemeralContainers=_CONTAINERS, volumes=_MAPS,
    nodeSelector=_TEXT_MAP, serviceAccountName=_text, imagePullSecrets=_MAPS, tolerations=_MAPS,
    affinity=_map, securityContext=_map, restartPolicy=_text, priorityClassName=_text,
    terminationGracePeriodSeconds=_whole,
)  # fmt: skip
_TEMPLATE = _fields(metadata=_META, spec=_POD)
_SELECTOR = _fields(matchLabels=_TEXT_MAP, matchExpressions=_MAPS)
_WORKLOAD = _fields(
    replicas=_whole, selector=_SELECTOR, template=_TEMPLATE, strategy=_map, updateStrategy=_map,
    serviceName=_text, volumeClaimTemplates=_MAPS, paused=_flag, minReadySeconds=_whole,
    progressDeadlineSeconds=_whole, revisionHistoryLimit=_whole,
)  # fmt: skip
_JOB = _fields(
    template=_TEMPLATE, selector=_SELECTOR, parallelism=_whole, completions=_whole, backoffLimit=_whole,
    activeDeadlineSeconds=_whole, ttlSecondsAfterFinished=_whole, suspend=_flag,
)  # fmt: skip
_DEFINITION = _fields(
    group=_text, scope=_text, names=_fields(kind=_text, plural=_text),
    versions=_list_of(_fields(name=_text, served=_flag, storage=_flag)),
)  # fmt: skip
_ANY_KIND = _fields(spec=_map)
_KINDS: Mapping[str, Check] = {
    "Pod": _fields(spec=_POD),
    **dict.fromkeys(("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"), _fields(spec=_WORKLOAD)),
    "ReplicationController": _fields(spec=_fields(replicas=_whole, selector=_TEXT_MAP, template=_TEMPLATE)),
    "Job": _fields(spec=_JOB),
    "CronJob": _fields(
        spec=_fields(
            schedule=_text, suspend=_flag, concurrencyPolicy=_text, timeZone=_text,
            jobTemplate=_fields(metadata=_META, spec=_JOB),
        )
    ),
    "PodTemplate": _fields(template=_TEMPLATE),
    "ConfigMap": _fields(data=_TEXT_MAP, binaryData=_map_of(_base64("data")), immutable=_flag),
    "Secret": _fields(data=_map_of(_base64("stringData")), stringData=_TEXT_MAP, type=_text, immutable=_flag),
    "Service": _fields(spec=_fields(selector=_TEXT_MAP, ports=_MAPS, type=_text, clusterIP=_text)),
    "CustomResourceDefinition": _fields(spec=_DEFINITION),
    "HorizontalPodAutoscaler": _fields(
        spec=_fields(scaleTargetRef=_fields(kind=_text, name=_text), minReplicas=_whole, maxReplicas=_whole)
    ),
    "ServiceAccount": _fields(secrets=_MAPS, imagePullSecrets=_MAPS),
    # Their objects have no spec, or one that the API server alone knows.
    **dict.fromkeys(("List", "Endpoints", "Event"), _anything),
}  # fmt: skip
