"""After an edit of images alone their places are known without another rendering with markers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from headway.domain.manifests.index import FileIndex, index_file
from headway.domain.rendering.carried import carried
from tests.domain.rendering.test_sites import indexed, released
from tests.units import Unit, tree


def rendered(unit: Unit, files: Mapping[str, bytes]) -> FileIndex:
    return index_file(unit.render(files).raw)


@pytest.mark.parametrize(
    "form", ["images-new-tag", "images-flow", "images-digest", "patch-inline", "three-bases"]
)
def test_they_are_where_a_search_finds_them(form: str) -> None:
    unit = Unit(tree(form), "staging")
    places = indexed(unit)
    plan = released(unit, places, users="2.0")
    later = Unit({**unit.files, **plan.files}, unit.root)
    found = carried(places, unit.files, plan.files, rendered(unit, plan.files))
    assert found == indexed(later)


def test_what_else_has_changed_is_searched_again() -> None:
    unit = Unit(tree("images-new-tag"), "staging")
    places = indexed(unit)
    files = released(unit, places, users="2.0").files
    index = rendered(unit, files)
    path = "staging/kustomization.yaml"
    for data in (files[path] + b"namePrefix: a-\n", files[path].replace(b"# by hand", b"# by me")):
        assert carried(places, unit.files, {path: data}, index) is None
    assert carried(places, unit.files, {"other.yaml": b""}, index) is None
    unknown = replace(index, images=())
    assert carried(places, unit.files, files, unknown) is None
