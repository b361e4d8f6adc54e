"""Give an environment a place of its own that says an image: an entry of `images:`, or a key of a values file.

Asked for by a person (`headway release --pin-in FILE`), where what says the image now is others' too. Whether the new
place decides is seen in the rendering, as with every edit.
"""

from __future__ import annotations

from collections.abc import Mapping

from yaml.nodes import Node, ScalarNode, SequenceNode

from headway.domain.images.reference import Image, ImageRef
from headway.domain.manifests.image_sites import IMAGE, TAG, ImageSite
from headway.domain.rendering.candidates import split
from headway.domain.rendering.unit import CHART, KUSTOMIZATIONS
from headway.domain.text.scalars import Scalar, scalars
from headway.domain.text.yaml_insert import Tree, Uninsertable, insert
from headway.domain.text.yaml_nodes import YamlProblem, child, compose, decode
from headway.errors import UsageError


def pinned_image(site: ImageSite, path: str, reference: ImageRef) -> Image:
    """Return how a reference would be rendered once it is pinned in a file: a kustomization takes any digest."""
    if path.rpartition("/")[2] in KUSTOMIZATIONS:
        return site.image.respelled(reference)
    return site.spell(reference)


def pin_in(path: str, data: bytes, sources: Mapping[str, bytes], site: ImageSite, image: Image) -> bytes:
    """Return a file with a place that says an image instead of another: `image` is how it is to be rendered.

    `sources` are the files that its unit reads. Raises UsageError where that cannot be.
    """
    try:
        text = decode(data)
        if path.rpartition("/")[2] in KUSTOMIZATIONS:
            return _in_kustomization(path, text, site, image.text).encode()
        if path.endswith((".yaml", ".yml", ".json")) and path.rpartition("/")[2] != CHART:
            return _in_values(path, text, sources, site, image.text).encode()
    except Uninsertable as error:
        raise UsageError(f"{path}: the image {site.image.text} cannot be pinned here: {error}") from None
    except YamlProblem as error:
        raise UsageError(str(error.at(path))) from None
    raise UsageError(
        f"{path}: an image is pinned in a kustomization or in a values file, and this is neither"
    )


def _in_kustomization(path: str, text: str, site: ImageSite, value: str) -> str:
    name, tag, digest = split(value)
    entry: dict[str, Tree] = (
        {"newTag": f"{tag}@{digest}" if tag and digest else tag} if tag else {"digest": digest}
    )
    root = next(compose(text.removeprefix("\ufeff")), None)
    listed = child(root, "images")
    for number, each in enumerate(listed.value if isinstance(listed, SequenceNode) else ()):
        new_name = _said(each, "newName")
        if name not in ((new_name,) if new_name else (_said(each, "name"),)):
            continue
        if child(each, "newTag") is not None or child(each, "digest") is not None:
            line = each.start_mark.line + 1
            raise Uninsertable(
                f"line {line}: an entry of `images` names it already, and another place decides"
            )
        return insert(text, ["images", number], entry)
    return insert(text, ["images"], [{"name": name, **entry}])


def _said(node: Node | None, key: str) -> str:
    found = child(node, key)
    return found.value if isinstance(found, ScalarNode) else ""


def _in_values(path: str, text: str, sources: Mapping[str, bytes], site: ImageSite, value: str) -> str:
    _, tag, digest = split(value)
    for part in site.parts:
        keys = _keys(sources, site, part.path, part.start)
        if keys is None:
            continue
        said = digest
        if part.role == IMAGE:
            said = value
        elif part.role == TAG:
            inner = tag[len(part.prefix) : len(tag) - len(part.suffix)]
            said = f"{inner}@{digest}" if digest else inner
        return _insert_each(text, [[*above, *keys] for above in _charts_above(sources, part.path)], said)
    raise Uninsertable("no key of a values file says it, so none here would change it")


def _insert_each(text: str, places: list[list[str]], value: str) -> str:
    """Insert a value at each place; one that has a value of its own already does not say this image."""
    failed: list[Uninsertable] = []
    for keys in places:
        try:
            text = insert(text, keys, value)
        except Uninsertable as error:
            failed.append(error)
    if len(failed) == len(places):
        raise failed[0]
    return text


def _keys(sources: Mapping[str, bytes], site: ImageSite, path: str, start: int) -> list[str] | None:
    """Return the keys that lead to what says an image in its own chart's values; None where none do."""
    folder, _, file = path.rpartition("/")
    if file == CHART:
        return _empty_tag(sources, folder, split(site.image.text)[0])
    found = next((it for it in scalars(path, sources[path]) if it.start == start), None)
    if found is None or not found.keys or not all(isinstance(it, str) for it in found.keys):
        return None
    if "/templates/" in f"/{path}" or child(next(compose(decode(sources[path]))), "apiVersion") is not None:
        return None
    return [*map(str, found.keys)]


def _charts_above(sources: Mapping[str, bytes], path: str) -> list[list[str]]:
    """Return the keys below which a chart's values stand in those of the outermost chart that needs it.

    There is one for each time that it is needed: by its name, or by the `alias` of a dependency.
    """
    folder = path.rpartition("/")[0]
    while folder and f"{folder}/{CHART}" not in sources:
        folder = folder.rpartition("/")[0]
    above, _, last = folder.rpartition("/")
    outer = f"{above.removesuffix('charts').rstrip('/')}/{CHART}".lstrip("/")
    if above.rpartition("/")[2] != "charts" or outer not in sources:
        return [[]]
    name = _said(_top(sources[f"{folder}/{CHART}"]), "name") or last
    needed = child(_top(sources[outer]), "dependencies")
    names = [
        _said(each, "alias") or name
        for each in (needed.value if isinstance(needed, SequenceNode) else ())
        if _said(each, "name") == name
    ]
    return [[*keys, key] for keys in _charts_above(sources, outer) for key in dict.fromkeys(names or [name])]


def _top(data: bytes) -> Node | None:
    return next(compose(decode(data).removeprefix("\ufeff")), None)


def _empty_tag(sources: Mapping[str, bytes], folder: str, name: str) -> list[str] | None:
    """Return the keys of the tag that a chart's values leave empty beside an image's repository."""
    own: list[Scalar] = []
    for file in ("values.yaml", "values.yml"):
        path = f"{folder}/{file}" if folder else file
        own += scalars(path, sources.get(path, b""))
    for it in own:
        if it.key == "repository" and it.value and (name == it.value or name.endswith("/" + it.value)):
            keys = (*it.keys[:-1], "tag")
            if all(isinstance(key, str) for key in keys):
                return [*map(str, keys)]
    return None
