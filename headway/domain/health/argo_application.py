"""Argo CD's Application: what it says of itself, and whether that is about the source that it names now.

It tells no generation. What was compared and synced last stands in its status, so that a word about the source
before is known as one.
"""

from __future__ import annotations

from collections.abc import Mapping

from headway.domain.health.self_report import Found, Object, map_at
from headway.domain.health.status_words import word_of


def application(item: Object) -> Found | None:
    """Return an Application's state; None where it reports neither a sync nor a health."""
    spec, status = map_at(item, "spec"), map_at(item, "status")
    sync, health = map_at(status, "sync"), map_at(status, "health")
    if not sync and not health:
        return None
    if errors := _errors(status):
        return "failed", errors
    if not _is_about(map_at(sync, "comparedTo"), spec):
        return "progressing", "Argo CD has not compared it with its new source yet"
    operation = map_at(status, "operationState")
    phase, said = str(operation.get("phase") or ""), _line(operation.get("message"))
    if _is_about(map_at(operation, "syncResult"), spec):
        if phase in ("Failed", "Error"):
            return "failed", f"its sync has failed: {said}" if said else "its sync has failed"
        if phase in ("Running", "Terminating"):
            return "progressing", said or "it is being synced"
    if sync.get("status") == "OutOfSync":
        if _is_automated(spec):
            return "progressing", "OutOfSync: it is not synced yet"
        return "held", "OutOfSync, and its sync policy is not automated: somebody has to sync it"
    if sync.get("status") == "Unknown":
        return "progressing", "Argo CD does not know yet whether it is in sync"
    word, said = str(health.get("status") or ""), _line(health.get("message"))
    if not word:
        return None
    state = {"Missing": "progressing"}.get(word) or word_of({"status": {"health": {"status": word}}})[0]
    text = f"{word}: {said}" if said else word
    return (state or "progressing", "" if state == "ready" else text)  # type: ignore[return-value]


def _errors(status: Object) -> str:
    """Return the first of its conditions that is an error; they have a type and a message, and no status."""
    listed = status.get("conditions")
    for it in listed if isinstance(listed, list) else ():
        if isinstance(it, Mapping) and str(it.get("type", "")).endswith("Error"):
            return f"{it['type']}: {_line(it.get('message'))}"
    return ""


def _is_about(said: Object, spec: Object) -> bool:
    """Return whether something is about the source that an Application has now; also where it names none."""
    for key in ("source", "sources"):
        there, wanted = said.get(key), spec.get(key)
        if there and wanted and there != wanted:
            return False
    return True


def _is_automated(spec: Object) -> bool:
    policy = map_at(spec, "syncPolicy").get("automated")
    return isinstance(policy, Mapping) and policy.get("enabled") is not False


def _line(text: object) -> str:
    return " ".join(str(text or "").split())
