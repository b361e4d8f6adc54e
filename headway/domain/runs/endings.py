"""How a run says in Prefect what kind of error ended it: by the name of its state, of the type FAILED.

The name is what the Prefect UI shows and what its events are called by, so `deployments/automations.yaml`
lists each of them. The message holds no name of a class: it is the error's own, with its hint on the line below.
"""

from __future__ import annotations

from typing import Literal

from headway.errors import FailedError, HeadwayError, RefusedError, TransientError, UsageError

_KINDS: dict[str, type[HeadwayError]] = {
    "Invalid": UsageError,
    "Refused": RefusedError,
    "Unavailable": TransientError,
    "Failed": FailedError,
}
FAILURES = tuple(_KINDS)
"""The names of the states that a run fails in."""
NEVER_ANSWERED = "never resumed"
"""How Prefect says that a run which waited for an answer has run out of time."""
_HINT = "\n  "
Ending = Literal["goes on", "ended", "cut off"]


def state_name(error: HeadwayError) -> str:
    """Return the name of the state that a run with this error ends in."""
    return next((name for name, kind in _KINDS.items() if isinstance(error, kind)), "Failed")


def error_of(name: str, message: str) -> HeadwayError:
    """Return the error that a run ended with, of the class that its state's name stands for."""
    if NEVER_ANSWERED in message:
        return RefusedError(
            "nobody approved it in time", hint="start it again; `approval_timeout` is in headway.yaml"
        )
    said, _, hint = message.partition(_HINT)
    return _KINDS.get(name, FailedError)(said or name, hint=hint)


def ending(kind: str, name: str, message: str) -> Ending:
    """Return whether a run has ended, from its state; one that was cancelled or never answered could not say so.

    A run that nobody knows any more has ended. One that crashed is seen to by others.
    """
    if kind in ("SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING"):
        return "goes on"
    cut_off = (kind == "CANCELLED" and name != "Superseded") or (
        kind == "FAILED" and NEVER_ANSWERED in message
    )
    return "cut off" if cut_off else "ended"


def fate(kind: str, name: str, message: str) -> str:
    """Return what became of a run that does not wait any more, from the type, name and message of its state."""
    said = message.partition("\n")[0].strip()
    if kind == "COMPLETED":
        return "it was answered, and its release has ended"
    if name == "Superseded":
        return "a newer release superseded it"
    if kind in ("CANCELLED", "CANCELLING"):
        return said or "it was cancelled"
    if kind == "FAILED":
        return "nobody approved it in time" if NEVER_ANSWERED in said else said or "its run failed"
    if kind == "CRASHED":
        return "its process died; the next reconcile restarts it"
    if kind == "PAUSED":
        return "its question is not there yet; press again in a moment"
    return "it was answered, and goes on" if kind else "its run is not known to Prefect any more"
