"""What annotations of Helm, Argo CD and Flux make of a rendered object."""

from __future__ import annotations

import pytest

from headway.domain.rendering.meaning import meaning

FLUX = "kustomize.toolkit.fluxcd.io/"
ARGO = "argocd.argoproj.io/"


@pytest.mark.parametrize(
    ("notes", "action", "skipped"),
    [
        ({}, "apply", "apply"),
        ({"helm.sh/hook": "pre-install,pre-upgrade"}, "refuse", "leave"),
        ({"helm.sh/hook": "post-install"}, "refuse", "leave"),
        ({"helm.sh/hook": "test"}, "leave", "leave"),
        ({"helm.sh/hook": "test-success"}, "leave", "leave"),
        ({"helm.sh/hook": "pre-delete, post-delete"}, "leave", "leave"),
        ({"helm.sh/hook": "post-delete,post-install"}, "refuse", "leave"),
        ({"helm.sh/hook": "crd-install"}, "apply", "apply"),
        ({"helm.sh/resource-policy": "keep"}, "apply", "apply"),
        ({f"{ARGO}hook": "PreSync"}, "refuse", "leave"),
        ({f"{ARGO}hook": "Sync"}, "refuse", "leave"),
        ({f"{ARGO}hook": "Skip"}, "leave", "leave"),
        ({f"{ARGO}hook": "SyncFail"}, "leave", "leave"),
        ({f"{ARGO}sync-wave": "1"}, "apply", "apply"),
        ({f"{ARGO}sync-options": "Prune=false"}, "apply", "apply"),
        ({f"{ARGO}sync-options": "ServerSideApply=true, Replace=true"}, "refuse", "refuse"),
        ({f"{FLUX}reconcile": "disabled"}, "leave", "leave"),
        ({f"{FLUX}ssa": "Ignore"}, "leave", "leave"),
        ({f"{FLUX}ssa": "IfNotPresent"}, "refuse", "refuse"),
        ({f"{FLUX}ssa": "Override"}, "apply", "apply"),
    ],
)
def test_each_annotation_is_honoured_or_refused_with_a_reason(
    notes: dict[str, str], action: str, skipped: str
) -> None:
    """With `hooks: skip`, what would be refused for being a hook is left out."""
    item = {"kind": "Job", "metadata": {"name": "a", "annotations": notes}}
    assert meaning(item).action == action
    assert meaning(item, "skip").action == skipped
    assert bool(meaning(item).why) == (action != "apply")


@pytest.mark.parametrize("item", [{}, {"metadata": None}, {"metadata": {"annotations": ["a"]}}])
def test_an_object_without_annotations_is_applied(item: dict[str, object]) -> None:
    """Whatever stands in their place."""
    assert meaning(item).action == "apply"
