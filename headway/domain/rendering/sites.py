"""Which scalars of a unit's sources say the images that it renders: found by their text, proven by markers.

Every scalar that may say an image's tag or digest gets a marker of its own, all in one rendering. What a container
shows then tells which scalar decides, and how: as a whole, as a piece, with a digest behind the tag or without.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from headway.domain.images.reference import Image
from headway.domain.manifests.image_sites import DIGEST, FIELD, TAG, ImageSite, ImageUse, Part
from headway.domain.manifests.index import FileIndex
from headway.domain.rendering.candidates import Candidate, candidates, split
from headway.domain.rendering.containers import Container, Item, containers, differences, identity
from headway.domain.rendering.markers import Marker, with_markers
from headway.domain.rendering.rendered import Rendered
from headway.domain.rendering.unit import Unit, within
from headway.domain.text.scalars import Scalar, scalars
from headway.domain.text.yaml_nodes import YamlProblem
from headway.errors import HeadwayError, TransientError

Render = Callable[[Mapping[str, bytes]], Rendered]
"""Renders a unit with some of its files changed; raises HeadwayError where that does not render."""
Look = Callable[[Rendered], Iterable[Container]]
"""Returns the fields of a rendering that say images and are no containers."""
FORMAT = 2
"""Changes when what is found of the same sources changes."""
BUDGET = 4
"""Renderings that finding a unit's images may cost."""
_LABELS = frozenset({"labels", "matchLabels", "selector"})
_BESIDE = ("tag", "newTag", "imageTag")


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a container showed of one marker: in its tag, with what around it, or in its digest."""

    marker: Marker
    tag: bool = False
    digest: bool = False
    prefix: str = ""
    suffix: str = ""


def find_sites(
    sources: Mapping[str, bytes],
    objects: Iterable[Item],
    render: Render,
    owned: Callable[[str], bool],
    main: str,
    budget: int = BUDGET,
    named: Iterable[Container] = (),
    look: Look = lambda after: (),
) -> tuple[FileIndex, ...]:
    """Return the places of the images that `owned` says yes to, one index for each file that has some.

    `objects` are those of the unit as it is, or the ones of them that are applied. `main` is the file of an image
    that no place is proven for: its site says so as its obstacle. `named` are the other fields that say images, and
    `look` finds them in a rendering.
    """
    objects = list(objects)
    mine = [it for it in (*containers(objects), *named) if owned(it.image)]
    if not mine:
        return ()
    search = _Search(dict(sources), objects, render, mine, budget, look)
    search.run()
    found: dict[tuple[str, tuple[Part, ...]], list[Container]] = {}
    for it in mine:
        found.setdefault((it.image, search.parts(it)), []).append(it)
    by_file: dict[str, list[ImageSite]] = {}
    for (image, parts), users in found.items():
        first = parts[0] if parts else Part(main, 0, 0, 1, 1, TAG, "")
        uses = tuple(map(_use, users))
        obstacle = "" if parts else _unproven(image, users, search.said)
        site = ImageSite(
            Image(image), first.start, first.end, first.line, first.column, uses, parts, obstacle
        )
        by_file.setdefault(first.path, []).append(site)
    return tuple(
        FileIndex(path, images=tuple(sorted(by_file[path], key=lambda it: it.start)))
        for path in sorted(by_file)
    )


class _Search:
    """The renderings with markers, and what they proved of each container."""

    def __init__(
        self,
        sources: dict[str, bytes],
        objects: list[Item],
        render: Render,
        mine: list[Container],
        budget: int,
        look: Look,
    ) -> None:
        self._look_at_fields = look if any(it.role == FIELD for it in mine) else lambda after: ()
        self._sources, self._objects, self._render, self._left = sources, objects, render, budget
        self._mine = mine
        self._tags: dict[tuple[object, ...], _Shown] = {}
        self._digests: dict[tuple[object, ...], _Shown] = {}
        self._bare: set[Scalar] = set()
        self._untried: dict[Scalar, Candidate] = {}
        self._filled: dict[Scalar, Scalar] = {}
        self._unshown: set[Scalar] = set()
        self._number = 0
        self.said = ""

    def run(self) -> None:
        """Render with markers until every image's scalars are known, or the budget is spent."""
        every = candidates(self._sources, {it.image for it in self._mine})
        likely = [it for it in every if it.likely]
        if likely and not self._try(likely, pinned=True):
            self._try_parts(likely)
        if open_ := self._open():
            images = {it.image for it in open_}
            proven = {it.marker.candidate.scalar for it in (*self._tags.values(), *self._digests.values())}
            more = [it for it in candidates(self._sources, images, pieces=True) if it.scalar not in proven]
            if more and not self._try(more, pinned=False):
                self._try_parts(more)
        self._pin()
        self._fill_digests()

    def parts(self, it: Container) -> tuple[Part, ...]:
        """Return the scalars that say a container's image; none where that is not proven."""
        if it in self._open():
            return ()
        tag, digest = self._tags.get(_key(it)), self._digests.get(_key(it))
        found: list[Part] = []
        if tag is not None:
            scalar = tag.marker.candidate.scalar
            pinned = tag.marker.candidate.pinned or (it.pinned and scalar not in self._bare)
            shown = scalar not in self._unshown
            found.append(_part(scalar, tag.marker.candidate.role, pinned, shown, tag.prefix, tag.suffix))
            if scalar in self._filled:
                found.append(_part(self._filled[scalar], DIGEST))
        if digest is not None and (tag is None or digest.marker is not tag.marker):
            scalar = digest.marker.candidate.scalar
            found.append(_part(scalar, digest.marker.candidate.role))
            if tag is None and (beside := self._tag_beside(scalar)) is not None:
                found.append(_part(beside, TAG, False, False))
        return tuple(found)

    def _open(self) -> list[Container]:
        """Return the containers whose tag or digest comes from a place that is not known."""
        found = []
        for it in self._mine:
            _, tag, digest = split(it.image)
            if ((tag or not digest) and _key(it) not in self._tags) or (
                digest and _key(it) not in self._digests
            ):
                found.append(it)
        return found

    def _try(self, some: Iterable[Candidate], *, pinned: bool) -> bool:
        """Render with markers in all of some candidates; return whether that rendered, or there was no budget."""
        if self._left <= 0:
            return True
        markers = [
            self._marker(it, pinned=it.pinned or (pinned and not (it.beside and it.beside.value)))
            for it in some
        ]
        after = self._with(markers)
        if after is None:
            return False
        self._look(after, markers)
        return True

    def _marker(self, it: Candidate, *, pinned: bool) -> Marker:
        self._number += 1
        return Marker.of(it, self._number, pinned=pinned)

    def _with(self, markers: list[Marker]) -> Rendered | None:
        """Return the rendering with markers; None where it does not render with them."""
        self._left -= 1
        try:
            return self._render(with_markers(self._sources, markers))
        except TransientError:
            raise
        except (HeadwayError, YamlProblem) as error:
            self.said = str(error).partition("\n")[0]
            return None

    def _try_parts(self, some: list[Candidate]) -> None:
        """Try candidates again whose markers broke the rendering: without digests, then in halves."""
        if self._try(some, pinned=False):
            return
        middle = (len(some) + 1) // 2
        for half in (some[:middle], some[middle:]):
            if half:
                self._try(half, pinned=False)

    def _look(self, after: Rendered, markers: list[Marker]) -> None:
        shown = self._shown(after)
        for it in self._mine:
            _, tag, digest = split(shown.get(_key(it), ""))
            for marker in markers:
                if marker.tag in tag and _key(it) not in self._tags:
                    prefix, _, suffix = tag.partition(marker.tag)
                    self._tags[_key(it)] = _Shown(marker, tag=True, prefix=prefix, suffix=suffix)
                    if not marker.pinned:
                        self._untried[marker.candidate.scalar] = marker.candidate
                    elif digest != marker.digest or not it.pinned:
                        self._bare.add(marker.candidate.scalar)
                if marker.digest == digest and _key(it) not in self._digests:
                    self._digests[_key(it)] = _Shown(marker, digest=True)
        self._look_at_labels(after, markers)

    def _shown(self, after: Rendered) -> dict[tuple[object, ...], str]:
        """Return the image of each container, and of each field that says one."""
        return {_key(it): it.image for it in (*containers(after.objects), *self._look_at_fields(after))}

    def _look_at_labels(self, after: Rendered, markers: list[Marker]) -> None:
        """See which digests came into a label: none of those may have an @ in it."""
        digests = {it.digest: it.candidate.scalar for it in markers if it.pinned and not it.candidate.pinned}
        for each in differences(self._objects, after.objects):
            if isinstance(each.after, str) and _LABELS.intersection(map(str, each.field)):
                self._bare |= {scalar for digest, scalar in digests.items() if digest in each.after}

    def _pin(self) -> None:
        """Try a digest behind the tags that were found without one."""
        waiting = [it for scalar, it in self._untried.items() if not (it.beside and it.beside.value)]
        self._bare |= self._untried.keys()
        if not waiting or self._left <= 0:
            return
        markers = [self._marker(it, pinned=True) for it in waiting]
        after = self._with(markers)
        if after is None:
            return
        shown = {key: split(image)[2] for key, image in self._shown(after).items()}
        for marker in markers:
            scalar = marker.candidate.scalar
            users = [key for key, it in self._tags.items() if it.marker.candidate.scalar == scalar]
            may = all(it.pinned for it in self._mine if _key(it) in users)
            if may and all(shown.get(key) == marker.digest for key in users):
                self._bare.discard(scalar)
        self._look_at_labels(after, markers)

    def _fill_digests(self) -> None:
        """Try the empty `digest` beside a tag that no digest may follow."""
        empty = {
            it.marker.candidate.scalar: it.marker.candidate.beside
            for it in self._tags.values()
            if it.marker.candidate.beside is not None and it.marker.candidate.scalar in self._bare
        }
        empty = {tag: beside for tag, beside in empty.items() if beside is not None and not beside.value}
        if not empty or self._left <= 0:
            return
        markers = {
            tag: self._marker(Candidate(beside, DIGEST, True), pinned=True) for tag, beside in empty.items()
        }
        after = self._with([*markers.values()])
        if after is None:
            return
        shown = {key: split(image) for key, image in self._shown(after).items()}
        for it in self._mine:
            at = self._tags.get(_key(it))
            marker = markers.get(at.marker.candidate.scalar) if at else None
            _, kept, digest = shown.get(_key(it), ("", "", ""))
            if at is not None and marker is not None and digest == marker.digest:
                self._filled[at.marker.candidate.scalar] = marker.candidate.scalar
                if not kept:
                    self._unshown.add(at.marker.candidate.scalar)

    def _tag_beside(self, digest: Scalar) -> Scalar | None:
        """Return the tag that stands beside a digest which alone is rendered."""
        for it in scalars(digest.path, self._sources[digest.path]):
            if (
                (it.document, it.keys[:-1]) == (digest.document, digest.keys[:-1])
                and it.key in _BESIDE
                and it.value
            ):
                return it
        return None


def _key(it: Container) -> tuple[object, ...]:
    return (*identity(it.item), *it.field)


def _part(
    it: Scalar, role: str, pinned: bool = True, shown: bool = True, prefix: str = "", suffix: str = ""
) -> Part:
    return Part(it.path, it.start, it.end, it.line, it.column, role, it.text, pinned, shown, prefix, suffix)


def _use(it: Container) -> ImageUse:
    _, kind, namespace, name = identity(it.item)
    return ImageUse(it.document, kind, namespace, name, it.name, it.role)


def _unproven(image: str, users: list[Container], said: str) -> str:
    where = ", ".join(f"{identity(it.item)[1]}/{identity(it.item)[3]} ({it.name})" for it in users[:3])
    why = f" (with markers in them they do not render: {said})" if said else ""
    return (
        f"no one place in these files says the image {image} of {where}{why}, so a release cannot change it; "
        "give it a tag of its own there, or let `headway release … --pin-in FILE` add one"
    )


def held_by_others(
    index: FileIndex, others: Mapping[str, Collection[str]], environment: str, pin_in: str
) -> FileIndex:
    """Return an index whose places in files that other environments' sources have, too, say so as their obstacle."""
    return replace(
        index, images=tuple(_held(it, index.path, others, environment, pin_in) for it in index.images)
    )


def held_by_chart(index: FileIndex, unit: Unit, pin_in: str) -> FileIndex:
    """Return an index whose places in a chart from elsewhere, which nobody changes here, say so as their obstacle."""
    if not unit.fetched:
        return index
    way_out = (
        f"`headway release … --pin-in {pin_in}` says it there"
        if pin_in
        else "give the environment a values file (`chart: {values: […]}`), which --pin-in can say it in"
    )
    said = f"in the chart {unit.chart.remote}, which is not in the config repo: {way_out}"
    sites = []
    for it in index.images:
        there = [part.place for part in it.parts if within(part.path, unit.fetched)]
        obstacle = f"{there[0]} says {it.image}, {said}" if there and not it.obstacle else it.obstacle
        sites.append(replace(it, obstacle=obstacle))
    return replace(index, images=tuple(sites))


def _held(
    site: ImageSite, index_path: str, others: Mapping[str, Collection[str]], environment: str, pin_in: str
) -> ImageSite:
    shared = [it for it in site.parts if others.get(it.path)]
    if site.obstacle or not shared:
        return site
    names = ", ".join(sorted({name for it in shared for name in others[it.path]}))
    own = (index_path, site.start)
    places = " and ".join("this" if (it.path, it.start) == own else it.place for it in shared)
    way_out = (
        f"`headway release … --pin-in {pin_in}` gives {environment} an entry of its own"
        if pin_in
        else f"give {environment} a file of its own that says it"
    )
    says = "says" if len(shared) == 1 else "say"
    said = f"{places} {says} {site.image} for {names} too: a release to {environment} would change it there; {way_out}"
    return replace(site, obstacle=said)
