"""What other tools' annotations keep in the cluster."""

from __future__ import annotations

import pytest

from headway.domain.objects.keeping import kept_by

FLUX = "kustomize.toolkit.fluxcd.io/"
ARGO = "argocd.argoproj.io/"


@pytest.mark.parametrize(
    ("notes", "kept"),
    [
        ({"helm.sh/resource-policy": "keep"}, True),
        ({"helm.sh/resource-policy": "delete"}, False),
        ({f"{ARGO}sync-options": "Prune=false,Replace=true"}, True),
        ({f"{ARGO}sync-options": "Prune=true"}, False),
        ({f"{FLUX}prune": "disabled"}, True),
        ({}, False),
    ],
)
def test_what_is_to_stay_is_not_pruned(notes: dict[str, str], kept: bool) -> None:
    """The annotation is named."""
    assert bool(kept_by(notes)) is kept
