"""Which rights a release needs, and which of them a user's rules give."""

from __future__ import annotations

from typing import Any

import pytest

from headway.domain.objects.identity import ObjectId
from headway.domain.objects.rights import Right, described, not_given, to_apply, to_take_turns, to_watch

WEB = ObjectId("apps", "Deployment", "shop", "web")


def rule(verbs: str, groups: str, resources: str, *names: str) -> dict[str, Any]:
    return {
        "verbs": verbs.split(),
        "apiGroups": ["" if it == "core" else it for it in groups.split()],
        "resources": resources.split(),
        **({"resourceNames": list(names)} if names else {}),
    }


@pytest.mark.parametrize(
    ("right", "rules", "given"),
    [
        (Right("shop", "apps", "deployments", "patch"), [rule("*", "*", "*")], True),
        (Right("shop", "apps", "deployments", "patch"), [rule("get patch", "apps", "deployments")], True),
        (Right("shop", "apps", "deployments", "patch"), [rule("get", "apps", "deployments")], False),
        (Right("shop", "apps", "deployments", "patch"), [rule("patch", "core", "deployments")], False),
        (Right("shop", "apps", "deployments", "patch"), [rule("patch", "apps", "replicasets")], False),
        (Right("shop", "apps", "deployments", "patch"), [], False),
        # A rule for one object is none for all of them.
        (Right("shop", "apps", "deployments", "patch"), [rule("patch", "apps", "deployments", "web")], False),
        (
            Right("shop", "coordination.k8s.io", "leases", "get", name="headway-shop"),
            [rule("get", "coordination.k8s.io", "leases", "headway-shop")],
            True,
        ),
        # A part of an object is asked for by its own name.
        (Right("shop", "", "pods/log", "get"), [rule("get", "core", "pods")], False),
        (Right("shop", "", "pods/log", "get"), [rule("get", "core", "pods pods/log")], True),
        (Right("shop", "", "pods/log", "get"), [rule("get", "core", "*/log")], True),
    ],
)
def test_what_a_rule_gives(right: Right, rules: list[dict[str, Any]], given: bool) -> None:
    assert not_given([right], rules) == ([] if given else [right])


def test_a_deployments_rollout_is_watched_through_its_pods_and_replica_sets() -> None:
    assert {str(it) for it in to_watch([WEB])} == {
        f"{verb} {kind} in shop"
        for verb in ("list", "watch")
        for kind in ("deployments.apps", "replicasets.apps", "pods")
    }
    assert not to_watch([ObjectId("", "ConfigMap", "shop", "web")])


def test_what_is_missing_is_reported_with_what_is_impossible_without_it() -> None:
    rights = to_apply([(("", "configmaps"), "shop"), (("", "configmaps"), "shop")])
    read_only = [rule("get list", "core", "configmaps")]
    assert described(not_given(rights, read_only)) == [
        "may not create configmaps in shop: nothing new can be made",
        "may not patch configmaps in shop: nothing can be applied",
        "may not delete configmaps in shop: what leaves the repo cannot be pruned",
    ]
    assert "may not get, create, update leases.coordination.k8s.io in shop" in "\n".join(
        described(to_take_turns("shop", "staging"))
    ).replace(": deploys", " deploys")


def test_what_is_never_pruned_need_not_be_deleted() -> None:
    said = [str(it) for it in to_apply([(("", "namespaces"), ""), (("", "persistentvolumeclaims"), "shop")])]
    assert said == [
        "get namespaces",
        "patch namespaces",
        "get persistentvolumeclaims in shop",
        "list persistentvolumeclaims in shop",
        "create persistentvolumeclaims in shop",
        "patch persistentvolumeclaims in shop",
    ]
