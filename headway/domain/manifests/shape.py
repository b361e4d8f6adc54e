"""Does a document have the shape of the object that it says it is?

Everything that reads a manifest later relies on this one look: labels are a map of text, containers a
list of maps, a Secret's data base64. What is not so is a problem of its file, with its place, as the API
server would refuse it; a number where text belongs is never turned into text. Fields that nobody here
reads are left to the API server, and so is the `spec` of a kind that headway does not know.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from headway.domain.objects.identity import split_api_version
from headway.domain.objects.names import name_problem, namespace_problem
from headway.domain.objects.ordering import built_in

Path = tuple[str | int, ...]
Misfit = tuple[Path, str]
"""Where in the object, and what is wrong there."""
Check = Callable[[Any, Path], Iterator[Misfit]]


def misfits(item: Mapping[str, Any]) -> Iterator[Misfit]:
    """Yield what is wrong with the shape of an object that has apiVersion, kind and metadata.name."""
    group, _ = split_api_version(item["apiVersion"])
    kind = item["kind"]
    yield from _META(item["metadata"], ("metadata",))
    name, namespace = item["metadata"]["name"], item["metadata"].get("namespace")
    if wrong := name_problem(group, kind, name):
        yield ("metadata", "name"), f"metadata.name: {wrong}"
    if isinstance(namespace, str) and namespace and (wrong := namespace_problem(namespace)):
        yield ("metadata", "namespace"), f"metadata.namespace: {wrong}"
    if built_in(group):
        yield from _KINDS.get(kind, _ANY_KIND)(item, ())


def _said(path: Path) -> str:
    said = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return said.removeprefix(".")


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    return "a map" if isinstance(value, dict) else "a list" if isinstance(value, list) else "text"


def _misfit(value: Any, path: Path, expected: str) -> Iterator[Misfit]:
    found = _kind_of(value)
    quotes = ": put it in quotes" if expected == "text" and not isinstance(value, dict | list) else ""
    yield path, f"{_said(path)}: {expected} is expected, and YAML reads this as {found}{quotes}"


def _text(value: Any, path: Path) -> Iterator[Misfit]:
    if not isinstance(value, str | None):
        yield from _misfit(value, path, "text")


def _whole(value: Any, path: Path) -> Iterator[Misfit]:
    if isinstance(value, float) and value.is_integer():
        return
    if not isinstance(value, int | None) or isinstance(value, bool):
        yield from _misfit(value, path, "a whole number")


def _flag(value: Any, path: Path) -> Iterator[Misfit]:
    if not isinstance(value, bool | None):
        yield from _misfit(value, path, "true or false")


def _quantity(value: Any, path: Path) -> Iterator[Misfit]:
    if isinstance(value, dict | list | bool):
        yield from _misfit(value, path, "a quantity such as 500m")


def _base64(value: Any, path: Path) -> Iterator[Misfit]:
    if not isinstance(value, str | None):
        yield from _misfit(value, path, "text")
    elif value:
        try:
            base64.b64decode(value.translate({10: None, 13: None}), validate=True)
        except (binascii.Error, ValueError):
            hint = "put text as it is into stringData" if path[0] == "data" else "put text as it is into data"
            yield path, f"{_said(path)}: this is not base64; {hint}"


def _anything(value: Any, path: Path) -> Iterator[Misfit]:
    yield from ()


def _map_of(check: Check) -> Check:
    def look(value: Any, path: Path) -> Iterator[Misfit]:
        if isinstance(value, dict):
            for name, each in value.items():
                yield from check(each, (*path, name))
        elif value is not None:
            yield from _misfit(value, path, "a map")

    return look


def _list_of(check: Check) -> Check:
    def look(value: Any, path: Path) -> Iterator[Misfit]:
        if isinstance(value, list):
            for place, each in enumerate(value):
                if each is None:
                    yield (*path, place), f"{_said((*path, place))}: nothing stands here"
                else:
                    yield from check(each, (*path, place))
        elif value is not None:
            yield from _misfit(value, path, "a list")

    return look


def _fields(**checks: Check) -> Check:
    def look(value: Any, path: Path) -> Iterator[Misfit]:
        if isinstance(value, dict):
            for name, check in checks.items():
                if name in value:
                    yield from check(value[name], (*path, name))
        elif value is not None:
            yield from _misfit(value, path, "a map")

    return look


_MAP = _fields()
_MAPS = _list_of(_MAP)
_TEXTS = _list_of(_text)
_TEXT_MAP = _map_of(_text)
_META = _fields(
    name=_text, namespace=_text, generateName=_text, labels=_TEXT_MAP, annotations=_TEXT_MAP,
    finalizers=_TEXTS, ownerReferences=_MAPS,
)  # fmt: skip
_CONTAINER = _fields(
    name=_text, image=_text, command=_TEXTS, args=_TEXTS, workingDir=_text, imagePullPolicy=_text,
    env=_list_of(_fields(name=_text, value=_text, valueFrom=_MAP)), envFrom=_MAPS, ports=_MAPS,
    resources=_fields(requests=_map_of(_quantity), limits=_map_of(_quantity)), volumeMounts=_MAPS,
    livenessProbe=_MAP, readinessProbe=_MAP, startupProbe=_MAP, lifecycle=_MAP, securityContext=_MAP,
)  # fmt: skip
_CONTAINERS = _list_of(_CONTAINER)
_POD = _fields(
    containers=_CONTAINERS, initContainers=_CONTAINERS, ephemeralContainers=_CONTAINERS, volumes=_MAPS,
    nodeSelector=_TEXT_MAP, serviceAccountName=_text, imagePullSecrets=_MAPS, tolerations=_MAPS,
    affinity=_MAP, securityContext=_MAP, restartPolicy=_text, priorityClassName=_text,
    terminationGracePeriodSeconds=_whole,
)  # fmt: skip
_TEMPLATE = _fields(metadata=_META, spec=_POD)
_SELECTOR = _fields(matchLabels=_TEXT_MAP, matchExpressions=_MAPS)
_WORKLOAD = _fields(
    replicas=_whole, selector=_SELECTOR, template=_TEMPLATE, strategy=_MAP, updateStrategy=_MAP,
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
_ANY_KIND = _fields(spec=_MAP)
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
    "ConfigMap": _fields(data=_TEXT_MAP, binaryData=_map_of(_base64), immutable=_flag),
    "Secret": _fields(data=_map_of(_base64), stringData=_TEXT_MAP, type=_text, immutable=_flag),
    "Service": _fields(spec=_fields(selector=_TEXT_MAP, ports=_MAPS, type=_text, clusterIP=_text)),
    "CustomResourceDefinition": _fields(spec=_DEFINITION),
    "HorizontalPodAutoscaler": _fields(
        spec=_fields(scaleTargetRef=_fields(kind=_text, name=_text), minReplicas=_whole, maxReplicas=_whole)
    ),
    "ServiceAccount": _fields(secrets=_MAPS, imagePullSecrets=_MAPS),
    # Their objects have no spec, or one that the API server alone knows.
    **dict.fromkeys(("List", "Endpoints", "Event"), _anything),
}  # fmt: skip
