"""Is a custom resource ready, on its way, broken or held back?

A rule of headway.yaml comes first, then what is known of the kind by name (`kindhealth`), then
what the object tells as most do (`self_report`). One of a kind that tells nothing of itself is done
when it is applied; a guess would hold up releases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from headway.domain.health.cause import Cause
from headway.domain.health.reporting_kinds import always_reports
from headway.domain.health.self_report import (
    UNSEEN,
    Found,
    Object,
    by_itself,
    observed,
    reports_generation,
    words_of,
)
from headway.domain.health.verdict import NEVER, Health, Signal
from headway.domain.manifests.expected import pod_spec
from headway.domain.objects.conditions import Question, parse_question

Assess = Callable[[Object], Found | None]
"""Returns the state of an object of a known kind; None where it reports it as most do."""
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
        """Return a rule from conditions as people write them."""
        return cls(kind, _questions(ready), _questions(failed), _questions(held))

    def covers(self, group: str, kind: str) -> bool:
        """Return whether it is about a kind."""
        name, _, mine = self.kind.partition(".")
        return name == kind and (not mine or mine == group)

    def assess(self, item: Object) -> Found:
        """Return how an object is by this rule."""
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
    known: Mapping[tuple[str, str], Assess] = field(default_factory=dict)

    def assess(self, item: Object, group: str, kind: str) -> Health:
        """Assess one object. What is wrong with one that runs no containers says nothing about an image."""
        state, said = self.find(item, group, kind)
        blames = pod_spec(item) is not None
        if state == "applied":
            return Health(True, f"applied; this {kind} does not report when it is ready")
        if state == "ready":
            return Health(True, "", settle=0.0 if reports_generation(item) else SETTLE)
        if state == "held":
            return Health(True, said or "its controller holds it back", put_off="held")
        text = f"{kind} is not ready: {said}" if said else f"{kind} is not ready"
        if state == "failed":
            grace = FAILED_GRACE if reports_generation(item) else STALE_GRACE
            return Health(False, text, (Signal(Cause("Degraded", said or text, blames=blames), grace),))
        return Health(False, text, (Signal(Cause("NotReady", said or text, blames=blames), NEVER),))

    def find(self, item: Object, group: str, kind: str) -> Found:
        """Return an object's state, by the first rule that knows it."""
        for rule in self.own:
            if rule.covers(group, kind):
                return rule.assess(item)
        if item.get("metadata", {}).get("deletionTimestamp"):
            return "progressing", "it is being deleted"
        if not observed(item):
            return UNSEEN
        by_name = next((self.known[it] for it in _names(group, kind) if it in self.known), None)
        found = by_name(item) if by_name is not None else None
        if found is None:
            found = by_itself(item)
        if found[0] == "applied" and always_reports(group, kind):
            return "progressing", words_of(item) or "its controller has not said anything yet"
        return found


def _names(group: str, kind: str) -> Iterator[tuple[str, str]]:
    yield group, kind
    while group:
        yield group, "*"
        group = group.removeprefix("*.").partition(".")[2]
        group = group and f"*.{group}"


def has_health_rules(item: Object, group: str, kind: str, rules: Rules) -> bool:
    """Return whether rules decide an object's health: a custom resource, or a kind that a rule names.

    Of Kubernetes' own kinds that are no workloads none holds up a release: an Ingress without an address
    or a claim that waits for its first pod is as it should be.
    """
    if any(it.covers(group, kind) for it in rules.own):
        return True
    return (group, kind) in rules.known or always_reports(group, kind) or is_custom(group)


def is_custom(group: str) -> bool:
    """Return whether an API group is not one of Kubernetes' own."""
    return "." in group and (not group.endswith(".k8s.io") or group in _ADDED)


_ADDED = frozenset({"gateway.networking.k8s.io", "snapshot.storage.k8s.io", "leaderworkerset.x-k8s.io"})
