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
from headway.domain.text.scalars import Scalar, scalars
from headway.domain.text.yaml_insert import Tree, Uninsertable, insert
from headway.domain.text.yaml_nodes import YamlProblem, child, compose, decode
from headway.errors import UsageError

KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")


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
        if path.endswith((".yaml", ".yml", ".json")) and path.rpartition("/")[2] != "Chart.yaml":
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


def _said(node: Node, key: str) -> str:
    found = child(node, key)
    return found.value if isinstance(found, ScalarNode) else ""


def _in_values(path: str, text: str, sources: Mapping[str, bytes], site: ImageSite, value: str) -> str:
    _, tag, digest = split(value)
    for part in site.parts:
        keys = _keys(sources, site, part.path, part.start)
        if keys is None:
            continue
        if part.role == IMAGE:
            return insert(text, keys, value)
        if part.role == TAG:
            inner = tag[len(part.prefix) : len(tag) - len(part.suffix)]
            return insert(text, keys, f"{inner}@{digest}" if digest else inner)
        return insert(text, keys, digest)
    raise Uninsertable("no key of a values file says it, so none here would change it")


def _keys(sources: Mapping[str, bytes], site: ImageSite, path: str, start: int) -> list[str] | None:
    """Return the keys that lead to what says an image, from the values of the whole chart; None where none do."""
    folder, _, file = path.rpartition("/")
    if file == "Chart.yaml":
        return _empty_tag(sources, folder, split(site.image.text)[0])
    found = next((it for it in scalars(path, sources[path]) if it.start == start), None)
    if found is None or not found.keys or not all(isinstance(it, str) for it in found.keys):
        return None
    if "/templates/" in f"/{path}" or child(next(compose(decode(sources[path]))), "apiVersion") is not None:
        return None
    return [*_charts_above(folder), *map(str, found.keys)]


def _charts_above(folder: str) -> list[str]:
    """Return the names of the charts below which a chart's values stand in those of the chart that needs it."""
    steps = folder.split("/")
    return [steps[at + 1] for at in range(len(steps) - 1) if steps[at] == "charts"]


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
                return [*_charts_above(folder), *map(str, keys)]
    return None
