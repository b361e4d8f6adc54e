"""Is an API server's refusal a verdict on the object, or does it say something about access, load or connections?

Only a verdict fails a release. A missing right, an expired login, a full quota, a webhook that cannot be
reached or a proxy's error page says nothing about what was to run, and asking again later may succeed.
"""

from __future__ import annotations

import re

MISFIT = re.compile(r"failed to create typed patch object|field not declared in schema|\.\w+: expected ")
"""How the API server answers 500 to a manifest that does not fit its schema; that stays so."""

# Admission speaks with 403, like authorization does; these are the words of admission plugins that reject an object.
_DENIED = re.compile(
    r"admission webhook \S+ denied the request"
    r"|ValidatingAdmissionPolicy .* denied request"
    r"|violates PodSecurity"
    r"|(maximum|minimum) \S+ usage per |max limit to request ratio per "
    r"|failed quota: .* must specify",
    re.S,
)
# An answer of 500 that speaks of one of these is about something behind the API server.
_BEHIND = re.compile(
    r"failed calling webhook|failed to call webhook|conversion webhook|etcdserver|dial tcp|connection refused"
    r"|connection reset|no such host|i/o timeout|deadline exceeded|timed? ?out|TLS|x509|\bEOF\b|leader changed"
    r"|context canceled|too many requests|shutting down",
    re.I,
)
_JUDGING_CODES = frozenset({400, 405, 413, 422})


def is_verdict(code: int, said: str, *, is_status: bool) -> bool:
    """Return whether the refusal of a write is a verdict on the object that was sent.

    `said` is the answer's message; `is_status` tells that its body was a Kubernetes `Status`, as opposed
    to a proxy's page. A 500 counts only by its words; see `may_be_verdict` for one that repeats.
    """
    if not is_status:
        return False
    if code == 403:
        return bool(_DENIED.search(said))
    if code == 500:
        return bool(MISFIT.search(said))
    return code in _JUDGING_CODES


def may_be_verdict(code: int, said: str, *, is_status: bool) -> bool:
    """Return whether an answer is a verdict once it repeats with the same words while the API server is well.

    So it answers to what it cannot decode, such as a Secret's data that is no base64.
    """
    return is_status and code == 500 and bool(said) and not _BEHIND.search(said)


def goes(said: str) -> bool:
    """Return whether an answer says that the namespace of what was sent is being deleted."""
    return "being terminated" in said


_WEBHOOK = re.compile(r"fail(?:ed|ure) (?:calling|to call) webhook \"?([^\s\":]+)")
_CONVERSION = re.compile(r"conversion webhook for (\S+?), Kind=(\w+) failed")


def next_step(code: int, said: str) -> str:
    """Return what to do about an error answer that is no verdict: by its cause, and not by its code alone."""
    if found := _WEBHOOK.search(said):
        return (
            f"the admission webhook {found[1]} does not answer: see its pods and its service, or the "
            "failurePolicy of its configuration"
        )
    if found := _CONVERSION.search(said):
        return f"the conversion webhook of the kind {found[2]} ({found[1]}) does not answer: see its pods and service"
    if goes(said):
        return "its namespace is being deleted: see what holds it with `kubectl get namespace -o yaml`, then try again"
    if "etcdserver" in said:
        return "the cluster's etcd is slow or has no leader; try again"
    if code == 503 and "currently unable to handle the request" in said:
        return "the server behind this API is away: see `kubectl get apiservices`"
    if code == 409:
        return "somebody else changes the object all the time; see who, in its managedFields"
    return "the API server is busy or starting; try again"
