"""The files of a repo as documents that know their lines, whatever tool they are for.

A document that cannot be read is nobody's here: `headway lint` says what is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode

from headway.domain.manifests.index import FileIndex, index_file
from headway.domain.moving.found import Place
from headway.domain.objects.identity import split_api_version
from headway.domain.text.yaml_nodes import YamlProblem, compose, decode
from headway.domain.text.yaml_values import node_at, value_of

Path = tuple[str | int, ...]
_TEXTS = (".yaml", ".yml", ".json")
KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file; `value` is a map."""

    file: str
    node: Node
    value: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """The kind of the object; empty for what is none."""
        return text_at(self.value, "kind")

    @property
    def group(self) -> str:
        """The API group of the object."""
        return split_api_version(text_at(self.value, "apiVersion"))[0]

    @property
    def name(self) -> str:
        """The object's name."""
        return text_at(self.value, "metadata", "name")

    @property
    def namespace(self) -> str:
        """The object's namespace."""
        return text_at(self.value, "metadata", "namespace")

    @property
    def title(self) -> str:
        """The object's kind and name, for people."""
        return f"{self.kind} {self.name}"

    def place(self, *path: str | int) -> Place:
        """Return the line of a key, or of the nearest one above it."""
        node = self.node
        for depth, step in enumerate(path):
            if isinstance(step, str) and isinstance(node, MappingNode):
                pair = next(
                    (it for it in node.value if isinstance(it[0], ScalarNode) and it[0].value == step), None
                )
                if pair is None:
                    break
                if depth == len(path) - 1:
                    return Place(self.file, pair[0].start_mark.line + 1)
                node = pair[1]
            else:
                below = node_at(node, (step,))
                if below is node:
                    break
                node = below
        return Place(self.file, node.start_mark.line + 1)

    def annotations(self) -> dict[str, str]:
        """Return the object's annotations."""
        found = at(self.value, "metadata", "annotations")
        return {str(key): str(it) for key, it in found.items()} if isinstance(found, dict) else {}


def at(value: Any, *path: str | int) -> Any:
    """Return what stands at a path of maps and lists; None where nothing does."""
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def text_at(value: Any, *path: str | int) -> str:
    """Return the text at a path; empty where there is none."""
    found = at(value, *path)
    return found if isinstance(found, str) else ""


def items_at(value: Any, *path: str | int) -> list[Any]:
    """Return the list at a path; empty where there is none."""
    found = at(value, *path)
    return found if isinstance(found, list) else []


class Repo:
    """The files of a repo, by path: each read once, when it is asked for."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = files
        self._documents: dict[str, tuple[Document, ...]] = {}
        self._indexes: dict[str, FileIndex] = {}

    @cached_property
    def folders(self) -> Mapping[str, list[str]]:
        """The files of each folder, and every folder above one."""
        found: dict[str, list[str]] = {}
        for path in sorted(self.files):
            folder = parent(path)
            found.setdefault(folder, []).append(path)
            while folder:
                folder = parent(folder)
                found.setdefault(folder, [])
        return found

    def documents(self, path: str) -> tuple[Document, ...]:
        """Return the maps of a file; none for what is not there or is not YAML."""
        if path not in self._documents:
            self._documents[path] = tuple(self._read(path))
        return self._documents[path]

    def _read(self, path: str) -> Iterator[Document]:
        data = self.files.get(path)
        if data is None:
            return
        try:
            for node in compose(decode(data).removeprefix("\ufeff")):
                yield from _flat(path, node, value_of(node))
        except YamlProblem:
            return

    def index(self, path: str) -> FileIndex:
        """Return the index of a file's manifests."""
        if path not in self._indexes:
            self._indexes[path] = index_file(self.files[path]).at(path)
        return self._indexes[path]

    @cached_property
    def charts(self) -> frozenset[str]:
        """The folders of charts."""
        return frozenset(parent(it) for it in self.files if it.rpartition("/")[2] == "Chart.yaml")

    @cached_property
    def kustomizations(self) -> Mapping[str, Document]:
        """The kustomization of each folder that has one."""
        found = {}
        for path in sorted(self.files):
            if path.rpartition("/")[2] in KUSTOMIZATIONS and not self.in_chart(path):
                first = next(iter(self.documents(path)), None)
                if first is not None and first.group in ("", "kustomize.config.k8s.io"):
                    found[parent(path)] = first
        return found

    def in_chart(self, path: str) -> bool:
        """Return whether a file is part of a chart."""
        return any(folder in self.charts for folder in ancestors(path))

    def objects(self, *words: bytes) -> Iterator[Document]:
        """Yield the Kubernetes objects of the files that hold one of the words, but those in charts.

        Definitions of kinds are most of the text of many repos, and nothing is to be found in them.
        """
        for path in sorted(self.files):
            data = self.files[path]
            if path.endswith(_TEXTS) and any(it in data for it in words) and not self.in_chart(path):
                yield from (it for it in self.documents(path) if it.kind and it.group is not None)

    def is_folder(self, path: str) -> bool:
        """Return whether there is a folder at a path."""
        return path in self.folders


def _flat(path: str, node: Node, value: Any) -> Iterator[Document]:
    if not isinstance(value, dict):
        return
    items = value.get("items")
    if value.get("kind") == "List" and isinstance(items, list):
        for number, item in enumerate(items):
            yield from _flat(path, node_at(node, ("items", number)), item)
        return
    yield Document(path, node, value)


def parent(path: str) -> str:
    """Return the folder of a path; empty for the root."""
    return path.rpartition("/")[0]


def ancestors(path: str) -> Iterator[str]:
    """Yield the folders above a path, the nearest first, the root (empty) last."""
    while path:
        path = parent(path)
        yield path


def is_below(path: str, folder: str) -> bool:
    """Return whether a path is a folder or in it."""
    return folder in ("", ".") or path == folder or path.startswith(f"{folder}/")


def joined(folder: str, relative: str) -> str | None:
    """Return a path relative to a folder, as a path in the repo; None where it leads out of it."""
    parts = [it for it in folder.split("/") if it]
    if relative.startswith("/"):
        return None
    for step in relative.split("/"):
        if step == "..":
            if not parts:
                return None
            parts.pop()
        elif step not in ("", "."):
            parts.append(step)
    return "/".join(parts)


REMOTE = re.compile(
    r"^(?:[a-z][a-z0-9+.-]*://|git@|github\.com/|bitbucket\.org/|gitlab\.com/|[^/]+::)|\?ref=|\.git(?://|\?|$)"
)
"""What kustomize fetches from elsewhere."""
