"""Which scalar says an image, for each form that public config repos have: found and proven with the real tools."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from headway.domain.config.reading import load_config
from headway.domain.images.reference import ImageRef
from headway.domain.manifests.image_sites import ImageSite
from headway.domain.manifests.index import FileIndex
from headway.domain.releases.plans import Plan, plan_as_it_was, plan_images
from headway.domain.releases.recorded import bare
from headway.domain.rendering.containers import containers, differences
from headway.domain.rendering.sites import find_sites
from headway.errors import UsageError
from tests.units import Unit, tree

CONFIG = load_config(
    b"version: 1\napp: shop\nservices:\n  users: {image: r.io/shop/users}\n  orders: {image: r.io/shop/orders}\n"
    b"environments:\n  staging: {path: staging, cluster: {namespace: a}}\n"
)
D1, D2 = ("sha256:" + it * 64 for it in "12")


def indexed(unit: Unit, main: str = "main") -> tuple[FileIndex, ...]:
    """Find the unit's sites; rendering it first is not counted."""
    rendered = unit.render()
    unit.renderings = 0
    return find_sites(
        unit.files,
        rendered.objects,
        unit.render,
        lambda it: CONFIG.owner(ImageRef.parse(it)) is not None,
        main,
    )


def said(sites: list[ImageSite]) -> list[str]:
    return [f"{it.path}: {it.role} {it.text}" for site in sites for it in site.parts]


def released(unit: Unit, indexes: tuple[FileIndex, ...], **tags: str) -> Plan:
    wanted: dict[str, tuple[ImageRef, str]] = {
        service: (CONFIG.services[service].ref.pinned(tag, D2), "") for service, tag in tags.items()
    }
    return plan_images(CONFIG, "staging", "base", list(indexes), unit.files.__getitem__, wanted)


def changed_values(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> list[str]:
    """Return what stands where something else stood, line by line."""
    found = []
    for path, data in after.items():
        old, new = before[path].splitlines(), data.splitlines()
        assert len(old) == len(new)
        found += [f"{path}: {two.decode().strip()}" for one, two in zip(old, new, strict=True) if one != two]
    return found


KUSTOMIZATIONS = {
    "images-new-tag": ('staging/kustomization.yaml: tag "1.1"', [f'newTag: "2.0@{D2}"']),
    "images-flow": (f"staging/kustomization.yaml: tag '1.1@{D1}'", None),
    "images-digest": (
        f'staging/kustomization.yaml: tag "1.1"+staging/kustomization.yaml: digest {D1}',
        [f"- digest: {D2}", 'newTag: "2.0"'],
    ),
    "images-digest-alone": (f"staging/kustomization.yaml: digest {D1}", [f"digest: {D2}"]),
    "images-new-name": ('staging/kustomization.yaml: tag "1.0"', None),
    "images-new-name-only": ("staging/base/users.yaml: image users:1.0", [f"image: users:2.0@{D2}"]),
    "component": ('staging/pins/kustomization.yaml: tag "1.1"', [f'newTag: "2.0@{D2}"']),
    "resources-alone": ('staging/users.yaml: image "r.io/shop/users:1.0"', None),
    "three-bases": ("staging/one/kustomization.yaml: tag 1.0.0", [f"newTag: 2.0@{D2}"]),
    "patch-file": ("staging/users.yaml: image r.io/shop/users:1.1", None),
    "patch-inline": (
        "staging/kustomization.yaml: image 'r.io/shop/users:1.1'",
        [f"image: 'r.io/shop/users:2.0@{D2}'   # pinned"],
    ),
    "patch-json": ('staging/users.json: image "r.io/shop/users:1.1"', None),
    "replacement": ('staging/versions.yaml: tag "1.1"', [f'users: "2.0@{D2}"']),
    "generators": ('staging/kustomization.yaml: tag "1.1"', [f'newTag: "2.0@{D2}"']),
    "helm-inline": ('staging/kustomization.yaml: tag "1.1"', [f'tag: "2.0@{D2}"  # of the chart']),
    "helm-values-file": ('staging/values.yaml: tag "1.1"', [f'tag: "2.0@{D2}"']),
    "helm-images": ('staging/kustomization.yaml: tag "1.2"', [f'newTag: "2.0@{D2}"']),
    "helm-patched": (
        "staging/kustomization.yaml: image r.io/shop/users:1.2",
        [f"image: r.io/shop/users:2.0@{D2}"],
    ),
}


@pytest.mark.parametrize("form", KUSTOMIZATIONS)
def test_the_scalar_of_a_kustomization(form: str) -> None:
    unit = Unit(tree(form), "staging")
    place, lines = KUSTOMIZATIONS[form]
    indexes = indexed(unit)
    assert unit.renderings == (3 if form == "replacement" else 1)
    holds(unit, indexes, place, lines)


def holds(
    unit: Unit,
    indexes: tuple[FileIndex, ...],
    place: str,
    lines: list[str] | None,
    form_is_bare: bool = False,
) -> None:
    """Check the place of the service users, that its release changes this one scalar and image, and the way back."""
    users = [site for index in indexes for site in index.images if "users" in site.image.text]
    assert not [it.obstacle for it in users if it.obstacle]
    assert said(users) == place.split("+")
    before = unit.render()
    plan = released(unit, indexes, users="2.0")
    changed = changed_values(unit.files, plan.files)
    if lines is None:
        assert len(changed) == 1
    else:
        assert sorted(it.partition(": ")[2] for it in changed) == sorted(lines)
    after = unit.render(plan.files)
    (old,) = {it.image for it in containers(before.objects) if "users" in it.image}
    (change,) = plan.changes
    assert change.old.text == old
    (new,) = {it.image for it in containers(after.objects) if "users" in it.image}
    assert new == (bare(change.new).text if form_is_bare else change.new.text)
    fields = {str(it.field[-1]) for it in differences(before.objects, after.objects)}
    assert fields <= {"image", "app.kubernetes.io/version"}

    later = Unit({**unit.files, **plan.files}, unit.root, unit.values)
    back = plan_as_it_was(
        CONFIG,
        "staging",
        "base",
        list(indexed(later)),
        list(indexes),
        later.files.__getitem__,
        ["users"],
        "",
        unit.files.get,
    )
    assert {**later.files, **back.files} == unit.files


CHARTS = {
    "values-apart": ('chart/values.yaml: tag "1.0"', [f'tag: "2.0@{D2}"   # by hand']),
    "values-whole": ("chart/values.yaml: image r.io/shop/users:1.0", [f"image: r.io/shop/users:2.0@{D2}"]),
    "values-registry": (
        f'chart/values.yaml: digest {D1}+chart/values.yaml: tag "1.0"',
        [f"digest: {D2}", 'tag: "2.0"'],
    ),
    "values-label": (
        'chart/values.yaml: tag "1.0"+chart/values.yaml: digest ""',
        ['tag: "2.0"', f'digest: "{D2}"'],
    ),
    "values-label-alone": ('chart/values.yaml: tag "1.0"', ['tag: "2.0"']),
    "app-version": ('chart/Chart.yaml: tag "1.0"', ['appVersion: "2.0"']),
    "template-alone": ("chart/templates/users.yaml: image r.io/shop/users:1.0", None),
    "values-per-environment": ('chart/values-staging.yaml: tag "1.0"', [f'tag: "2.0@{D2}"']),
    "values-list": ("chart/values.yaml: tag v1", [f"tag: 2.0@{D2}"]),
    "subchart": ('chart/values.yaml: tag "1.1"', [f'image: {{tag: "2.0@{D2}"}}']),
}
RENDERINGS = {"values-label": 2, "values-registry": 1}


@pytest.mark.parametrize("form", CHARTS)
def test_the_scalar_of_a_chart(form: str) -> None:
    values = ("chart/values-staging.yaml",) if form == "values-per-environment" else ()
    unit = Unit(tree(form), "chart", values)
    place, lines = CHARTS[form]
    indexes = indexed(unit)
    assert unit.renderings == RENDERINGS.get(form, 1)
    holds(unit, indexes, place, lines, form in ("values-label-alone", "app-version"))


def test_the_tag_is_a_piece_of_what_is_rendered() -> None:
    """`v{{ .Chart.AppVersion }}` takes v2.0, and no other tag than one with a v."""
    unit = Unit(tree("app-version-piece"), "chart")
    indexes = indexed(unit)
    plan = released(unit, indexes, users="v2.0")
    assert changed_values(unit.files, plan.files) == [f'chart/Chart.yaml: appVersion: "2.0@{D2}"']
    with pytest.raises(UsageError, match=r"chart/Chart\.yaml:4:13: the tag 2\.0 cannot be said here"):
        released(unit, indexes, users="2.0")
