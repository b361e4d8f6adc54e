"""What Helm's, Argo CD's and Flux's annotations on a rendered object ask for, and what headway makes of it.

Each is honoured or refused with a reason. Applied as a plain object, a hook's Job would run at every change of its
manifest, and a test's pod for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

HELM_HOOK = "helm.sh/hook"
ARGO_HOOK = "argocd.argoproj.io/hook"
ARGO_SYNC = "argocd.argoproj.io/sync-options"
FLUX = "kustomize.toolkit.fluxcd.io/"
_NEVER_RUN = frozenset({"test", "test-success", "test-failure"})
_OF_REMOVAL = frozenset({"pre-delete", "post-delete", "pre-rollback", "post-rollback"})
_ARGO_OF_REMOVAL = frozenset({"SyncFail", "PreDelete", "PostDelete"})


@dataclass(frozen=True, slots=True)
class Meaning:
    """What becomes of a rendered object, and why: `apply` it, `leave` it out, or `refuse` it."""

    action: Literal["apply", "leave", "refuse"] = "apply"
    why: str = ""


def meaning(item: Mapping[str, Any], hooks: str = "refuse") -> Meaning:
    """Return what becomes of a rendered object; with `hooks: skip`, hooks are left out instead of refused."""
    notes = _annotations(item)
    for name, ends in ((HELM_HOOK, _OF_REMOVAL), (ARGO_HOOK, _ARGO_OF_REMOVAL)):
        if name in notes:
            found = _hook(name, _words(notes[name]), ends, hooks)
            if found.action != "apply":
                return found
    options = _words(notes.get(ARGO_SYNC, ""))
    for name, value in (("Replace", "true"), ("Force", "true")):
        if f"{name}={value}" in options:
            return Meaning(
                "refuse",
                f"{ARGO_SYNC}: {name}={value} asks to replace the object at each sync; take the option off, or write "
                'headway.dev/replace: "true", which replaces it where an update is refused',
            )
    if notes.get(f"{FLUX}reconcile") == "disabled" or notes.get(f"{FLUX}ssa") == "Ignore":
        which = "reconcile: disabled" if f"{FLUX}reconcile" in notes else "ssa: Ignore"
        return Meaning("leave", f"{FLUX}{which} says that it is not to be applied")
    ssa = notes.get(f"{FLUX}ssa", "")
    if ssa in ("IfNotPresent", "Merge"):
        return Meaning(
            "refuse",
            f"{FLUX}ssa: {ssa} leaves fields to others in a way that headway does not have; take it off",
        )
    return Meaning()


def _hook(name: str, events: frozenset[str], ends: frozenset[str], hooks: str) -> Meaning:
    if events <= _NEVER_RUN and name == HELM_HOOK:
        return Meaning("leave", f"{name} makes it a test, which only `helm test` runs")
    if events <= ends:
        return Meaning("leave", f"{name}: {_list(events)} runs when a release is removed or undone, not here")
    if events == {"crd-install"} or (name == ARGO_HOOK and events <= {"Sync"} and hooks != "skip"):
        return Meaning() if name == HELM_HOOK else _refused(name, events)
    if name == ARGO_HOOK and events == {"Skip"}:
        return Meaning("leave", f"{name}: Skip says that it is not to be applied")
    if hooks == "skip":
        return Meaning("leave", f"{name}: {_list(events)} is skipped, as headway.yaml says")
    return _refused(name, events)


def _refused(name: str, events: frozenset[str]) -> Meaning:
    return Meaning(
        "refuse",
        f"{name}: {_list(events)} is a hook, and headway runs none; take it out of the rendering, make it a plain "
        "Job (headway applies and waits for it), or leave all hooks out by `chart: {hooks: skip}` in headway.yaml",
    )


def _list(events: frozenset[str]) -> str:
    return ",".join(sorted(events))


def _words(value: Any) -> frozenset[str]:
    return frozenset(it.strip() for it in str(value).split(",") if it.strip())


def _annotations(item: Mapping[str, Any]) -> Mapping[str, Any]:
    meta = item.get("metadata")
    notes = meta.get("annotations") if isinstance(meta, dict) else None
    return notes if isinstance(notes, dict) else {}
