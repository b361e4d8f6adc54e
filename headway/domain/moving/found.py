"""What is found in a repo that another tool deploys: each thing with the file and line that say so.

Readers of single tools make these values, one file a tool. What a reader cannot translate exactly is a
`LeftOut` with what to do about it; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from headway.domain.images.reference import ImageRef, InvalidImage
from headway.domain.objects.identity import ObjectId
from headway.domain.rules.model import Tags
from headway.domain.rules.tags import compile_rule
from headway.errors import UsageError


class Place(NamedTuple):
    """A line of a file; `line` counts from 1."""

    file: str
    line: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class LeftOut(NamedTuple):
    """What headway.yaml cannot say, and what to do about it."""

    place: Place
    said: str

    def __str__(self) -> str:
        return f"{self.place}: {self.said}"


class Image(NamedTuple):
    """An image that a folder runs: its repository as it is written there, its tag, and where it stands."""

    repository: str
    tag: str
    place: Place

    @property
    def name(self) -> str:
        """The repository in full, to compare by; the text itself where it is none."""
        return repository_name(self.repository)


@dataclass(frozen=True, slots=True)
class Unit:
    """What one folder deploys: plain manifests, a kustomization, or a chart with its values.

    `reads` are the files that it is made from, wherever they are; `environment` is what the name of a
    values file says.
    """

    path: str
    kind: Literal["plain", "kustomization", "chart"]
    place: Place
    images: tuple[Image, ...] = ()
    objects: frozenset[ObjectId] = frozenset()
    namespaces: tuple[tuple[str, Place], ...] = ()
    reads: frozenset[str] = frozenset()
    values: tuple[str, ...] = ()
    environment: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """How a tool chooses the tags of an image; `tags` are the keys of a tag rule in headway.yaml.

    It counts where the files of `scope` are deployed, or where the object `pointer` deploys. `by` names the
    object that says it.
    """

    image: str
    tags: Mapping[str, Any]
    place: Place
    by: str
    scope: tuple[str, ...] = ()
    automatic: bool = False
    pointer: str = ""


@dataclass(frozen=True, slots=True)
class Pointer:
    """An object of a tool that deploys a folder of the repo; `by` names the object.

    `cluster` is what the tool calls the cluster, which is no context of a kubeconfig.
    """

    name: str
    path: str
    by: str
    place: Place
    namespace: str = ""
    cluster: str = ""
    values: tuple[str, ...] = ()
    release: str = ""
    timeout: str = ""


@dataclass(frozen=True, slots=True)
class Approvals:
    """How many people must approve what goes into a file's workload."""

    count: int
    place: Place
    by: str
    scope: str
    hours: int = 0


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of Kargo: whose images it gets, from where, and whether by itself."""

    name: str
    place: Place
    upstream: str = ""
    soak: str = ""
    automatic: bool = False
    rules: tuple[Rule, ...] = ()
    paths: tuple[str, ...] = ()


@dataclass(slots=True)
class Found:
    """Everything that the readers found."""

    units: list[Unit] = field(default_factory=list)
    pointers: list[Pointer] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    approvals: list[Approvals] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def leave(self, place: Place, said: str) -> None:
        """Note what could not be carried over."""
        self.left_out.append(LeftOut(place, said))

    def rule(self, rule: Rule) -> None:
        """Add a rule, or note why headway cannot use it."""
        try:
            compile_rule(Tags.model_validate(dict(rule.tags)), has_source=False)
        except (UsageError, ValueError) as error:
            said = (
                error.message if isinstance(error, UsageError) else "its values are not those of a tag rule"
            )
            self.leave(rule.place, f"{rule.by}: no tag rule can say this: {said}")
        else:
            self.rules.append(rule)


def repository_name(text: str) -> str:
    """Return a repository in full (`docker.io/library/nginx`); the text itself where it is no reference."""
    try:
        return ImageRef.parse(text).name
    except InvalidImage:
        return text


def split_image(text: str) -> tuple[str, str] | None:
    """Return an image's repository as it is written, and its tag; None for a text that is no image."""
    try:
        reference = ImageRef.parse(text)
    except InvalidImage:
        return None
    rest = text.partition("@")[0]
    if reference.tag:
        rest = rest[: -len(reference.tag) - 1]
    return rest, reference.tag or ""
