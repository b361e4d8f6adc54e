"""The index of manifests: which document of a file carries which image, and where exactly.

Images are found in Pods and in everything with a pod template at `spec.template`,
`spec.jobTemplate.spec.template` or `template`: the built-in workloads, CronJob and
PodTemplate, and custom kinds made like them, also inside a List; and in the fields of other kinds
that `image_fields` knows. What does not parse, or
has not the shape of the object that it says it is, is a problem of its file with its place,
and says nothing of other files: whatever the bytes are, nothing else is raised.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from yaml.nodes import Node, ScalarNode, SequenceNode

from headway.domain.images.reference import Image
from headway.domain.manifests.chart_values import ValuesSite, values_sites
from headway.domain.manifests.engines import KINDS, engine_sites
from headway.domain.manifests.field_sites import images_apart, whole_images
from headway.domain.manifests.image_fields import KNOWN, ImageFields
from headway.domain.manifests.image_sites import FIELD, ImageSite, ImageUse
from headway.domain.manifests.mentions import Mention, mentions, placeholders
from headway.domain.manifests.shape import misfits
from headway.domain.text.field_path import Steps
from headway.domain.text.yaml_nodes import YamlProblem, child, compose, decode, problem_at, scalar_span
from headway.domain.text.yaml_values import may_alias, node_at, value_of
from headway.errors import Problem

FORMAT = 7
"""Changes when what is cached of a file changes."""

_BOM = "\ufeff"
_ROLES = (("initContainers", "init"), ("containers", "container"), ("ephemeralContainers", "ephemeral"))
_TEMPLATES = (
    ("spec", "template", "spec"),
    ("spec", "jobTemplate", "spec", "template", "spec"),
    ("template", "spec"),
)


@dataclass(frozen=True, slots=True)
class Manifest:
    """One Kubernetes object and where it stands; `line` counts from 1, `document` from 0.

    `kept` are fields that stay as the cluster has them.
    """

    path: str
    document: int
    line: int
    object: dict[str, Any]
    kept: tuple[Steps, ...] = ()


@dataclass(frozen=True, slots=True)
class FileIndex:
    """What one file holds.

    `mentions` are images that stand where no release changes them; `doubts` are what is applied as it
    stands and is hardly meant so. `edited` is the file that holds the text, where `path` is a link to it.
    `values` are images in ConfigMaps, which count once a HelmRelease reads them.
    `rendered` is the file that makes `path` a unit, where this is what a tool made of it.
    """

    path: str = ""
    manifests: tuple[Manifest, ...] = ()
    images: tuple[ImageSite, ...] = ()
    problems: tuple[Problem, ...] = ()
    mentions: tuple[Mention, ...] = ()
    doubts: tuple[Problem, ...] = ()
    edited: str = ""
    rendered: str = ""
    values: tuple[ValuesSite, ...] = ()

    @property
    def secret(self) -> bool:
        """Return whether a Secret's values are in it, which no file of headway's may keep."""
        return any(
            it.object["kind"] == "Secret" and ("data" in it.object or "stringData" in it.object)
            for it in self.manifests
        )

    def at(self, path: str) -> FileIndex:
        """Return the same index for a file at a path; what is cached knows no path."""
        return FileIndex(
            path,
            tuple(Manifest(path, it.document, it.line, it.object) for it in self.manifests),
            tuple(it.at(path) for it in self.images),
            tuple(replace(it, file=path) for it in self.problems),
            self.mentions,
            tuple(replace(it, file=path) for it in self.doubts),
            values=tuple(replace(it, site=it.site.at(path)) for it in self.values),
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data without the path."""
        return {
            "manifests": [[it.document, it.line, it.object] for it in self.manifests],
            "images": [it.to_json() for it in self.images],
            "problems": [[it.line, it.column, it.message] for it in self.problems],
            "mentions": [[it.image.text, it.line, it.column] for it in self.mentions],
            "doubts": [[it.line, it.column, it.message] for it in self.doubts],
            "values": [[it.namespace, it.name, it.key, it.site.to_json()] for it in self.values],
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> FileIndex:
        """Read what to_json gave."""
        return cls(
            "",
            tuple(Manifest("", *it) for it in data["manifests"]),
            tuple(map(ImageSite.from_json, data["images"])),
            tuple(Problem("", *it) for it in data["problems"]),
            tuple(Mention(Image(text), line, column) for text, line, column in data["mentions"]),
            tuple(Problem("", *it) for it in data["doubts"]),
            values=tuple(
                ValuesSite(namespace, name, key, ImageSite.from_json(site))
                for namespace, name, key, site in data["values"]
            ),
        )


def index_file(data: bytes, fields: ImageFields = KNOWN) -> FileIndex:
    """Index one file's bytes. What is wrong with it is in `problems`; nothing is raised.

    `fields` are those that say images besides containers.
    """
    manifests: list[Manifest] = []
    apart: list[ImageSite] = []
    found: dict[int, tuple[ScalarNode, list[ImageUse]]] = {}
    problems: list[Problem] = []
    doubts: list[Problem] = []
    shift = 0
    text = ""
    try:
        text = decode(data)
        if text.startswith(_BOM):
            text, shift = text[1:], 1
        _refuse_pointer(text)
        aliases = may_alias(text)
        for document, node in enumerate(compose(text)):
            try:
                for item, value in _objects(node, value_of(node, aliases=aliases)):
                    manifest = _manifest(document, item, value, problems)
                    if manifest is not None:
                        manifests.append(manifest)
                        _collect(found, item, manifest)
                        if said := [it for it in fields.of(value) if it.may_be_in(value)]:
                            for scalar, use in whole_images(item, document, manifest.object, said):
                                uses = found.setdefault(id(scalar), (scalar, []))[1]
                                uses += [use] if use not in uses else []
                            apart += images_apart(text, shift, item, document, manifest.object, said)
            except YamlProblem as problem:
                problems.append(problem.at(""))
            doubts += [it.at("") for it in placeholders(node)] if "${" in text else []
    except YamlProblem as problem:
        problems.append(problem.at(""))
    images = []
    for node, uses in found.values():
        start, end = scalar_span(text, node)
        if text[start] in "|>":
            if all(it.role == FIELD for it in uses):
                # It is named where a plan finds it, and holds nothing up.
                continue
            problems.append(
                problem_at(node, "an image in a block scalar cannot be edited; write it on one line").at("")
            )
            continue
        line, column = node.start_mark.line + 1, node.start_mark.column + 1 + (start - node.start_mark.index)
        images.append(ImageSite(Image(node.value), start + shift, end + shift, line, column, tuple(uses)))
    images += apart
    kinds = {it.object["kind"] for it in manifests}
    if not kinds.isdisjoint(KINDS):
        known = {it.start for it in images}
        of_engines = engine_sites(data, ((it.document, it.object) for it in manifests))
        images += [it for it in of_engines if it.start not in known]
    images.sort(key=lambda it: it.start)
    elsewhere = mentions(text, [(it.start - shift, it.end - shift) for it in images])
    values = (
        values_sites(data, ((it.document, it.object) for it in manifests)) if "ConfigMap" in kinds else ()
    )
    return FileIndex(
        "",
        tuple(manifests),
        tuple(images),
        tuple(problems),
        tuple(elsewhere),
        tuple(doubts),
        values=tuple(values),
    )


def _refuse_pointer(text: str) -> None:
    if text.startswith("version https://git-lfs.github.com/spec/"):
        raise YamlProblem(1, 1, "this is a pointer of Git LFS, and headway does not fetch what it points to")


def _objects(node: Node, value: Any) -> Iterator[tuple[Node, Any]]:
    """Yield the objects of a document; a List's items may leave its own kind and version to it."""
    kind = value.get("kind") if isinstance(value, dict) else None
    listed = isinstance(kind, str) and kind.endswith("List")
    nodes, items = (child(node, "items"), value.get("items")) if listed else (None, None)
    if nodes is None or not isinstance(items, list):
        yield node, value
        return
    own = {"apiVersion": value.get("apiVersion"), "kind": str(kind).removesuffix("List")}
    for below, item in zip(nodes.value, items, strict=True):
        if isinstance(item, dict) and kind != "List":
            item = {**own, **{key: each for key, each in item.items() if key not in own or each}}
        yield from _objects(below, item)


def _manifest(document: int, node: Node, item: Any, problems: list[Problem]) -> Manifest | None:
    """Make a manifest of an object; where it has another shape, say so in `problems`."""
    if not isinstance(item, dict):
        raise problem_at(
            node, "this is not a Kubernetes object: a map with apiVersion, kind and metadata is expected"
        )
    for key in ("apiVersion", "kind"):
        if not isinstance(item.get(key), str) or not item[key]:
            way_out = "; if it is not meant to be one, name the file in .headwayignore"
            raise problem_at(node, f"this is not a Kubernetes object: it has no {key}{way_out}")
    meta = item.get("metadata")
    if not isinstance(meta, dict) or not isinstance(meta.get("name"), str) or not meta["name"]:
        generated = isinstance(meta, dict) and "generateName" in meta
        if generated:
            hint = " (generateName gives a new object each time)"
        else:
            odd = isinstance(meta, dict) and meta.get("name") is not None
            hint = (
                f", and {meta['name']!r} is not text: put it in quotes"
                if odd and isinstance(meta, dict) and not isinstance(meta["name"], dict | list)
                else ""
            )
        raise problem_at(node, f"{item['kind']} needs a metadata.name{hint}")
    wrong = [problem_at(node_at(node, path), said).at("") for path, said in misfits(item)]
    problems += wrong
    return None if wrong else Manifest("", document, node.start_mark.line + 1, item)


def _collect(found: dict[int, tuple[ScalarNode, list[ImageUse]]], node: Node, manifest: Manifest) -> None:
    kind = manifest.object["kind"]
    meta = manifest.object["metadata"]
    for path in (("spec",),) if kind == "Pod" else _TEMPLATES:
        value: Any = manifest.object
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        roles = [it for it in _ROLES if it[0] in value] if isinstance(value, dict) else ()
        if not roles:
            continue
        spec: Node | None = node
        for key in path:
            spec = child(spec, key)
        for field, role in roles:
            containers = child(spec, field)
            if not isinstance(containers, SequenceNode):
                continue
            for container in containers.value:
                image, name = child(container, "image"), child(container, "name")
                if not isinstance(image, ScalarNode) or not image.value:
                    continue
                use = ImageUse(
                    manifest.document,
                    kind,
                    str(meta.get("namespace") or ""),
                    meta["name"],
                    name.value if isinstance(name, ScalarNode) else "",
                    role,
                )
                found.setdefault(id(image), (image, []))[1].append(use)
