"""What `headway init` proposes for a repo: an application for each group of environments, and what is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headway.domain.moving.application import Application, Said, application_of, unused
from headway.domain.moving.argocd import read_argocd
from headway.domain.moving.charts import read_charts
from headway.domain.moving.documents import Repo, is_below
from headway.domain.moving.files import read_environment_files
from headway.domain.moving.flux import read_flux
from headway.domain.moving.flux_v1 import read_flux_v1
from headway.domain.moving.found import Found, LeftOut, Place
from headway.domain.moving.kargo import read_kargo
from headway.domain.moving.keel import read_keel
from headway.domain.moving.kustomize import add_pointed, listed_folders, read_kustomizations
from headway.domain.moving.layout import groups_of
from headway.domain.moving.plain import read_plain
from headway.domain.moving.rendered import Render, not_rendered, with_rendered_images
from headway.errors import Problem

_TEXTS = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True)
class Proposal:
    """The applications of a repo, what belongs to none of them, and files that cannot be read."""

    applications: tuple[Application, ...]
    left_out: tuple[LeftOut, ...] = ()
    problems: tuple[Problem, ...] = ()


def propose(files: Mapping[str, bytes], name: str, render: Render = not_rendered) -> Proposal:
    """Return what headway.yaml should say for a repo with these files; `name` is for the application at its root.

    `render` tells what kustomizations and charts run; where it cannot, their sources are read for images.
    """
    repo = Repo(files)
    found = Found()
    read_kustomizations(repo, found)
    read_charts(repo, found)
    read_plain(repo, listed_folders(repo), found)
    read_environment_files(repo, found)
    read_flux(repo, found)
    read_flux_v1(repo, found)
    read_argocd(repo, found)
    read_kargo(repo, found)
    read_keel(repo, found)
    add_pointed(repo, found)
    groups = with_rendered_images(groups_of(found), render)
    names = [it.root.rpartition("/")[2] if len(groups) > 1 else "" for it in groups]
    applications = [
        application_of(it, own or name, found, repo.folders) for it, own in zip(groups, names, strict=True)
    ]
    applications = [it for it in applications if it.services]
    left = [*found.left_out, *unused(found.rules, applications)]
    problems: list[Problem] = []
    for application in applications:
        problems += _stray_files(repo, application)
    for application in applications:
        application.left_out += _of(application, applications, left)
        application.left_out.sort()
    elsewhere = [it for it in left if not any(it in app.left_out for app in applications)]
    return Proposal(tuple(applications), tuple(elsewhere), tuple(sorted(set(problems))))


def _of(application: Application, applications: Sequence[Application], left: list[LeftOut]) -> list[LeftOut]:
    """Return what was left out that is about an application: all of it where there is one."""
    if len(applications) == 1:
        return left
    reads = frozenset().union(*(it.slot.reads for it in application.environments))
    points = {it.slot.pointer.place.file for it in application.environments if it.slot.pointer}
    return [
        it
        for it in left
        if it.place.file in reads
        or it.place.file in points
        or (application.root and is_below(it.place.file, application.root))
    ]


def _stray_files(repo: Repo, application: Application) -> list[Problem]:
    """Ignore files in environments' plain folders that are no manifests; return what is wrong with others."""
    problems: list[Problem] = []
    known: set[str] = set()
    for environment in application.environments:
        slot = environment.slot
        rendered = [it.path for it in slot.units if it.kind != "plain"]
        for path in sorted(repo.files):
            if (
                path in known
                or not path.endswith(_TEXTS)
                or not is_below(path, slot.path)
                or repo.in_chart(path)
            ):
                continue
            folder = path.rpartition("/")[0]
            if any(is_below(folder, it) for it in rendered) or folder in repo.kustomizations:
                continue
            known.add(path)
            index = repo.index(path)
            documents = repo.documents(path)
            if not index.problems:
                continue
            if not index.manifests and (
                b"{{" in repo.files[path] or (documents and not any(it.kind for it in documents))
            ):
                inside = path.removeprefix(application.root).lstrip("/")
                why = str(Place(path, index.problems[0].line)) + ": no Kubernetes object"
                application.ignore.append(Said(f"/{inside}", why))
            else:
                problems += index.problems
    return problems
