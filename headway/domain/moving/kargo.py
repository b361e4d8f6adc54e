"""Kargo: the images of its Warehouses, and the order of its Stages.

(Kargo documentation, "Working with Warehouses" and "Working with Stages".) A stage that gets freight from
another stage promotes from it; one that gets it from the warehouse is released by the warehouse's rules.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from headway.domain.moving.documents import Document, Repo, at, items_at, joined, text_at
from headway.domain.moving.found import Found, Place, Rule, Stage, repository_name
from headway.domain.moving.patterns import EVERY_VERSION, Untranslatable, versions, whole_tag

_GROUP = "kargo.akuity.io"
_EXPRESSION = re.compile(r"\$\{\{\s*([A-Za-z0-9_.]+)\s*\}\}")


def read_kargo(repo: Repo, found: Found) -> None:
    """Add what Kargo's objects say."""
    objects = [it for it in repo.objects(b"kargo.akuity.io") if it.group == _GROUP]
    warehouses = {
        (it.namespace, it.name): list(_images(it, found)) for it in objects if it.kind == "Warehouse"
    }
    tasks = {it.name: it for it in objects if it.kind in ("PromotionTask", "ClusterPromotionTask")}
    policies = [
        (it, policy)
        for it in objects
        if it.kind in ("Project", "ProjectConfig")
        for policy in items_at(it.value, "spec", "promotionPolicies")
    ]
    stages = [_stage(it, warehouses, tasks, policies, found) for it in objects if it.kind == "Stage"]
    found.stages += _in_order(stages)


def _images(warehouse: Document, found: Found) -> Iterable[Rule]:
    for number, subscription in enumerate(items_at(warehouse.value, "spec", "subscriptions")):
        for kind, value in subscription.items() if isinstance(subscription, dict) else ():
            place = warehouse.place("spec", "subscriptions", number, kind)
            if kind != "image":
                found.leave(place, f"{warehouse.title}: headway releases images, and this is a {kind}")
                continue
            try:
                tags = subscription_tags(value)
            except Untranslatable as error:
                found.leave(place, f"{warehouse.title}: {error}; write a tag rule by hand")
                continue
            yield Rule(repository_name(text_at(value, "repoURL")), tags, place, warehouse.title)


def subscription_tags(image: Mapping[str, Any]) -> dict[str, Any]:
    """Return an image subscription as the keys of a tag rule; raise Untranslatable."""
    strategy = text_at(image, "imageSelectionStrategy") or "SemVer"
    constraint = text_at(image, "constraint") or text_at(image, "semverConstraint")
    allowed = [str(it) for it in items_at(image, "allowTagsRegexes")] + [
        it for it in [text_at(image, "allowTags")] if it
    ]
    words = [whole_tag(it) for it in allowed]
    if len(words) > 1:
        raise Untranslatable("several allowTagsRegexes; a rule's `match` takes what any one of them takes")
    tags: dict[str, Any]
    if strategy == "SemVer":
        if image.get("strictSemvers") is False:
            raise Untranslatable("strictSemvers: false takes tags that are no versions; a tag rule does not")
        within = versions(constraint) if constraint else EVERY_VERSION
        tags = {"match": words[0], "range": within} if words else {"match": f"semver:{within}"}
    elif strategy == "Digest":
        tags = {"match": f"exact:{constraint}"}
    elif strategy in ("Lexical", "NewestBuild"):
        order = "alphabetical" if strategy == "Lexical" else "created"
        tags = {"match": words[0] if words else "glob:*", "order": order}
    else:
        raise Untranslatable(f"{strategy} is no imageSelectionStrategy")
    ignored = [f"exact:{it}" for it in items_at(image, "ignoreTags")]
    ignored += [whole_tag(str(it)) for it in items_at(image, "ignoreTagsRegexes")]
    if ignored:
        tags["ignore"] = ignored
    if platform := text_at(image, "platform"):
        tags["platform"] = platform
    return tags


def _stage(
    document: Document,
    warehouses: Mapping[tuple[str, str], list[Rule]],
    tasks: Mapping[str, Document],
    policies: list[tuple[Document, Any]],
    found: Found,
) -> Stage:
    stage = Stage(document.name, document.place("spec", "requestedFreight"))
    upstream: dict[str, Place] = {}
    for number, freight in enumerate(items_at(document.value, "spec", "requestedFreight")):
        sources = at(freight, "sources") or {}
        if at(sources, "direct") is True:
            origin = text_at(freight, "origin", "name")
            rules = warehouses.get((document.namespace, origin))
            if rules is None:
                found.leave(stage.place, f"{document.title}: Warehouse {origin} is not in the repo")
            stage = replace(stage, rules=(*stage.rules, *(rules or ())))
        for name in items_at(sources, "stages"):
            upstream.setdefault(
                str(name), document.place("spec", "requestedFreight", number, "sources", "stages")
            )
        if soak := text_at(sources, "requiredSoakTime"):
            stage = replace(stage, soak=soak)
        if text_at(sources, "availabilityStrategy") == "All":
            found.leave(
                stage.place,
                f"{document.title}: availabilityStrategy All: `promote_from` names one environment",
            )
    if upstream:
        first, place = next(iter(upstream.items()))
        stage = replace(stage, upstream=first, place=place)
        for name in list(upstream)[1:]:
            found.leave(
                place, f"{document.title} is promoted from {name} too; `promote_from` names one environment"
            )
    if at(document.value, "spec", "verification"):
        found.leave(
            document.place("spec", "verification"),
            f"{document.title}: verification by AnalysisTemplates; say it with `verify` (http, job or promql)",
        )
    paths = _paths(document, tasks, found)
    return replace(stage, paths=tuple(paths), automatic=_is_automatic(document, policies))


def _paths(document: Document, tasks: Mapping[str, Document], found: Found) -> list[str]:
    """Return the paths that the steps of a stage's promotion name, below its checkouts."""
    template = at(document.value, "spec", "promotionTemplate", "spec") or {}
    named = {
        str(it.get("name")): str(it.get("value")) for it in items_at(template, "vars") if isinstance(it, dict)
    }
    named |= {
        str(it.get("name")): str(it.get("value"))
        for it in items_at(document.value, "spec", "vars")
        if isinstance(it, dict)
    }
    paths: list[str] = []
    waiting = [(it, named) for it in items_at(template, "steps")]
    while waiting:
        step, known = waiting.pop(0)
        task = tasks.get(text_at(step, "task", "name"))
        if task is not None:
            given = {
                str(it.get("name")): str(it.get("value"))
                for it in items_at(step, "vars")
                if isinstance(it, dict)
            }
            defaults = {
                str(it.get("name")): str(it.get("value"))
                for it in items_at(task.value, "spec", "vars")
                if isinstance(it, dict) and "value" in it
            }
            waiting += [(it, {**defaults, **known, **given}) for it in items_at(task.value, "spec", "steps")]
            continue
        uses = text_at(step, "uses")
        if uses not in _KNOWN_STEPS:
            found.leave(
                document.place("spec", "promotionTemplate"), f"{document.title}: the step {uses} has no equal"
            )
        path = text_at(step, "config", "path")
        said = _filled(path, document, known)
        # What stands before is the folder of the checkout.
        below = (
            joined("", said.removeprefix("./").partition("/")[2]) if "/" in said.removeprefix("./") else None
        )
        if below and uses in ("kustomize-set-image", "kustomize-build", "yaml-update", "helm-template"):
            paths.append(below)
    return list(dict.fromkeys(paths))


_KNOWN_STEPS = {
    "git-clone", "git-clear", "git-commit", "git-push", "git-open-pr", "git-wait-for-pr", "git-merge-pr",
    "kustomize-set-image", "kustomize-build", "helm-template", "yaml-update", "argocd-update", "copy",
    "delete", "compose-output", "",
}  # fmt: skip
"""Steps that write an image into a checkout, push it and have it applied: what a release is here."""


def _filled(text: str, document: Document, known: Mapping[str, str]) -> str:
    return _EXPRESSION.sub(lambda it: _value(it[1], document, known, it[0]), text)


def _value(name: str, document: Document, known: Mapping[str, str], text: str) -> str:
    if name == "ctx.stage":
        return document.name
    if name == "ctx.project":
        return document.namespace
    value = known.get(name.removeprefix("vars."), text) if name.startswith("vars.") else text
    return document.name if _EXPRESSION.fullmatch(value) and "ctx.stage" in value else value


def _is_automatic(document: Document, policies: list[tuple[Document, Any]]) -> bool:
    for _, policy in policies:
        if at(policy, "autoPromotionEnabled") is not True:
            continue
        name = text_at(policy, "stage") or text_at(policy, "stageSelector", "name")
        kind, colon, rest = name.partition(":")
        if name == document.name or (colon and kind == "glob" and fnmatch.fnmatchcase(document.name, rest)):
            return True
        if colon and kind in ("regex", "regexp"):
            try:
                if re.search(rest, document.name):
                    return True
            except re.error:
                continue
        labels = at(policy, "stageSelector", "matchLabels")
        if (
            isinstance(labels, dict)
            and labels.items() <= (at(document.value, "metadata", "labels") or {}).items()
        ):
            return True
    return False


def _in_order(stages: list[Stage]) -> list[Stage]:
    """Return stages so that each comes after the one that it is promoted from."""
    left, ordered = list(stages), list[Stage]()
    while left:
        ready = [it for it in left if it.upstream not in {other.name for other in left}] or left
        ordered += ready
        left = [it for it in left if it not in ready]
    return ordered
