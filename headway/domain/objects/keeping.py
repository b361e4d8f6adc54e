"""Which annotations of other tools say that an object stays in the cluster though it left the repo."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HELM = "helm.sh/resource-policy"
ARGO = "argocd.argoproj.io/sync-options"
FLUX = "kustomize.toolkit.fluxcd.io/prune"
_STAYS = frozenset({"Prune=false", "Delete=false"})


def kept_by(annotations: Mapping[str, Any]) -> str:
    """Return which annotation says that an object stays; empty where none does."""
    if str(annotations.get(HELM, "")).strip().lower() == "keep":
        return f"{HELM}: keep"
    options = str(annotations.get(ARGO, ""))
    if not _STAYS.isdisjoint(it.strip() for it in options.split(",")):
        return f"{ARGO}: {options}"
    return f"{FLUX}: disabled" if annotations.get(FLUX) == "disabled" else ""
