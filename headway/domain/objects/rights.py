"""Which rights a release needs in a cluster, and which of them a user's rules give.

A release that is missing a right is found out before its commit, and by `headway doctor`. What the
manifests themselves need is proven by trying to apply them; what it takes to watch, to prune and to
keep others out is read from the user's rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from headway.domain.objects.identity import ObjectId

Kind = tuple[str, str]
"""A group, and the plural name of a kind in it."""
WATCHED: Mapping[Kind, str] = {
    ("apps", "Deployment"): "deployments",
    ("apps", "StatefulSet"): "statefulsets",
    ("apps", "DaemonSet"): "daemonsets",
    ("apps", "ReplicaSet"): "replicasets",
    ("batch", "Job"): "jobs",
    ("", "ReplicationController"): "replicationcontrollers",
    ("", "Pod"): "pods",
}
"""Workloads that are followed during a rollout: group and kind → the plural name."""


_NOT_NEEDED: Mapping[Kind, tuple[str, ...]] = {
    ("", "namespaces"): ("list", "create", "delete"),
    ("", "persistentvolumes"): ("delete",),
    ("", "persistentvolumeclaims"): ("delete",),
    ("apiextensions.k8s.io", "customresourcedefinitions"): ("delete",),
}
"""What is never pruned, and a namespace, which may have been made beforehand."""


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One verb on one kind in one namespace (empty: what lives in none), and what is impossible without it."""

    namespace: str
    group: str
    resource: str
    verb: str
    without: str = ""
    name: str = ""

    def __str__(self) -> str:
        kind = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {kind}" + (f" in {self.namespace}" if self.namespace else "")


def to_watch(workloads: Iterable[ObjectId]) -> list[Right]:
    """Return the rights without which nobody would know how a rollout goes."""
    needed: dict[Right, None] = {}
    for it in workloads:
        if (plural := WATCHED.get((it.group, it.kind))) is None:
            continue
        kinds = [(it.group, plural), ("", "pods")]
        if plural == "deployments":
            kinds.append(("apps", "replicasets"))
        for group, resource in kinds:
            for verb in ("list", "watch"):
                needed[Right(it.namespace, group, resource, verb, "no rollout can be watched")] = None
    return list(needed)


def to_apply(kinds: Iterable[tuple[Kind, str]]) -> list[Right]:
    """Return the rights to apply and prune objects of these kinds, each with its namespace."""
    without = {
        "get": "nothing can be compared",
        "list": "what left the repo is not found, and not pruned",
        "create": "nothing new can be made",
        "patch": "nothing can be applied",
        "delete": "what leaves the repo cannot be pruned",
    }
    return [
        Right(namespace, group, resource, verb, said)
        for (group, resource), namespace in dict.fromkeys(kinds)
        for verb, said in without.items()
        if verb not in _NOT_NEEDED.get((group, resource), ())
    ]


def to_take_turns(home: str, environment: str) -> list[Right]:
    """Return the rights to the environment's lease, and to what explains a failure."""
    name = f"headway-{environment}"
    apart = "deploys from two machines are not kept apart"
    lease = [
        Right(home, "coordination.k8s.io", "leases", verb, apart, name if verb != "create" else "")
        for verb in ("get", "create", "update")
    ]
    return [
        *lease,
        Right(home, "", "events", "list", "failures are reported without their events"),
        Right(home, "", "events", "watch", "failures are reported without their events"),
        Right(home, "", "pods/log", "get", "failures are reported without the last lines of the log"),
    ]


def not_given(rights: Iterable[Right], rules: Iterable[Mapping[str, Any]]) -> list[Right]:
    """Return the rights that none of the user's rules (of a SelfSubjectRulesReview) covers."""
    rules = list(rules)
    return [it for it in rights if not any(_covers(rule, it) for rule in rules)]


def described(missing: Iterable[Right]) -> list[str]:
    """Return what is missing: one line for each kind and consequence, with its verbs."""
    lines: dict[tuple[str, str, str, str], list[str]] = {}
    for it in missing:
        lines.setdefault((it.namespace, it.group, it.resource, it.without), []).append(it.verb)
    return [
        f"may not {', '.join(verbs)} {resource}{f'.{group}' if group else ''}"
        + (f" in {namespace}" if namespace else "")
        + (f": {without}" if without else "")
        for (namespace, group, resource, without), verbs in lines.items()
    ]


def _covers(rule: Mapping[str, Any], right: Right) -> bool:
    def has(key: str, *words: str) -> bool:
        return not {*words, "*"}.isdisjoint(rule.get(key) or ())

    names = rule.get("resourceNames") or ()
    whole, _, part = right.resource.partition("/")
    resources = (right.resource, f"*/{part}") if part else (whole,)
    return (
        has("verbs", right.verb)
        and has("apiGroups", right.group)
        and has("resources", *resources)
        and (not names or bool(right.name and right.name in names))
    )
