"""Why a cluster does not know a manifest's kind, and what to write instead.

Kinds are removed from Kubernetes version by version, custom ones come with their
definition, and names are misspelled; each of these has another remedy.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from headway.domain.objects.identity import split_api_version
from headway.domain.objects.ordering import built_in


def why_unknown(api_version: str, kind: str, served: Iterable[tuple[str, str]]) -> str:
    """Return a sentence that says why nothing serves a kind; `served` are pairs of apiVersion and kind."""
    known = list(served)
    group, _ = split_api_version(api_version)
    missing = f"the cluster has no kind {kind} in {api_version}"
    elsewhere = [version for version, name in known if name == kind]
    here = [version for version in elsewhere if split_api_version(version)[0] == group]
    if here:
        return f"{missing}: it has {kind} in {' and '.join(here)}; change apiVersion"
    moved = [version for version in elsewhere if built_in(split_api_version(version)[0])]
    if built_in(group) and moved:
        return f"{missing}: it has {kind} in {' and '.join(moved)}; change apiVersion"
    names = {name for version, name in known if version == api_version}
    if near := difflib.get_close_matches(kind, sorted(names), n=1, cutoff=0.7):
        return f"{missing}; did you mean {near[0]}?"
    if built_in(group):
        return f"{missing}: this version of Kubernetes has not got it"
    if elsewhere:
        return f"{missing}; is its CRD installed? There is a {kind} in {' and '.join(elsewhere)}"
    return f"{missing}; is its CRD installed?"
