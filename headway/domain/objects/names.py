"""Which names Kubernetes lets objects have: what is none never becomes a part of an address.

From `ValidateObjectMeta` of the API machinery and each kind's own rule. Kinds that headway does not
know may follow the weakest of them, that for a part of a path; the API server judges the rest.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from headway.domain.objects.ordering import built_in
from headway.errors import UsageError

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_PART = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NO_SEGMENT = re.compile(r"[/%\x00-\x20\x7f-\xa0\u2028\u2029\ud800-\udfff]")
_LENGTH = 253
_LABELS = frozenset({("", "Namespace"), ("", "Service")})
_SEGMENT_GROUPS = frozenset({"rbac.authorization.k8s.io", "certificates.k8s.io", "internal.apiserver.k8s.io"})
_SEGMENTS = frozenset(
    {
        ("networking.k8s.io", "IPAddress"),
        ("storage.k8s.io", "CSIDriver"),
        ("storage.k8s.io", "CSINode"),
        ("apiserverinternal.k8s.io", "StorageVersion"),
    }
)


def name_problem(group: str, kind: str, name: str) -> str:
    """Return what is wrong with an object's name; nothing where it may be one."""
    if not built_in(group) or group in _SEGMENT_GROUPS or (group, kind) in _SEGMENTS:
        if name in (".", "..") or _NO_SEGMENT.search(name) or len(name) > _LENGTH:
            return "a name without spaces, `/` and `%` is expected, and not `.` or `..`"
        return ""
    if (group, kind) in _LABELS:
        return "" if _LABEL.fullmatch(name) else _EXPECTED.format(63, "", kind)
    return "" if len(name) <= _LENGTH and _PART.fullmatch(name) else _EXPECTED.format(_LENGTH, ", dots", kind)


def namespace_problem(name: str) -> str:
    """Return what is wrong with the name of a namespace; nothing where it may be one."""
    return name_problem("", "Namespace", name)


_EXPECTED = (
    "at most {} lower-case letters, digits{} and dashes are expected as the name of a {}, "
    "the first and the last no dash"
)


def segment(name: str) -> str:
    """Return a name as one part of an address, whatever is in it; raise UsageError for what would be another part."""
    if name in ("", ".", ".."):
        raise UsageError(f"{name!r} cannot be the name of an object", hint="correct its name")
    return quote(name, safe=":")
