"""Names of environments as teams write them: which come first, and how they are spelled in headway.yaml."""

from __future__ import annotations

import re

_RANKS = (
    ("dev", "develop", "development", "local", "sandbox", "preview", "ephemeral", "playground"),
    ("ci", "test", "tests", "testing", "int", "integration", "qa", "qas", "e2e"),
    ("uat", "acc", "acceptance", "demo", "perf", "loadtest"),
    ("stage", "staging", "stg", "stag"),
    ("preprod", "pre-prod", "preproduction", "pre-production", "pre", "canary"),
    ("prod", "prd", "production", "live"),
)
"""Words for environments, in the order of promotion."""
_RANK = {word: rank for rank, words in enumerate(_RANKS) for word in words}
GENERIC = frozenset(
    {
        "overlays", "overlay", "envs", "env", "environments", "environment", "clusters", "cluster", "k8s",
        "kubernetes", "kube", "deploy", "deployment", "deployments", "manifests", "manifest", "kustomize",
        "helm", "chart", "charts", "values", "base", "bases", "config", "gitops", "infra", "variants",
    }
)  # fmt: skip
"""Folders that say how a thing is deployed, and not which."""


def rank_of(name: str) -> int | None:
    """Return how far along the promotions an environment of this name is; None for another word.

    A word among others counts (`prod-eu`, `eu_staging`), the last one of them most.
    """
    text = name.lower()
    if text in _RANK:
        return _RANK[text]
    parts = re.split(r"[-_.]", text)
    if "pre" in parts and ("prod" in parts or "production" in parts):
        return _RANK["preprod"]
    if len(parts) < 2:
        return None
    found = [_RANK[it] for it in (parts[0], parts[-1]) if it in _RANK and it not in _AMBIGUOUS]
    return max(found, default=None)


_AMBIGUOUS = frozenset(
    {"pre", "ci", "int", "local", "live", "test", "tests", "demo", "preview", "canary", "acc"}
)
"""Words that mean an environment only where they stand alone."""


def name_of(text: str, fallback: str = "app") -> str:
    """Return a text as a name in headway.yaml: small letters, digits and dashes, 63 at the most."""
    word = "".join(it if it.isascii() and it.isalnum() else "-" for it in text.lower())
    word = re.sub(r"-+", "-", word).strip("-")
    return word[:63].strip("-") or fallback


def is_duration(text: str) -> bool:
    """Return whether a duration of Go's is one of headway.yaml: whole hours, minutes and seconds."""
    return bool(text) and re.fullmatch(r"(?:\d+h)?(?:\d+m)?(?:\d+s)?", text) is not None
