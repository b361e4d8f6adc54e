"""What is written where to give an image's place another image: a whole reference, or its parts."""

from __future__ import annotations

import pytest

from headway.domain.images.reference import Image, ImageRef
from headway.domain.manifests.edits import AsWritten, splice
from headway.domain.manifests.image_sites import DIGEST, IMAGE, TAG, ImageSite, ImageUse, Part
from headway.domain.manifests.index import FileIndex
from headway.domain.text.yaml_tokens import token
from headway.errors import UsageError

D1, D2 = ("sha256:" + it * 64 for it in "12")
NEW = ImageRef.parse(f"shop/users:2.0@{D2}")


def part(role: str, text: str, **more: object) -> Part:
    return Part("values.yaml", 0, len(text), 1, 1, role, text, **more)  # type: ignore[arg-type]


def site(value: str, *parts: Part) -> ImageSite:
    return ImageSite(
        Image(value), 0, 1, 1, 1, (ImageUse(0, "Deployment", "", "users", "c", "container"),), parts
    )


@pytest.mark.parametrize(
    ("place", "value", "written"),
    [
        (site("shop/users:1.0", part(TAG, "1.0")), f"shop/users:2.0@{D2}", [f"2.0@{D2}"]),
        (site("shop/users:1.0", part(TAG, "1.0", pinned=False)), f"shop/users:2.0@{D2}", ["2.0"]),
        (
            site(f"shop/users:1.0@{D1}", part(TAG, "1.0"), part(DIGEST, D1)),
            f"shop/users:2.0@{D2}",
            ["2.0", D2],
        ),
        (
            site(f"shop/users@{D1}", part(DIGEST, D1), part(TAG, "1.0", shown=False)),
            f"shop/users@{D2}",
            [D2, "2.0"],
        ),
        (
            site("shop/users:1.0", part(IMAGE, '"users:1.0"')),
            f"shop/users:2.0@{D2}",
            [f"users:2.0@{D2}"],
        ),
        (
            site("shop/users:v1.0-slim", part(TAG, "1.0", pinned=False, prefix="v", suffix="-slim")),
            None,
            [],
        ),
    ],
    ids=[
        "tag carries the digest",
        "tag alone",
        "digest beside",
        "digest alone decides",
        "other name",
        "affixes",
    ],
)
def test_a_reference_is_spelled_and_written(place: ImageSite, value: str | None, written: list[str]) -> None:
    if value is None:
        with pytest.raises(UsageError, match=r"values\.yaml:1:1: the tag 2\.0 cannot be said here"):
            list(place.writes(place.spell(NEW)))
        assert [it for _, it in place.writes(Image("shop/users:v2.0-slim"))] == ["2.0"]
        return
    assert place.spell(NEW) == Image(value)
    assert [it for _, it in place.writes(Image(value), "2.0")] == written


def test_a_place_of_a_tag_needs_one() -> None:
    place = site("shop/users:1.0", part(TAG, "1.0"))
    with pytest.raises(UsageError, match="the image has none"):
        list(place.writes(place.spell(ImageRef.parse(f"shop/users@{D2}"))))


@pytest.mark.parametrize(
    "tag", ["1.10", "1e3", "true", "0123", "089", "null", "2024-01-01", "12:30", "0o17", "1_0"]
)
def test_a_tag_stays_text(tag: str) -> None:
    assert token("v1", tag, as_text=True) == f'"{tag}"'
    assert token("'v1'", tag, as_text=True) == f"'{tag}'"


@pytest.mark.parametrize("tag", ["v1.10", "1.2.3", "sha-1e3", "latest"])
def test_a_tag_that_is_text_needs_no_quotes(tag: str) -> None:
    assert token("v1", tag, as_text=True) == tag


def test_what_was_written_is_restored_as_it_stood() -> None:
    text = b"newTag: v1 # why\r\n"
    place = Part("k.yaml", 8, 10, 1, 9, TAG, "v1")
    changed = splice(text, [(place, "1.10")])
    assert changed == b'newTag: "1.10" # why\r\n'
    later = Part("k.yaml", 8, 14, 1, 9, TAG, '"1.10"')
    assert splice(changed, [(later, AsWritten("v1"))]) == text


def test_an_index_with_parts_is_kept_as_json() -> None:
    place = ImageSite(Image("shop/users:1.0"), 3, 6, 1, 4, (), (part(TAG, "1.0", prefix="v"),), "because")
    index = FileIndex("", images=(place,))
    assert FileIndex.from_json(index.to_json()) == index
