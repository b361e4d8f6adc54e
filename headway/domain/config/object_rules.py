"""What headway.yaml says of the fields of objects: which say images, which are kept, and which say how an object is."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from headway.domain.manifests.image_fields import ImageField
from headway.domain.objects.conditions import parse_question
from headway.domain.objects.kept_fields import KeptField
from headway.domain.rules.model import Part
from headway.domain.text.field_path import parse_path

KIND = r"^[A-Za-z][A-Za-z0-9]*(\.[a-z0-9.-]+)?$"


def _path(value: str) -> str:
    parse_path(value)
    return value


FieldPath = Annotated[str, AfterValidator(_path)]


class KeepRule(Part):
    """A field that is left as the cluster has it."""

    kind: str = Field(pattern=KIND)
    """The kind, with its API group after a dot if several groups have one: `Tenant.minio.min.io`."""
    name: str = ""
    """Name of the object. Default: every object of the kind."""
    path: FieldPath
    """Path of the field: `data.password`, `spec.template.metadata.annotations."checksum/secret"`."""

    @property
    def field(self) -> KeptField:
        """The same as the rendering takes it."""
        return KeptField(self.kind, parse_path(self.path), self.name)


def _question(value: str) -> str:
    parse_question(value)
    return value


Questions = list[Annotated[str, AfterValidator(_question)]]


class HealthRule(Part):
    """When objects of one kind are ready. Overrides what headway knows about the kind."""

    kind: str = Field(pattern=KIND)
    """The kind, with its API group after a dot if several groups have one: `Tenant.minio.min.io`."""
    ready: Questions = []
    """Conditions that must all be true, as in `kubectl wait --for`: `condition=Ready`. Empty: always ready."""
    failed: Questions = []
    """Conditions of failure, in the same syntax. One is enough."""
    held: Questions = []
    """Conditions under which it is applied but not running, such as a pause. One is enough."""


def _kind_with_image(value: str) -> str:
    if value.partition(".")[0] == "Secret":
        raise ValueError("another kind is expected: the values of Secrets are not read")
    return value


class ImageRule(Part):
    """Where objects of one kind say an image, besides their containers."""

    kind: Annotated[str, AfterValidator(_kind_with_image)] = Field(pattern=KIND)
    """The kind, with its API group after a dot if several groups have one: `Tenant.minio.min.io`."""
    name: str = ""
    """Name of the object. Default: every object of the kind."""
    path: FieldPath
    """Path of the field that says the image: `spec.image`, `spec.steps[*].image`,
    `spec.template.spec.containers[0].env[?name=IMAGE].value`, `data."app.image"`. With `tag` or `digest`, the field
    that says its repository."""
    tag: FieldPath | None = None
    """Path of the field that says the tag, where it stands apart."""
    digest: FieldPath | None = None
    """Path of the field that says the digest, where it stands apart."""

    @property
    def field(self) -> ImageField:
        """The same as the manifests are read by it."""
        return ImageField.of(self.kind, self.path, self.tag or "", self.digest or "", self.name)
