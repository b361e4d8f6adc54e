"""Image references, by the grammar of the distribution project."""

from __future__ import annotations

import pytest

from headway.domain.images.reference import Image, ImageRef, InvalidImage, wanted_reference
from headway.errors import UsageError

D = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "registry", "repository", "tag", "digest"),
    [
        ("busybox", "docker.io", "library/busybox", None, None),
        ("busybox:1.36", "docker.io", "library/busybox", "1.36", None),
        ("docker.io/busybox", "docker.io", "library/busybox", None, None),
        ("index.docker.io/a/b", "docker.io", "a/b", None, None),
        ("a/b", "docker.io", "a/b", None, None),
        ("localhost/foo", "localhost", "foo", None, None),
        ("localhost:5000/a", "localhost:5000", "a", None, None),
        ("foo:5000", "docker.io", "library/foo", "5000", None),
        ("foo:5000/bar", "foo:5000", "bar", None, None),
        ("Registry/a", "Registry", "a", None, None),
        ("registry.example.com/team/app:v1", "registry.example.com", "team/app", "v1", None),
        (f"localhost:5000/a/b:t@{D}", "localhost:5000", "a/b", "t", D),
        (f"a@{D}", "docker.io", "library/a", None, D),
        ("[::1]:5000/a:1", "[::1]:5000", "a", "1", None),
        ("a/b__c/d-e.f:" + "t" * 128, "docker.io", "a/b__c/d-e.f", "t" * 128, None),
    ],
)
def test_references(text: str, registry: str, repository: str, tag: str | None, digest: str | None) -> None:
    """Host and port, path, tag and digest are told apart, and Docker Hub's short names are completed."""
    assert ImageRef.parse(text) == ImageRef(registry, repository, tag, digest)


@pytest.mark.parametrize(
    "text",
    [
        "", " a", "a b", "A", "a/B", "a:", "a:-x", "a:" + "t" * 129, "a@sha256:abc", "a@" + D[:-1],
        "a//b", "/a", "a/", "-a", "a..b/c", "http://a/b", "a/b:5000/c", "a:1:2", "f" * 64,
        "a:1\n", "é", "x" * 256, f"a@{D}@{D}",
    ],
)  # fmt: skip
def test_what_is_no_reference(text: str) -> None:
    """Text that a registry would not take is refused with a sentence."""
    with pytest.raises(InvalidImage, match=r"\w+"):
        ImageRef.parse(text)


@pytest.mark.parametrize(
    ("digest", "why"),
    [
        (D.upper().replace("SHA256", "sha256"), "small letters"),
        ("SHA256:" + D[7:], "small letters"),
        ("md5:" + "a" * 32, "sha256, sha384, sha512 can"),
        ("sha256:" + "g" * 64, "is not a digest"),
    ],
)
def test_digests_that_are_none(digest: str, why: str) -> None:
    """A digest is written in small letters, by an algorithm that its content can be checked by."""
    with pytest.raises(InvalidImage, match=why):
        ImageRef.parse(f"h.io/a@{digest}")


@pytest.mark.parametrize("text", ["docker.io/library/busybox:1", f"localhost:5000/a/b:t@{D}", "h.io/a"])
def test_a_full_reference_reads_back_as_written(text: str) -> None:
    """Parsing and printing a complete reference changes nothing."""
    assert str(ImageRef.parse(text)) == text


@pytest.mark.parametrize(
    ("existing", "new"),
    [("busybox", "busybox:2"), ("docker.io/library/busybox:1", "docker.io/library/busybox:2"),
     (f"busybox@{D}", "busybox:2")],
)  # fmt: skip
def test_the_authors_spelling_is_kept(existing: str, new: str) -> None:
    """A manifest that says `busybox` goes on saying `busybox`."""
    assert Image(existing).respelled(ImageRef.parse("busybox:2")) == Image(new)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("1.2", "localhost:5000/a:1.2"),
        (D, f"localhost:5000/a@{D}"),
        (f"localhost:5000/a:1@{D}", f"localhost:5000/a:1@{D}"),
        ("localhost:5000/a:x", "localhost:5000/a:x"),
        ("917005", "localhost:5000/a:917005"),
    ],
)
def test_what_people_say_a_service_should_run(said: str, expected: str) -> None:
    """A tag, a digest and a whole reference all name one image of the service."""
    assert str(wanted_reference("localhost:5000/a", said)) == expected


@pytest.mark.parametrize("said", ["localhost:5000/b:1", "a:1", "localhost:5000/a", "other/a:1"])
def test_another_repository_is_refused(said: str) -> None:
    """A plan never binds an image of another repository to a service."""
    with pytest.raises(UsageError):
        wanted_reference("localhost:5000/a", said)


@pytest.mark.parametrize(
    ("text", "ref", "tag", "digest"),
    [
        ("busybox:1", "docker.io/library/busybox:1", "1", ""),
        (f"r:5000/a@{D}", f"r:5000/a@{D}", "", D),
        ("${IMAGE}", "None", "", ""),
        ("", "None", "", ""),
    ],
)
def test_an_image_keeps_its_text_and_is_a_reference_where_it_can_be(
    text: str, ref: str, tag: str, digest: str
) -> None:
    """What no registry knows is still told as it stands, and pins nothing."""
    image = Image(text)
    assert (str(image), str(image.ref), image.tag, image.digest) == (text, ref, tag, digest)


def test_two_spellings_are_two_images_of_one_reference() -> None:
    """A manifest that says the same in other words is edited; a registry is asked once."""
    short, long = Image("busybox:1"), Image("docker.io/library/busybox:1")
    assert short != long
    assert short.ref == long.ref
