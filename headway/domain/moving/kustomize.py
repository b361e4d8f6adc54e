"""Kustomizations: which of them are deployed, what each is made from, and the images that come out.

Nothing is rendered here: images are those of the manifests that a kustomization reads, with its `images:`
and those of its bases put in.
"""

from __future__ import annotations

from headway.domain.moving.documents import REMOTE, Document, Repo, items_at, joined, parent, text_at
from headway.domain.moving.found import Found, Image, Place, Unit, repository_name
from headway.domain.moving.plain import images_of, namespaces_of, objects_of
from headway.domain.objects.identity import ObjectId

_FOLDERS = ("resources", "bases", "components")
_FILES = (
    "patchesStrategicMerge", "patches", "patchesJson6902", "replacements", "transformers", "generators",
    "validators", "configurations", "crds",
)  # fmt: skip


def read_kustomizations(repo: Repo, found: Found) -> None:
    """Add a unit for each kustomization that no other one reads."""
    used = {
        folder
        for path, document in repo.kustomizations.items()
        for _, folder in _references(repo, path, document)
        if folder in repo.kustomizations
    }
    known: dict[str, Unit] = {}
    for path, document in sorted(repo.kustomizations.items()):
        if path in used or document.kind == "Component":
            continue
        unit = _unit(repo, path, (), known)
        if unit.images or unit.objects:
            found.units.append(unit)
        for name in _remote(document):
            found.leave(
                document.place("resources"),
                f"{path or '.'} reads {name}, which is not in this repo: copy it here, so that it is pinned",
            )


def add_pointed(repo: Repo, found: Found) -> None:
    """Add a unit for each kustomization that an object of a tool deploys, although another one reads it too."""
    there, known = {it.path for it in found.units}, dict[str, Unit]()
    for path in sorted({it.path for it in found.pointers} - there):
        if path in repo.kustomizations:
            unit = _unit(repo, path, (), known)
            if unit.images:
                found.units.append(unit)


def _references(repo: Repo, path: str, document: Document) -> list[tuple[str, str]]:
    """Return what a kustomization reads below its keys: the key, and a path in the repo."""
    found = []
    for key in (*_FOLDERS, *_FILES):
        for item in items_at(document.value, key):
            said = item if isinstance(item, str) else text_at(item, "path")
            if said and not REMOTE.search(said) and "\n" not in said:
                at = joined(path, said)
                if at is not None and (at in repo.files or at in repo.folders):
                    found.append((key, at))
    return found


def _remote(document: Document) -> list[str]:
    return [
        it
        for key in _FOLDERS
        for it in items_at(document.value, key)
        if isinstance(it, str) and REMOTE.search(it)
    ]


def _unit(repo: Repo, path: str, above: tuple[str, ...], known: dict[str, Unit]) -> Unit:
    """Return what a kustomization deploys; `above` are those that read it, `known` those that were looked at."""
    if path in known:
        return known[path]
    document = repo.kustomizations[path]
    images: list[Image] = []
    objects: set[ObjectId] = set()
    namespaces: list[tuple[str, Place]] = []
    reads = {document.file}
    for key, at in _references(repo, path, document):
        if at in repo.kustomizations and at not in above and at != path:
            below = _unit(repo, at, (*above, path), known)
            images += below.images
            objects |= below.objects
            namespaces += below.namespaces
            reads |= below.reads
        elif at in repo.files:
            reads.add(at)
            if key == "resources":
                images += images_of(repo, at)
                objects |= objects_of(repo, at)
                namespaces += namespaces_of(repo, at)
            elif key.startswith("patches"):
                images += images_of(repo, at)
    images = [_renamed(it, document) for it in images]
    if own := text_at(document.value, "namespace"):
        namespaces = [(own, document.place("namespace"))]
        objects = {it.placed(own) if it.namespace or it.kind != "Namespace" else it for it in objects}
    seen: dict[str, Image] = {}
    for image in images:
        seen.setdefault(image.name, image)
    known[path] = Unit(
        path,
        "kustomization",
        Place(document.file),
        tuple(seen.values()),
        frozenset(objects),
        tuple(namespaces),
        frozenset(reads),
    )
    return known[path]


def _renamed(image: Image, document: Document) -> Image:
    """Return an image as the `images:` of a kustomization make it."""
    for number, entry in enumerate(items_at(document.value, "images")):
        if repository_name(text_at(entry, "name")) != image.name:
            continue
        repository = text_at(entry, "newName") or image.repository
        return Image(repository, text_at(entry, "newTag") or image.tag, document.place("images", number))
    return image


def listed_folders(repo: Repo) -> frozenset[str]:
    """Return the folders whose files kustomize reads or leaves alone: they hold a kustomization."""
    return frozenset(repo.kustomizations) | {
        parent(at)
        for path, document in repo.kustomizations.items()
        for _, at in _references(repo, path, document)
        if at in repo.files
    }
