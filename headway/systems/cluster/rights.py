"""Asks an API server what the user that headway is there may do."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from headway.domain.objects.identity import ObjectId, id_of
from headway.domain.objects.rights import Kind, Right, not_given, to_apply, to_take_turns, to_watch
from headway.systems.cluster.client import ApiRefused, Cluster
from headway.systems.cluster.discovery import Kinds
from headway.systems.machine.parallel import each

_REVIEWS = "/apis/authorization.k8s.io/v1"
_NOWHERE = "default"
"""Rules are asked for by namespace; those for what lives in none are in every answer."""


def lacking(cluster: Cluster, rights: Iterable[Right]) -> list[Right]:
    """Return the rights that the user does not have.

    One request for each namespace. Rules do not tell everything (webhooks decide too), so what they
    do not cover is asked for one by one.
    """
    needed = list(dict.fromkeys(rights))
    spaces = list(dict.fromkeys(it.namespace or _NOWHERE for it in needed))
    rules = dict(zip(spaces, each(lambda space: _rules(cluster, space), spaces), strict=True))
    open_: list[Right] = []
    for space in spaces:
        here = [it for it in needed if (it.namespace or _NOWHERE) == space]
        known = rules[space]
        open_ += not_given(here, known) if known is not None else here
    answers = each(lambda right: _may(cluster, right), open_)
    return [right for right, allowed in zip(open_, answers, strict=True) if not allowed]


def lacking_for(
    cluster: Cluster, objects: Iterable[Mapping[str, Any]], namespace: str, environment: str
) -> list[Right]:
    """Return the rights that the user lacks in an environment with these objects: to apply, watch, prune, lease."""
    kinds = Kinds(cluster)
    applied: list[tuple[Kind, str]] = []
    workloads: list[ObjectId] = []
    for item in objects:
        resource = kinds.find(str(item["apiVersion"]), str(item["kind"]), fresh=False)
        if resource is None:
            continue
        identity = id_of(item, namespace) if resource.namespaced else id_of(item).placed("")
        applied.append(((resource.group, resource.plural), identity.namespace))
        workloads.append(identity)
    needed = [*to_apply(applied), *to_watch(workloads), *to_take_turns(namespace, environment)]
    return lacking(cluster, needed)


def _rules(cluster: Cluster, namespace: str) -> list[Mapping[str, Any]] | None:
    status = _review(cluster, "SelfSubjectRulesReview", {"namespace": namespace})
    return None if status is None else list(status.get("resourceRules") or ())


def _may(cluster: Cluster, right: Right) -> bool:
    resource, _, part = right.resource.partition("/")
    asked = {
        "namespace": right.namespace,
        "group": right.group,
        "resource": resource,
        "subresource": part,
        "verb": right.verb,
        "name": right.name,
    }
    status = _review(
        cluster, "SelfSubjectAccessReview", {"resourceAttributes": {k: v for k, v in asked.items() if v}}
    )
    return status is None or bool(status.get("allowed"))


def _review(cluster: Cluster, kind: str, spec: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Ask; None where the server answers no such question: then nothing is known, and nothing is said."""
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "metadata": {}, "spec": spec}
    try:
        answer = json.loads(
            cluster.send("POST", f"{_REVIEWS}/{kind.lower()}s", body=json.dumps(body).encode())
        )
    except ApiRefused as error:
        if error.code in (403, 404, 405):
            return None
        raise
    status = answer.get("status") if isinstance(answer, dict) else None
    return status if isinstance(status, dict) else None
