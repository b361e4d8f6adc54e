"""Is a custom resource ready, on its way, broken or held back?

A rule of headway.yaml comes first, then what is known of the kind by name (`kindhealth`), then
what most controllers keep to: the conditions that kstatus reads (sigs.k8s.io/cli-utils). An
object that tells nothing of itself is done when it is applied; a guess would hold up releases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from headway.domain.conditions import Question, parse_question
from headway.domain.health import NEVER, Judgement, Signal
from headway.domain.planned import pod_spec
from headway.domain.statuswords import word_of

Object = Mapping[str, Any]
State = Literal["ready", "progressing", "failed", "held", "applied"]
Found = tuple[State, str]
"""How an object is, and its own words for that. `applied`: it tells nothing of itself."""
FAILED_GRACE, STALE_GRACE = 30.0, 120.0
"""Seconds that "failed" must last, since controllers say it while they try again. Longer where they do not
tell which generation they have seen: it may be about what was before the change."""
SETTLE = 2.0
"""Seconds that "ready" must last where it may be about what was before the change."""


@dataclass(frozen=True, slots=True)
class Rule:
    """When a kind is ready and when it has failed; `kind` may carry its group, as `Tenant.minio.min.io`.

    Every one of `ready` must hold; one of `failed` or of `held` is enough. Without `ready` it is done
    when it is applied.
    """

    kind: str
    ready: tuple[Question, ...] = ()
    failed: tuple[Question, ...] = ()
    held: tuple[Question, ...] = ()

    @classmethod
    def of(
        cls, kind: str, ready: Iterable[str], failed: Iterable[str] = (), held: Iterable[str] = ()
    ) -> Rule:
        """Make a rule from questions as people write them."""
        return cls(kind, _questions(ready), _questions(failed), _questions(held))

    def covers(self, group: str, kind: str) -> bool:
        """Say whether it is about a kind."""
        name, _, mine = self.kind.partition(".")
        return name == kind and (not mine or mine == group)

    def judge(self, item: Object) -> Found:
        """Say how an object is by this rule."""
        said = words_of(item)
        if any(it.holds(item) for it in self.failed):
            return "failed", said
        if any(it.holds(item) for it in self.held):
            return "held", said
        missing = [it for it in self.ready if not it.holds(item)]
        if missing:
            return "progressing", said or f"{missing[0]} is not true yet"
        return "ready", ""


def _questions(texts: Iterable[str]) -> tuple[Question, ...]:
    return tuple(map(parse_question, texts))


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of headway.yaml, and what is known of kinds by name: (group, kind) → how one is."""

    own: Sequence[Rule] = ()
    known: Mapping[tuple[str, str], Callable[[Object], Found | None]] = field(default_factory=dict)

    def judge(self, item: Object, group: str, kind: str) -> Judgement:
        """Judge one object. What is wrong with one that runs no containers says nothing about an image."""
        state, said = self.find(item, group, kind)
        blames = pod_spec(item) is not None
        if state == "applied":
            return Judgement(True, f"applied; this {kind} does not tell when it is ready")
        if state == "ready":
            return Judgement(True, "", settle=0.0 if _tells_generation(item) else SETTLE)
        if state == "held":
            return Judgement(True, said or "its controller holds it back", put_off="held")
        message = f"{kind} is not ready: {said}" if said else f"{kind} is not ready"
        if state == "failed":
            grace = FAILED_GRACE if _tells_generation(item) else STALE_GRACE
            return Judgement(False, message, (Signal("Degraded", said or message, grace, blames=blames),))
        return Judgement(False, message, (Signal("NotReady", said or message, NEVER, blames=blames),))

    def find(self, item: Object, group: str, kind: str) -> Found:
        """Say how an object is, by the first rule that knows."""
        for rule in self.own:
            if rule.covers(group, kind):
                return rule.judge(item)
        if item.get("metadata", {}).get("deletionTimestamp"):
            return "progressing", "it is being deleted"
        if not observed(item):
            return "progressing", "its controller has not seen the change yet"
        by_name = self.known.get((group, kind))
        found = by_name(item) if by_name is not None else None
        return found if found is not None else by_itself(item)


def _tells_generation(item: Object) -> bool:
    status = item.get("status")
    if isinstance(status, Mapping) and _number(status.get("observedGeneration")) is not None:
        return True
    return any(_number(it.get("observedGeneration")) is not None for it in conditions(item).values())


def is_judged(item: Object, group: str, kind: str, rules: Rules) -> bool:
    """Say whether an object's health is judged by rules: a custom resource, or a kind that a rule names.

    Of Kubernetes' own kinds that are no workloads none holds up a release: an Ingress without an address
    or a claim that waits for its first pod is as it should be.
    """
    if any(it.covers(group, kind) for it in rules.own):
        return True
    return (group, kind) in rules.known or is_custom(group)


def is_custom(group: str) -> bool:
    """Say whether an API group is not one of Kubernetes' own."""
    return "." in group and (not group.endswith(".k8s.io") or group in _ADDED)


_ADDED = frozenset({"gateway.networking.k8s.io", "snapshot.storage.k8s.io", "leaderworkerset.x-k8s.io"})


def observed(item: Object) -> bool:
    """Say whether the controller has seen the newest spec, as far as it tells."""
    generation = _number((item.get("metadata") or {}).get("generation"))
    status = item.get("status") or {}
    seen = _number(status.get("observedGeneration")) if isinstance(status, Mapping) else None
    return generation is None or seen is None or seen >= generation


def by_itself(item: Object) -> Found:
    """Judge an object of an unknown kind by what it tells: held back, its one word, its conditions."""
    spec = item.get("spec")
    for name in ("suspend", "suspended", "paused"):
        if isinstance(spec, Mapping) and spec.get(name) is True:
            return "held", f"{name} is set"
    meaning, word = word_of(item)
    by_condition = by_conditions(item)
    if meaning in ("failed", "held", "progressing"):
        said = words_of(item)
        return meaning, said if said and said != word else word  # type: ignore[return-value]
    if meaning == "ready" and by_condition[0] == "applied":
        return "ready", ""
    if by_condition[0] == "applied" and not item.get("status") and _reports(item):
        return "progressing", "its controller has not said anything yet"
    return by_condition


def _reports(item: Object) -> bool:
    group = str(item.get("apiVersion", "")).rpartition("/")[0]
    return any(group == it or group.endswith(f".{it}") for it in REPORTING)


def by_conditions(item: Object) -> Found:
    """Judge by the conditions that kstatus knows: Stalled, Reconciling, Ready, and their common relatives."""
    by_type = conditions(item)
    generation = _number((item.get("metadata") or {}).get("generation"))
    for name in _BAD:
        if _is(by_type, name, "True"):
            return "failed", _said(by_type[name])
    good = [it for it in _all_conditions(item) if str(it.get("type")) in _GOOD]
    for each in good:
        seen = _number(each.get("observedGeneration"))
        if generation is not None and seen is not None and seen < generation:
            return "progressing", "its controller has not seen the change yet"
        if _final(each):
            return "failed", _said(each)
    for name in ("Reconciling", "Progressing"):
        if _is(by_type, name, "True") and not _is(by_type, "Available", "True"):
            return "progressing", _said(by_type[name])
    for each in good:
        if str(each.get("status")) != "True":
            return "progressing", _said(each)
    return ("ready" if good else "applied"), ""


_BAD = (
    "Stalled",
    "Failed",
    "Degraded",
    "ReconcileError",
    "Error",
    "ReleaseFailed",
    "Conflicted",
    "Failing",
    "Invalid",
)
_GOOD = frozenset(
    {
        "Ready", "Available", "Synced", "Accepted", "Established", "Succeeded", "Complete", "Healthy", "Programmed",
        "ResolvedRefs", "Reconciled", "ReconcileSuccess", "ClusterAvailable", "AllReplicasReady", "NamesAccepted",
        "Valid", "Installed", "Admitted", "ResourcesReady",
    }
)  # fmt: skip
_FINAL_REASONS = (
    "error", "failed", "failure", "invalid", "denied", "unsupported", "degraded", "stalled", "notfound", "nomatching",
    "rejected", "unhealthy", "notaccepted", "refnotpermitted",
)  # fmt: skip


def _all_conditions(item: Object) -> list[Mapping[str, Any]]:
    """Give an object's conditions, and those about it from each parent, ancestor and listener (Gateway API)."""
    found = list(conditions(item).values())
    status = item.get("status")
    for name in ("parents", "ancestors", "listeners"):
        several = status.get(name) if isinstance(status, Mapping) else None
        for each in several if isinstance(several, list) else ():
            found += conditions({"status": each}).values()
    return found


def _final(condition: Mapping[str, Any]) -> bool:
    """Say whether the reason of a condition that is False names an error rather than a way that is not ended."""
    reason = str(condition.get("reason") or "").casefold()
    return str(condition.get("status")) == "False" and any(it in reason for it in _FINAL_REASONS)


REPORTING = frozenset(
    (
        "argoproj.io", "cert-manager.io", "strimzi.io", "cnpg.io", "fluxcd.io", "minio.min.io", "rabbitmq.com",
        "elastic.co", "rook.io", "kruise.io", "knative.dev", "kserve.io", "kubevirt.io", "keda.sh",
        "flagger.app", "karpenter.sh", "cluster.x-k8s.io", "external-secrets.io", "humio.com", "numaproj.io",
        "karmada.io", "ansible.com", "solo.io", "3scale.net", "open-cluster-management.io", "projectcontour.io",
        "keptn.sh", "zalan.do", "operators.coreos.com", "grafana.integreatly.org", "clickhouse.altinity.com",
        "jaegertracing.io", "camel.apache.org", "gateway.networking.k8s.io", "cnrm.cloud.google.com",
        "coralogix.com", "datadoghq.com", "k8s.mariadb.com", "pxc.percona.com", "psmdb.percona.com",
        "temporal.io", "hazelcast.com", "spark.apache.org", "sparkoperator.k8s.io", "ray.io", "tekton.dev",
        "snapshot.storage.k8s.io", "trident.netapp.io", "proclaim.dogmatiq.io", "mongodbcommunity.mongodb.com",
        "kafka.banzaicloud.io", "dragonflydb.io", "opensearch.opster.io", "chaos-mesh.org", "velero.io",
        "longhorn.io",
    )
)  # fmt: skip
"""Groups, and ends of groups, whose controllers tell of every object: without a status there is none yet."""


def conditions(item: Object) -> dict[str, Mapping[str, Any]]:
    """Give an object's conditions by type."""
    status = item.get("status")
    found = status.get("conditions") if isinstance(status, Mapping) else None
    listed = found if isinstance(found, list) else []
    return {str(it.get("type")): it for it in listed if isinstance(it, Mapping)}


def words_of(item: Object) -> str:
    """Give what an object says of itself: its message, its reason, or its conditions that are not as they should be."""
    status = item.get("status")
    if not isinstance(status, Mapping):
        return ""
    for name in ("message", "errorMessage", "failureMessage", "reason", "phase", "state"):
        if isinstance(said := status.get(name), str) and said:
            return " ".join(said.split())
    return next((_said(it) for it in conditions(item).values() if str(it.get("status")) != "True"), "")


def _is(by_type: Mapping[str, Mapping[str, Any]], name: str, status: str) -> bool:
    return str((by_type.get(name) or {}).get("status")) == status


def _said(condition: Mapping[str, Any]) -> str:
    reason, message = (
        str(condition.get("reason") or ""),
        " ".join(str(condition.get("message") or "").split()),
    )
    return ": ".join(it for it in (reason, message) if it) or str(condition.get("type", ""))


def _number(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None
