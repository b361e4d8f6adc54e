"""Plans: what would change in the config repo, as data, before anything is changed.

A plan is worked out from one commit and names exact digests. It is made again on
each new head of the branch, never carried over.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from headway.domain.config.reading import Config
from headway.domain.images.reference import NOWHERE, Image, ImageRef
from headway.domain.manifests.chart_values import unedited
from headway.domain.manifests.edits import restored, splice
from headway.domain.manifests.image_sites import ImageSite, Part
from headway.domain.manifests.index import FileIndex
from headway.domain.releases.message import Triple
from headway.errors import ConfigError, Problem


@dataclass(frozen=True, slots=True)
class Change:
    """One service's image before and after, each as the manifests spell it.

    A service that runs several images has a change for each that is left.
    """

    service: str
    old: Image
    new: Image
    why: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one release would change in one environment.

    `files` maps paths in the repo to their whole new content; `base` is the commit that the plan was worked out
    from. `rendered` is what changes in what kustomize and Helm render, a line for each field. A plan without changes
    is falsy.
    """

    environment: str
    base: str
    changes: tuple[Change, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    rendered: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changes)

    @property
    def triples(self) -> tuple[Triple, ...]:
        """The changes as a commit message tells them: service, old image, new image."""
        return tuple((it.service, it.old, it.new) for it in self.changes)

    @property
    def fingerprint(self) -> str:
        """Return a hash of what changes where, in 12 digits: an approval of one plan is none of another."""
        said = "\n".join([self.environment, *(f"{it.service} {it.old} {it.new}" for it in self.changes)])
        return hashlib.sha256(said.encode()).hexdigest()[:12]

    def as_dict(self) -> dict[str, object]:
        """Return what `--output json` prints."""
        return {
            "environment": self.environment,
            "base": self.base,
            "fingerprint": self.fingerprint,
            "changes": [
                {"service": it.service, "old": it.old.text, "new": it.new.text, "why": it.why}
                for it in self.changes
            ],
            "files": sorted(self.files),
            "warnings": list(self.warnings),
            **({"rendered": list(self.rendered)} if self.rendered else {}),
        }


def image_changes(config: Config, now: list[FileIndex], then: list[FileIndex]) -> tuple[Triple, ...]:
    """Return which images differ between two states of an environment: (service, now, then), each once.

    Only services that both have are compared, container by container; `then` is empty for an image that
    was nowhere then, where what its container had is not known.
    """
    back, had = _as_it_was(config, now, then), images_of(config, then)
    found: dict[Triple, None] = {}
    for service, sites in sites_by_service(config, now).items():
        for index, site in sites if service in had else ():
            image = back.get((index.path, site), site.image if site.image in had[service] else NOWHERE)
            if image != site.image:
                found[service, site.image, image] = None
    return tuple(found)


def moved_images(config: Config, now: list[FileIndex], then: list[FileIndex]) -> tuple[Triple, ...]:
    """Return which images containers got instead of others: (service, now, then), each once.

    A container that is new took the place of an image that no other container of its service runs any more.
    """
    sites_then = sites_by_service(config, then)
    was = {
        use: (service, site.image)
        for service, sites in sites_then.items()
        for _, site in sites
        for use in _containers(site)
    }
    had, has = images_of(config, then), images_of(config, now)
    found: dict[Triple, None] = {}
    for service, sites in sites_by_service(config, now).items():
        gone = [it for it in had.get(service, ()) if it not in has[service]]
        for _, site in sites:
            own = [was[use][1] for use in _containers(site) if use in was and was[use][0] == service]
            old = own or (gone if len(gone) == 1 else [])
            if old and old[0] != site.image:
                found[service, site.image, old[0]] = None
    return tuple(found)


def service_of(config: Config, image: Image) -> str | None:
    """Return the service whose image repository an image is of, if any has it."""
    return config.owner(image.ref) if image.ref else None


def sites_by_service(
    config: Config, indexes: Iterable[FileIndex]
) -> dict[str, list[tuple[FileIndex, ImageSite]]]:
    """Return where an environment's manifests name each service's image; services without a place are absent."""
    found: dict[str, list[tuple[FileIndex, ImageSite]]] = {}
    for index in indexes:
        for site in index.images:
            if (service := service_of(config, site.image)) is not None:
                found.setdefault(service, []).append((index, site))
    return {name: found[name] for name in config.services if name in found}


def images_of(config: Config, indexes: Iterable[FileIndex]) -> dict[str, tuple[Image, ...]]:
    """Return each service's distinct images in an environment, in the order of headway.yaml."""
    return {
        service: tuple(dict.fromkeys(site.image for _, site in sites))
        for service, sites in sites_by_service(config, indexes).items()
    }


def plan_images(
    config: Config,
    environment: str,
    base: str,
    indexes: list[FileIndex],
    read: Callable[[str], bytes],
    wanted: Mapping[str, tuple[ImageRef, str]],
) -> Plan:
    """Plan to give services new images: service → (pinned image, why).

    Raises ConfigError for a service that no manifest of the environment names.
    """
    sites = sites_by_service(config, indexes)
    missing = [service for service in wanted if service not in sites]
    if missing:
        raise ConfigError([_unnamed(config, environment, service, indexes) for service in missing])
    edits = {
        (index.path, site): site.spell(reference)
        for service, (reference, _) in wanted.items()
        for index, site in sites[service]
    }
    whys = {service: why for service, (_, why) in wanted.items()}
    tags = {service: reference.tag or "" for service, (reference, _) in wanted.items()}
    return _plan(config, environment, base, indexes, read, _Edits(edits, tags=tags), whys)


def plan_as_it_was(
    config: Config,
    environment: str,
    base: str,
    indexes: list[FileIndex],
    past: list[FileIndex],
    read: Callable[[str], bytes],
    services: Iterable[str],
    why: str,
    read_past: Callable[[str], bytes | None] = lambda _: None,
) -> Plan:
    """Plan to give services the images that `past` says they had; everything else stays.

    A container gets what that same container had. One that did not exist then gets
    what its service had, where that was one image. Empty `services` means all.
    Parts of images are written as they stood in the files that `read_past` returns.
    """
    chosen = set(services) or set(config.services)
    edits = {
        (path, site): image
        for (path, site), image in _as_it_was(config, indexes, past).items()
        if service_of(config, site.image) in chosen
    }
    return _plan(
        config, environment, base, indexes, read, _Edits(edits, past=read_past), dict.fromkeys(chosen, why)
    )


def _as_it_was(
    config: Config, indexes: list[FileIndex], past: list[FileIndex]
) -> dict[tuple[str, ImageSite], Image]:
    """Return the image that each place had; places of which that is not known are absent."""
    before = {use: site.image for _, site in _flat(config, past) for use in _containers(site)}
    had = images_of(config, past)
    found: dict[tuple[str, ImageSite], Image] = {}
    for service, sites in sites_by_service(config, indexes).items():
        for index, site in sites:
            image = next((before[use] for use in _containers(site) if use in before), None)
            if image is None and len(had.get(service, ())) == 1:
                image = had[service][0]
            if image is not None:
                found[index.path, site] = image
    return found


@dataclass(frozen=True, slots=True)
class _Edits:
    """The image that each place gets.

    `past` returns files as they were, whose text is restored as it stood; `tags` are the services' new tags, for what
    says a tag that is not rendered.
    """

    images: Mapping[tuple[str, ImageSite], Image]
    past: Callable[[str], bytes | None] = lambda _: None
    tags: Mapping[str, str] = field(default_factory=dict)

    def writes(
        self, service: str, site: ImageSite, image: Image, read: Callable[[str], bytes]
    ) -> Iterator[tuple[Part, str]]:
        """Yield what is written where; raise UsageError for what cannot be said there."""
        for part, text in site.writes(image, self.tags.get(service, "")):
            then = self.past(part.path)
            said = text if then is None else restored(read(part.path), then, part, text)
            if said or part.shown:
                yield part, said


def _plan(
    config: Config,
    environment: str,
    base: str,
    indexes: list[FileIndex],
    read: Callable[[str], bytes],
    edits: _Edits,
    why: Mapping[str, str],
) -> Plan:
    order = {name: place for place, name in enumerate(config.services)}
    changes: dict[Change, None] = {}
    by_file: dict[str, dict[ImageSite | Part, str]] = {}
    problems: list[Problem] = []
    linked = {it.path: it.edited for it in indexes if it.edited}
    for (path, site), image in edits.images.items():
        if image == site.image:
            continue
        service = service_of(config, site.image)
        assert service is not None
        writes = () if site.obstacle else tuple(edits.writes(service, site, image, read))
        if writes and all(part.says == text for part, text in writes):
            if site.image.digest:
                problems.append(Problem(path, site.line, site.column, _SAME_TAG.format(image.tag)))
            continue
        changes[Change(service, site.image, image, why.get(service, ""))] = None
        if site.obstacle:
            problems.append(Problem(path, site.line, site.column, site.obstacle))
        elif not site.parts:
            by_file.setdefault(_edited(config, environment, path, linked), {})[site] = image.text
        for part, text in writes:
            said = by_file.setdefault(part.path, {})
            if said.setdefault(part, text) != text:
                problems.append(Problem(part.path, part.line, part.column, _DIFFER.format(text, said[part])))
    if problems:
        raise ConfigError(dict.fromkeys(problems))
    return Plan(
        environment=environment,
        base=base,
        changes=tuple(sorted(changes, key=lambda it: order[it.service])),
        files={path: splice(read(path), changed.items()) for path, changed in by_file.items()},
        warnings=(*_warnings(config, indexes, changes), *_tags_alone(edits.images)),
    )


_SAME_TAG = (
    "this says the tag {} already, and its digest is another: none can stand here, so release the image under "
    "another tag"
)
_NAMED_ELSEWHERE = (
    "it is named here outside of a container's image (`images` in headway.yaml can name the field)"
)
_DIFFER = (
    "this one place says several images, which would become {} and {}: give each of them a place of its own"
)


def _edited(config: Config, environment: str, path: str, linked: Mapping[str, str]) -> str:
    """Return the file that an edit changes: what a link points to, where that is in the environment's own folder.

    One outside of it may be another environment's too, and a release changes one.
    """
    target = linked.get(path)
    if target is None:
        return path
    folder = config.environments[environment].path
    if folder != "." and not target.startswith(folder + "/"):
        said = f"a release would change {target}, to which this links, outside of {folder}/; put a copy here"
        raise ConfigError([Problem(path, 1, 1, said)])
    return target


def _warnings(config: Config, indexes: Iterable[FileIndex], changes: Iterable[Change]) -> Iterator[str]:
    """Yield what is left out, what is applied as it stands, and where an image is named that stays behind."""
    moving = list(dict.fromkeys(it.old.ref for it in changes if it.old.ref))
    repositories = {it.name for it in moving}
    for index in indexes:
        yield from (f"left out: {problem}" for problem in index.problems)
        yield from (f"warning: {doubt}" for doubt in index.doubts)
        for mention in index.mentions if moving else ():
            named = mention.image.ref
            if (
                named is not None
                and named.name in repositories
                and any(
                    named.name == was.name
                    and (named.tag == was.tag or (was.digest and named.digest == was.digest))
                    for was in moving
                )
            ):
                place = f"{index.path}:{mention.line}:{mention.column}"
                yield f"warning: {place}: {mention.image} stays: {_NAMED_ELSEWHERE}"


def _tags_alone(images: Mapping[tuple[str, ImageSite], Image]) -> list[str]:
    """Return where an image's tag is written and its digest is not, since none can be there."""
    return [
        f"{path}:{site.line}:{site.column}: no digest can stand here, so the tag {image.tag} alone is written"
        for (path, site), image in images.items()
        if image.tag != site.image.tag and image.digest and not site.carries_digest
    ]


def _flat(config: Config, indexes: list[FileIndex]) -> list[tuple[FileIndex, ImageSite]]:
    return [place for sites in sites_by_service(config, indexes).values() for place in sites]


def _containers(site: ImageSite) -> list[tuple[str, str, str, str]]:
    return [(use.kind, use.namespace, use.name, use.container) for use in site.uses]


def _unnamed(config: Config, environment: str, service: str, indexes: Iterable[FileIndex]) -> Problem:
    line, column = config.locate("services", service, "image")
    image = config.services[service].image
    path, namespace = (
        config.environments[environment].path,
        config.environments[environment].cluster.namespace,
    )
    values = dict.fromkeys(
        f"{it.object['metadata']['name']} from {said}" for it, said in unedited(indexes, namespace)
    )
    unread = f"; HelmReleases read values that are not edited: {', '.join(values)}" if values else ""
    said = f"no manifest below {path}/ has a container with the image {image} of service {service}{unread}"
    return Problem(config.file, line, column, said)
