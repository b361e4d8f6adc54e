"""What a registry answers for a manifest, checked: a body is a manifest, or it is nothing.

A login page or a proxy in between answers 200 as well. Whatever is no manifest, or is not as its digest
says, gives no digest, and is an error of that registry.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from headway.domain.images.artifacts import is_manifest, what_it_is
from headway.domain.images.reference import ImageRef, is_digest
from headway.errors import FailedError, UsageError
from headway.systems.registry.wire import Answer


class NotAnImage(UsageError):
    """What a tag or a digest names is there, and is no image. `what` says what it is: "a Helm chart"."""

    def __init__(self, image: ImageRef, what: str, digest: str) -> None:
        super().__init__(
            f"{image} is {what}, not an image",
            hint=f"`headway images` lists the tags of {image.repository} that are images",
        )
        self.what, self.digest = what, digest


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    """Return the digest of some content."""
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def proven(image: ImageRef, answer: Answer) -> str | None:
    """Return the digest that content was asked for by, or that its registry names; None where none can be checked.

    Raises FailedError where the content is another.
    """
    said = image.digest or answer.headers.get("docker-content-digest", "")
    if is_digest(said):
        if digest_of(answer.body, said.partition(":")[0]) == said:
            return said
    elif not image.digest:
        return None
    raise FailedError(f"{image.registry} answers {image} with other content than its digest says")


def read_manifest(image: ImageRef, answer: Answer) -> tuple[str, dict[str, Any]]:
    """Return a manifest's digest and content; raise FailedError where the body is none, NotAnImage for a bad one."""
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError):
        value = None
    if is_manifest(value):
        return proven(image, answer) or digest_of(answer.body), value
    said = image.digest or answer.headers.get("docker-content-digest", "")
    if is_digest(said) and digest_of(answer.body, said.partition(":")[0]) == said:
        # It was pushed like this, which the registry should have refused.
        old = isinstance(value, dict) and value.get("schemaVersion") == 1
        raise NotAnImage(
            image, "a manifest of schema 1, which no runtime takes any more" if old else "no manifest", said
        )
    kind = answer.headers.get("content-type", "").partition(";")[0].strip()[:60] or "something"
    raise FailedError(
        f"registry {image.registry} answers {image} with {kind} that is not a manifest",
        hint=f"is a login page or a proxy in between? try: curl -i {answer.url}",
    )


def check_manifest(image: ImageRef, digest: str, manifest: dict[str, Any]) -> None:
    """Raise NotAnImage where a manifest describes something else."""
    if what := what_it_is(manifest):
        raise NotAnImage(image, what, digest)


def names_digest(image: ImageRef, answer: Answer) -> str:
    """Return the digest that the answer to a HEAD names; empty where there is none that can be believed."""
    said = answer.headers.get("docker-content-digest", "")
    return said if is_digest(said) and said.startswith("sha256:") and image.digest in (None, said) else ""


def read_config(answer: Answer, proven: bool) -> dict[str, Any]:
    """Return an image's configuration. What is as its digest says and still none was pushed so, and tells nothing."""
    try:
        value = answer.json()
    except FailedError:
        if not proven:
            raise
        value = None
    return value if isinstance(value, dict) else {}
