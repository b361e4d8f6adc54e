"""Where a release can change an environment's images, and whether it changes nothing else in what is rendered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from headway.domain.config.reading import Config
from headway.domain.images.reference import ImageRef
from headway.domain.manifests.image_sites import ImageSite
from headway.domain.manifests.index import FileIndex
from headway.domain.objects.kept_fields import without
from headway.domain.releases.plans import Change, Plan, plan_images, service_of
from headway.domain.releases.recorded import bare
from headway.domain.rendering.containers import differences, fields_in
from headway.domain.rendering.effect import described, refuse_unwanted, unwanted
from headway.domain.rendering.pinning import pin_in, pinned_image
from headway.domain.rendering.sites import held_by_chart, held_by_others
from headway.domain.rendering.unit import within
from headway.errors import ConfigError, UsageError
from headway.operations.desired import Desired
from headway.operations.rendering import RenderedUnit
from headway.operations.snapshot import Snapshot

Wanted = Mapping[str, tuple[ImageRef, str]]


def places(snapshot: Snapshot, name: str) -> list[FileIndex]:
    """Return the indexes of an environment's files with the places of its services' images, in sources too.

    What a tool renders is rendered with markers for it, once for the same sources.
    """
    desired = snapshot.environment(name)
    if not desired.units:
        return desired.indexes
    config = snapshot.config
    repositories = _repositories(config)
    used = _Used(snapshot, name)
    recorded = {bare(site.image): site.image for it in desired.indexes if it.rendered for site in it.images}
    found = [it for it in desired.indexes if not it.rendered]
    for unit in desired.units:
        others = tuple(it for it in unit.index.images if service_of(config, it.image) is None)
        found.append(replace(unit.index, images=others))
        pin = used.own_file(unit)
        for index in unit.places(repositories):
            shared = {part.path: used.others(part.path) for site in index.images for part in site.parts}
            held = held_by_others(held_by_chart(index, unit.unit, pin), shared, name, pin)
            sites = tuple(replace(it, image=recorded.get(it.image, it.image)) for it in held.images)
            found.append(replace(held, images=sites))
    return found


def _repositories(config: Config) -> frozenset[str]:
    return frozenset(it.ref.name for it in config.services.values())


def checked(desired: Desired, plan: Plan) -> Plan:
    """Return a plan with what it changes in what is rendered; refuse one that changes more there than its images.

    Raises ConfigError where the changed sources do not render, RefusedError for what else would change.
    """
    if not plan or not desired.units:
        return plan
    after = desired.with_files(plan.files)
    new = [it for index in after.indexes if index.rendered for it in index.problems]
    if wrong := [it for it in new if it not in desired.problems]:
        raise ConfigError(wrong)
    now, then = (
        [without(it.object, it.kept) for index in each.indexes if index.rendered for it in index.manifests]
        for each in (desired, after)
    )
    # Where only the tag is written, the record alone has the digest.
    moved = {(it.old.text, it.new.text) for it in plan.changes}
    alone = {(bare(it.old).text, bare(it.new).text) for it in plan.changes} - moved
    named, left = (fields_in(it.rendered_images, every=True) for it in (desired, after))
    refuse_unwanted(desired.name, unwanted(now, then, moved | alone, (named, left)))
    for unit in desired.units:
        if files := desired.files_of(unit, plan.files):
            unit.carry(_repositories(desired.config), files)
    return replace(plan, rendered=tuple(described(differences(now, then))))


def plan_pinned(snapshot: Snapshot, name: str, wanted: Wanted, path: str) -> Plan:
    """Return the plan that gives services new images, those that cannot be changed where they stand by a pin.

    Raises UsageError for a file that is no place for it.
    """
    desired, found = snapshot.environment(name), places(snapshot, name)
    unit = next((it for it in desired.units if path in it.sources()), None)
    if unit is None:
        raise UsageError(
            f"--pin-in {path}: {name} renders no kustomization or chart that reads this file",
            hint="give the path of an overlay's kustomization.yaml or of a values file, from the root of the repo",
        )
    if names := _Used(snapshot, name).others(path):
        raise UsageError(f"--pin-in {path}: this file is {', '.join(names)}'s too; give one of {name} alone")
    held = {
        (index.path, site): service
        for index in found
        for site in index.images
        if site.obstacle and (service := service_of(snapshot.config, site.image)) in wanted
    }
    open_ = [
        replace(it, images=tuple(site for site in it.images if (it.path, site) not in held)) for it in found
    ]
    named = {service_of(snapshot.config, site.image) for index in open_ for site in index.images}
    left = {service: it for service, it in wanted.items() if service in named or service not in held.values()}
    plan = plan_images(snapshot.config, name, snapshot.commit, open_, snapshot.text, left)
    files, changes = dict(plan.files), list(plan.changes)
    pinned: set[tuple[str, str]] = set()
    for (_, site), service in held.items():
        assert service is not None
        reference, why = wanted[service]
        image = pinned_image(site, path, reference)
        if image == site.image or (site.image.text, image.text) in pinned:
            continue
        pinned.add((site.image.text, image.text))
        data = files.get(path) or snapshot.text(path)
        files[path] = pin_in(path, data, unit.sources(), _open(site), image)
        changes.append(Change(service, site.image, image, why))
    order = list(snapshot.config.services)
    changes.sort(key=lambda it: order.index(it.service))
    return replace(plan, files=files, changes=tuple(dict.fromkeys(changes)))


def _open(site: ImageSite) -> ImageSite:
    return replace(site, obstacle="")


class _Used:
    """Which files of an environment others have, too."""

    def __init__(self, snapshot: Snapshot, name: str) -> None:
        self._reads = {it: snapshot.reads(it) for it in snapshot.config.environments}
        self._name = name
        self._values = {path for reads in self._reads.values() for path in reads.values}

    def others(self, path: str) -> tuple[str, ...]:
        """Return the environments whose sources have a file, but for this one.

        A chart's folder has the values of every environment in it; each is read by those that name it.
        """
        return tuple(
            it
            for it, reads in self._reads.items()
            if it != self._name
            and (
                path in reads.values
                if path in self._values
                else any(within(path, each) for each in reads.paths)
            )
        )

    def own_file(self, unit: RenderedUnit) -> str:
        """Return a file of this environment alone in which an image can be pinned; empty where there is none."""
        chart = unit.unit.kind == "chart"
        tried = reversed(unit.unit.chart.values) if chart else (unit.unit.entry,)
        return next((it for it in tried if not self.others(it)), "")
