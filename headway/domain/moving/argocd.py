"""Argo CD: which folders of the repo its Applications and ApplicationSets deploy, and where.

Generators with lists, or with folders or files of this repo, are expanded as Argo CD does
(`{{name}}` and Go templates that name a value); others are left out by name.
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from headway.domain.moving.documents import Document, Repo, at, items_at, joined, text_at
from headway.domain.moving.found import Found, Place, Pointer
from headway.domain.moving.image_updater import read_annotations

_GROUP = "argoproj.io"
_PLACEHOLDER = re.compile(r"\{\{\s*\.?([A-Za-z0-9_.\[\]-]+)\s*\}\}")
_HERE = ("https://kubernetes.default.svc", "")


@dataclass(frozen=True, slots=True)
class Application:
    """An Application as it is, or as a generator makes it."""

    name: str
    namespace: str
    value: Mapping[str, Any]
    document: Document
    above: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The object's kind and name, for people."""
        made = "" if self.document.kind == "Application" else f" of {self.document.title}"
        return f"Application {self.name}{made}"

    def place(self, *path: str | int) -> Place:
        """Return the line of one of its keys."""
        return self.document.place(*self.above, *path)


def read_argocd(repo: Repo, found: Found) -> None:
    """Add what Argo CD's objects say."""
    for document in repo.objects(b"argoproj.io"):
        if document.group != _GROUP or document.kind not in ("Application", "ApplicationSet"):
            continue
        for application in applications(repo, document, found):
            _application(repo, application, found)


def applications(repo: Repo, document: Document, found: Found) -> Iterator[Application]:
    """Yield the applications of a document: itself, or those that its generators make."""
    if document.kind == "Application":
        yield Application(document.name, document.namespace, document.value, document)
        return
    template = at(document.value, "spec", "template")
    if not isinstance(template, dict):
        return
    for values in _generated(repo, document, items_at(document.value, "spec", "generators"), found):
        made = _filled(template, values)
        name = text_at(made, "metadata", "name")
        yield Application(name, document.namespace, made, document, ("spec", "template"))
    if at(document.value, "spec", "templatePatch"):
        found.leave(
            document.place("spec", "templatePatch"), f"{document.title}: templatePatch is not followed"
        )


def _generated(
    repo: Repo, document: Document, generators: list[Any], found: Found
) -> Iterator[dict[str, str]]:
    for number, generator in enumerate(generators):
        place = document.place("spec", "generators", number)
        if not isinstance(generator, dict):
            continue
        if "list" in generator:
            yield from (_flat(it) for it in items_at(generator, "list", "elements") if isinstance(it, dict))
        elif items_at(generator, "git", "directories"):
            yield from _folders(repo, items_at(generator, "git", "directories"))
        elif items_at(generator, "git", "files"):
            yield from _files(repo, items_at(generator, "git", "files"))
        elif "matrix" in generator:
            both = [
                list(_generated(repo, document, [it], found))
                for it in items_at(generator, "matrix", "generators")
            ]
            if len(both) == 2:
                yield from ({**left, **right} for left in both[0] for right in both[1])
        else:
            kind = ", ".join(it for it in generator if it not in ("selector", "template", "values"))
            found.leave(place, f"{document.title}: what the generator {kind} gives is not in the repo")


def _folders(repo: Repo, wanted: list[Any]) -> Iterator[dict[str, str]]:
    taken = [str(it.get("path")) for it in wanted if isinstance(it, dict) and not it.get("exclude")]
    excluded = [str(it.get("path")) for it in wanted if isinstance(it, dict) and it.get("exclude")]
    for folder in sorted(repo.folders):
        if any(_fits(folder, it) for it in taken) and not any(_fits(folder, it) for it in excluded):
            name = folder.rpartition("/")[2]
            parts = {f"path[{number}]": it for number, it in enumerate(folder.split("/"))}
            parts |= {f"path.segments.{number}": it for number, it in enumerate(folder.split("/"))}
            yield {
                "path": folder,
                "path.path": folder,
                "path.basename": name,
                "path.basenameNormalized": name,
                **parts,
            }


def _files(repo: Repo, wanted: list[Any]) -> Iterator[dict[str, str]]:
    for path in sorted(repo.files):
        if any(_fits(path, str(it.get("path"))) for it in wanted if isinstance(it, dict)):
            folder = path.rpartition("/")[0]
            for document in repo.documents(path):
                name = folder.rpartition("/")[2]
                yield {**_flat(document.value), "path": folder, "path.path": folder, "path.basename": name}


def _fits(path: str, pattern: str) -> bool:
    """Return whether a path fits a pattern whose `*` ends at a slash, unless it is `**`."""
    have, want = path.split("/"), pattern.strip("/").split("/")
    if "**" in want:
        return fnmatch.fnmatchcase(path, pattern.replace("**", "*"))
    return len(have) == len(want) and all(map(fnmatch.fnmatchcase, have, want))


def _flat(value: Mapping[str, Any], above: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, item in value.items():
        if isinstance(item, dict):
            found |= _flat(item, f"{above}{key}.")
        elif not isinstance(item, list):
            found[f"{above}{key}"] = json.dumps(item) if isinstance(item, bool) else str(item)
    return found


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {_filled(key, values): _filled(it, values) for key, it in value.items()}
    if isinstance(value, list):
        return [_filled(it, values) for it in value]
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda it: values.get(it[1], it[0]), value)
    return value


def _application(repo: Repo, application: Application, found: Found) -> None:
    spec = at(application.value, "spec") or {}
    several = items_at(spec, "sources")
    sources: list[tuple[Any, tuple[str | int, ...]]] = [
        (it, ("spec", "sources", number)) for number, it in enumerate(several)
    ] or [(at(spec, "source") or {}, ("spec", "source"))]
    pointers = []
    for source, where in sources:
        pointer = _pointer(repo, application, source, where, found)
        if pointer is not None:
            pointers.append(pointer)
    if several and len(pointers) > 1:
        found.leave(
            application.place("spec", "sources"),
            f"{application.title} joins several folders of this repo; an environment has one: put them below it",
        )
    found.pointers += pointers[:1]
    read_annotations(application, pointers[0].by if pointers else "", found)
    if not pointers:
        return
    for key, said in _LEFT.items():
        if at(spec, *key.split(".")):
            found.leave(application.place("spec", *key.split(".")), f"{application.title}: {key}: {said}")
    if "automated" not in (at(spec, "syncPolicy") or {}):
        found.leave(
            application.place("spec"),
            f"{application.title} is synced by hand; headway applies what is pushed at its next reconcile",
        )


_LEFT = {
    "ignoreDifferences": "headway leaves alone what a manifest does not say; take the fields out of the manifest",
    "source.plugin": "headway runs no plug-ins",
    "source.directory.jsonnet": "headway does not render Jsonnet",
    "source.directory.include": "name what is not a manifest in .headwayignore",
    "source.directory.exclude": "name it in .headwayignore",
    "source.kustomize": "move it into the kustomization of the folder",
    "source.helm.values": "move them into a values file and name it in `chart.values`",
    "source.helm.valuesObject": "move them into a values file and name it in `chart.values`",
    "source.helm.parameters": "move them into a values file and name it in `chart.values`",
    "source.helm.fileParameters": "move them into a values file and name it in `chart.values`",
}


def _pointer(
    repo: Repo, application: Application, source: Any, where: tuple[str | int, ...], found: Found
) -> Pointer | None:
    written = text_at(source, "path")
    if text_at(source, "ref") and not written:
        return None
    path = joined("", written or ".") if not text_at(source, "chart") else None
    if _PLACEHOLDER.search(written):
        found.leave(
            application.place(*where),
            f"{application.title}: {written} is not known before Argo CD fills it in",
        )
        return None
    if path is None or not repo.is_folder(path):
        what = f"the chart {text_at(source, 'chart')}" if text_at(source, "chart") else written or "."
        found.leave(
            application.place(*where),
            f"{application.title} deploys {what} of {text_at(source, 'repoURL')}, which is not in this repo: Argo CD "
            "goes on doing so; where the Application is in an environment, a release changes the images that it says",
        )
        return None
    target = at(application.value, "spec", "destination") or {}
    server = text_at(target, "server")
    cluster = text_at(target, "name") or ("" if server in _HERE else server)
    values = []
    for it in items_at(source, "helm", "valueFiles"):
        # `$name/…` is a file of another source; that source is taken for this repo where the file is in it.
        said = str(it)
        file = joined("", said.partition("/")[2]) if said.startswith("$") else joined(path, said)
        if file is not None and file in repo.files:
            values.append(file)
        else:
            found.leave(
                application.place(*where), f"{application.title}: the values file {said} is not in this repo"
            )
    pointer = Pointer(
        application.name,
        path,
        application.title,
        application.place(*where),
        namespace=text_at(target, "namespace"),
        cluster="" if cluster == "in-cluster" else cluster,
        values=tuple(values),
    )
    if path in repo.charts:
        return replace(pointer, release=text_at(source, "helm", "releaseName") or application.name)
    return pointer
