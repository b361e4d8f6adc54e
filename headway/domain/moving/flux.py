"""Flux: what its image automation chooses, where its markers are, and which folders it deploys.

Read are ImageRepository, ImagePolicy, ImageUpdateAutomation and the `$imagepolicy` markers, Kustomization,
HelmRelease, GitRepository and OCIRepository. (Flux documentation, "Image Policies", "Image Update
Automations", "Kustomization"; numbers are compared as fractions there, and tags are found, not matched.)
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from headway.domain.moving.documents import Document, Repo, at, is_below, items_at, joined, text_at
from headway.domain.moving.found import Found, Place, Pointer, Rule, repository_name
from headway.domain.moving.layout import common, split
from headway.domain.moving.patterns import Untranslatable, versions, whole_tag

_IMAGE = "image.toolkit.fluxcd.io"
_KUSTOMIZE = "kustomize.toolkit.fluxcd.io"
_HELM = "helm.toolkit.fluxcd.io"
_SOURCE = "source.toolkit.fluxcd.io"
_MARKER = re.compile(r"#\s*(\{\s*\"\$imagepolicy\"\s*:.*\})\s*$")
_NOT_IMAGES = r".*\.sig"
"""What an ImageRepository excludes where it says nothing."""


class Marker(NamedTuple):
    """A line that the image automation edits, and whose newest image it gets; `part` is tag, name, digest or empty."""

    place: Place
    policy: tuple[str, str]
    part: str


class _Automation(NamedTuple):
    folder: str
    automatic: bool
    namespace: str


def read_flux(repo: Repo, found: Found) -> None:
    """Add what Flux's objects say."""
    objects = [it for it in repo.objects(b"toolkit.fluxcd.io") if it.group.endswith("toolkit.fluxcd.io")]
    _image_rules(repo, objects, found)
    sources = {(it.kind, it.namespace, it.name): it for it in objects if it.group == _SOURCE}
    for document in objects:
        if document.group == _KUSTOMIZE and document.kind == "Kustomization":
            _kustomization(repo, document, sources, found)
        elif document.group == _HELM and document.kind == "HelmRelease":
            _helm_release(repo, document, found)
        elif document.group == _SOURCE and document.kind == "OCIRepository":
            reference = at(document.value, "spec", "ref")
            if isinstance(reference, dict) and "semver" in reference:
                found.leave(
                    document.place("spec", "ref", "semver"),
                    f"{document.title} follows versions of an artifact: Flux goes on doing so",
                )


def markers(files: Mapping[str, bytes]) -> Iterable[Marker]:
    """Yield the `$imagepolicy` markers of all files."""
    for path in sorted(files):
        data = files[path]
        if b"$imagepolicy" not in data:
            continue
        for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
            if marked := _MARKER.search(line):
                try:
                    said = json.loads(marked[1])["$imagepolicy"]
                except (ValueError, KeyError, TypeError):
                    continue
                namespace, _, rest = str(said).partition(":")
                name, _, part = rest.partition(":")
                yield Marker(Place(path, number), (namespace, name), part)


def _image_rules(repo: Repo, objects: list[Document], found: Found) -> None:
    repositories = [it for it in objects if it.group == _IMAGE and it.kind == "ImageRepository"]
    policies = [it for it in objects if it.group == _IMAGE and it.kind == "ImagePolicy"]
    marked: dict[int, list[Marker]] = {}
    for marker in markers(repo.files):
        same = [it for it in policies if (it.namespace, it.name) == marker.policy]
        policy = nearest(same, marker.place.file)
        if policy is not None:
            marked.setdefault(id(policy), []).append(marker)
            continue
        why = "is in the repo several times, and none is nearer" if same else "is not in the repo"
        found.leave(marker.place, f"a marker of ImagePolicy {'/'.join(marker.policy)}, which {why}")
    automations = list(_automations(objects, found))
    for document in policies:
        reference = at(document.value, "spec", "imageRepositoryRef") or {}
        home = text_at(reference, "namespace") or document.namespace
        called = (home, text_at(reference, "name"))
        repository = nearest([it for it in repositories if (it.namespace, it.name) == called], document.file)
        if repository is None:
            found.leave(
                document.place("spec", "imageRepositoryRef"),
                f"{document.title}: its ImageRepository is not in the repo, so its image is not known",
            )
            continue
        here = marked.get(id(document), [])
        if not here:
            found.leave(document.place(), f"{document.title}: no file has its marker, so it changes nothing")
            continue
        try:
            tags = policy_tags(document.value, repository.value)
        except Untranslatable as error:
            found.leave(document.place("spec"), f"{document.title}: {error}; write a tag rule by hand")
            continue
        for automatic in (True, False):
            scope = tuple(it.place.file for it in here if _is_automatic(automations, it, home) is automatic)
            if scope:
                image = repository_name(text_at(repository.value, "spec", "image"))
                place = document.place("spec", "policy")
                found.rule(Rule(image, tags, place, document.title, tuple(dict.fromkeys(scope)), automatic))
    for repository in repositories:
        for login in ("secretRef", "certSecretRef", "proxySecretRef", "serviceAccountName", "insecure"):
            if at(repository.value, "spec", login):
                found.leave(
                    repository.place("spec", login),
                    f"{repository.title}: {login}: headway takes logins and certificates from Docker's config.json",
                )


def nearest(objects: list[Document], file: str) -> Document | None:
    """Return the object of several of one name that a file means; None where that is not known.

    Repos of several clusters have one of each name for every cluster: a file means the one whose path has
    the same word for an environment, or the most folders in common.
    """
    if len(objects) < 2:
        return objects[0] if objects else None

    def closeness(it: Document) -> tuple[bool, int]:
        word = split(file)[0]
        return bool(word) and split(it.file)[0] == word, len(common([it.file, file]).split("/"))

    ordered = sorted(objects, key=closeness, reverse=True)
    return ordered[0] if closeness(ordered[0]) > closeness(ordered[1]) else None


def policy_tags(policy: Mapping[str, Any], repository: Mapping[str, Any]) -> dict[str, Any]:
    """Return an ImagePolicy as the keys of a tag rule; raise Untranslatable."""
    spec = at(policy, "spec") or {}
    pattern, extract = text_at(spec, "filterTags", "pattern"), text_at(spec, "filterTags", "extract")
    choice = at(spec, "policy") or {}
    tags: dict[str, Any]
    if "semver" in choice:
        said = versions(str(at(choice, "semver", "range") or "*"))
        if not pattern:
            tags = {"match": f"semver:{said}"}
        else:
            tags = {"match": whole_tag(pattern, extract, "semver"), "range": said}
    else:
        order = next((it for it in ("numerical", "alphabetical") if it in choice), "")
        if not order:
            raise Untranslatable("its policy is none of semver, numerical and alphabetical")
        word = "number" if order == "numerical" else "alphabetical"
        backwards = text_at(choice, order, "order").lower() == "desc"
        tags = {
            "match": whole_tag(pattern, extract, word) if pattern else "glob:*",
            "order": f"{word} desc" if backwards else word,
        }
    excluded = at(repository, "spec", "exclusionList")
    if isinstance(excluded, list):
        ignored = [whole_tag(str(it)) for it in excluded]
        ignored = [it for it in ignored if it != f"regex:.*?{_NOT_IMAGES}"]
        if ignored:
            tags["ignore"] = ignored
    return tags


def _automations(objects: list[Document], found: Found) -> Iterable[_Automation]:
    for document in objects:
        if document.group != _IMAGE or document.kind != "ImageUpdateAutomation":
            continue
        folder = joined("", text_at(document.value, "spec", "update", "path") or ".")
        branch = text_at(document.value, "spec", "git", "checkout", "ref", "branch")
        push = text_at(document.value, "spec", "git", "push", "branch")
        suspended = at(document.value, "spec", "suspend") is True
        if suspended:
            found.leave(
                document.place("spec", "suspend"), f"{document.title} is suspended: releases are manual"
            )
        elsewhere = bool(push) and push != branch
        if elsewhere:
            found.leave(
                document.place("spec", "git", "push"),
                f"{document.title} pushes to the branch {push} for a pull request; headway commits to the branch "
                "itself: releases are manual, with `approvals` where somebody must agree",
            )
        if at(document.value, "spec", "policySelector"):
            found.leave(
                document.place("spec", "policySelector"),
                f"{document.title} is for some policies only: releases are manual; make those automatic that were",
            )
            elsewhere = True
        if text_at(document.value, "spec", "git", "commit", "messageTemplate"):
            found.leave(
                document.place("spec", "git", "commit", "messageTemplate"),
                f"{document.title}: messageTemplate: headway's commits have a form of their own",
            )
        if folder is not None:
            yield _Automation(folder, not (suspended or elsewhere), document.namespace)


def _is_automatic(automations: list[_Automation], marker: Marker, home: str) -> bool:
    return any(
        it.automatic
        and is_below(marker.place.file, it.folder)
        and it.namespace in ("", marker.policy[0], home)
        for it in automations
    )


def _kustomization(
    repo: Repo, document: Document, sources: Mapping[tuple[str, str, str], Document], found: Found
) -> None:
    spec = at(document.value, "spec") or {}
    reference = at(spec, "sourceRef") or {}
    kind = text_at(reference, "kind")
    path = joined("", text_at(spec, "path") or ".")
    if kind in ("OCIRepository", "Bucket"):
        found.leave(
            document.place("spec", "sourceRef"),
            f"{document.title} deploys from a {kind}, which is not this repo",
        )
        return
    if path is None or not repo.is_folder(path):
        source = sources.get(
            (kind, text_at(reference, "namespace") or document.namespace, text_at(reference, "name"))
        )
        url = text_at(source.value, "spec", "url") if source else ""
        found.leave(
            document.place("spec", "path"),
            f"{document.title} deploys {text_at(spec, 'path') or '.'}, which is not in this repo"
            + (f" but in {url}" if url else ""),
        )
        return
    context = "kubeConfig" in spec
    pointer = Pointer(
        document.name,
        path,
        document.title,
        document.place("spec", "path"),
        namespace=text_at(spec, "targetNamespace"),
        cluster="the one of its kubeConfig" if context else "",
        timeout=text_at(spec, "timeout"),
    )
    found.pointers.append(pointer)
    for key, said in _LEFT_OF_KUSTOMIZATIONS.items():
        if at(spec, *key.split(".")):
            found.leave(document.place("spec", *key.split(".")), f"{document.title}: {key}: {said}")


_LEFT_OF_KUSTOMIZATIONS = {
    "postBuild": "headway substitutes no variables; write the values into the overlay",
    "decryption": "headway decrypts no files; keep them out of the environment's folder",
    "dependsOn": "headway applies by kind, and environments do not wait for each other",
    "patches": "move them into the kustomization of the folder",
    "images": "move them into the kustomization of the folder",
    "components": "move them into the kustomization of the folder",
    "commonMetadata": "move it into the kustomization of the folder",
    "namePrefix": "move it into the kustomization of the folder",
    "nameSuffix": "move it into the kustomization of the folder",
    "serviceAccountName": "headway applies as the user of its kubeconfig",
    "healthCheckExprs": "say it with `health` in headway.yaml",
    "suspend": "it is suspended; lock the environment with `headway lock` if nothing may be released",
}


def _helm_release(repo: Repo, document: Document, found: Found) -> None:
    chart = text_at(document.value, "spec", "chart", "spec", "chart")
    source = text_at(document.value, "spec", "chart", "spec", "sourceRef", "kind")
    folder = joined("", chart) if source == "GitRepository" else None
    if folder is None or folder not in repo.charts:
        if not chart and not at(document.value, "spec", "chartRef"):
            # A patch of one that is said elsewhere.
            return
        found.leave(
            document.place("spec"),
            f"{document.title}: Flux goes on installing its chart; a release changes images in its values, and is live "
            "when its status says so",
        )
        return
    values = [
        path
        for it in items_at(document.value, "spec", "chart", "spec", "valuesFiles")
        if (path := joined("", str(it))) in repo.files and path is not None
    ]
    found.pointers.append(
        Pointer(
            document.name,
            folder,
            document.title,
            document.place("spec", "chart"),
            namespace=text_at(document.value, "spec", "targetNamespace") or document.namespace,
            values=tuple(values),
            release=text_at(document.value, "spec", "releaseName") or document.name,
            timeout=text_at(document.value, "spec", "timeout"),
        )
    )
    for key in ("values", "valuesFrom", "postRenderers", "dependsOn"):
        if at(document.value, "spec", key):
            hint = (
                "move them into a values file and name it in `chart.values`"
                if "values" in key
                else "has no equal"
            )
            found.leave(document.place("spec", key), f"{document.title}: {key}: {hint}")
