"""Who sent an event: a signature over its body, or a token that only the sender knows. Compared in constant time."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
from collections.abc import Callable, Mapping

Headers = Mapping[str, str]
Query = Mapping[str, str]


def verify(sender: str, secret: str, headers: Headers, query: Query, body: bytes) -> bool:
    """Return whether a request comes from somebody who has the secret. Header names are in lower case."""
    if not secret:
        return False
    return _WAYS[sender](secret, headers, query, body)


def _signed(*names: str) -> Callable[[str, Headers, Query, bytes], bool]:
    """Take an HMAC-SHA256 of the body in one of the headers, with or without `sha256=` before it."""

    def check(secret: str, headers: Headers, query: Query, body: bytes) -> bool:
        expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        given = next((headers[name] for name in names if headers.get(name)), "")
        return _same(given.strip().removeprefix("sha256=").lower(), expected)

    return check


def _header(name: str) -> Callable[[str, Headers, Query, bytes], bool]:
    return lambda secret, headers, query, body: _same(headers.get(name, ""), secret)


def _token(secret: str, headers: Headers, query: Query, body: bytes) -> bool:
    """Take the secret as a bearer token, as Basic's password, as it is, or as `?token=` of who can only keep a URL."""
    said = headers.get("authorization", "")
    scheme, _, rest = said.partition(" ")
    candidates = [said, query.get("token", "")]
    if scheme.lower() == "bearer":
        candidates.append(rest.strip())
    if scheme.lower() == "basic":
        with contextlib.suppress(binascii.Error, ValueError):
            candidates.append(base64.b64decode(rest, validate=True).decode().partition(":")[2])
    return any(_same(it, secret) for it in candidates)


def _generic(secret: str, headers: Headers, query: Query, body: bytes) -> bool:
    if headers.get("x-headway-signature"):
        return _signed("x-headway-signature")(secret, headers, query, body)
    return _token(secret, headers, query, body)


def _bitbucket(secret: str, headers: Headers, query: Query, body: bytes) -> bool:
    return _signed("x-hub-signature-256", "x-hub-signature")(secret, headers, query, body)


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode("utf-8", "replace"))


_WAYS: dict[str, Callable[[str, Headers, Query, bytes], bool]] = {
    "distribution": _token,
    "dockerhub": _token,
    "github": _signed("x-hub-signature-256"),
    "gitlab": _header("x-gitlab-token"),
    "harbor": _token,
    "quay": _token,
    "ecr": _token,
    "gar": _token,
    "acr": _token,
    "gitea": _signed("x-gitea-signature", "x-forgejo-signature", "x-hub-signature-256"),
    "bitbucket": _bitbucket,
    "generic": _generic,
}
