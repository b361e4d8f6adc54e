"""Plans: which values of which files a release or a rollback would change."""

from __future__ import annotations

import pytest

from headway.domain.config.reading import load_config
from headway.domain.images.reference import Image, ImageRef
from headway.domain.manifests.image_sites import TAG, ImageSite, ImageUse, Part
from headway.domain.manifests.index import FileIndex, index_file
from headway.domain.releases.plans import Plan, image_changes, images_of, plan_as_it_was, plan_images
from headway.errors import ConfigError
from tests.images import spelled

CONFIG = load_config(
    b"version: 1\napp: shop\nservices:\n  web: {image: r.io/web}\n  api: {image: r.io/api}\n"
    b"environments:\n  staging: {path: staging, cluster: {namespace: a}}\n"
)
D = "sha256:" + "d" * 64


def pod(name: str, *images: str) -> bytes:
    """Write a Pod with a container for each image."""
    rows = "".join(
        f"  - {{name: c{number}, image: {image}}}  # by hand\n" for number, image in enumerate(images)
    )
    return f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n  containers:\n{rows}".encode()


def indexed(files: dict[str, bytes]) -> list[FileIndex]:
    """Index files by path."""
    return [index_file(data).at(path) for path, data in files.items()]


def planned(files: dict[str, bytes], **wanted: str) -> Plan:
    """Plan to release SERVICE=IMAGE to files."""
    references = {name: (ImageRef.parse(image), "asked for") for name, image in wanted.items()}
    return plan_images(CONFIG, "staging", "base", indexed(files), files.__getitem__, references)


def test_only_the_service_s_values_change() -> None:
    """Every container of the service gets the image, spelled as its author did; others stay."""
    files = {"a.yaml": pod("a", "r.io/web:1", "r.io/api:1"), "b.yaml": pod("b", "busybox:1")}
    plan = planned(files, web=f"r.io/web:2@{D}")
    assert spelled(plan.triples) == (("web", "r.io/web:1", f"r.io/web:2@{D}"),)
    assert dict(plan.files) == {"a.yaml": files["a.yaml"].replace(b"r.io/web:1", f"r.io/web:2@{D}".encode())}


def test_one_anchor_for_two_containers_is_one_edit() -> None:
    """An image that two containers share is changed once, at its anchor."""
    data = pod("a", "&i r.io/web:1", "*i")
    plan = planned({"a.yaml": data}, web="r.io/web:2")
    assert plan.files["a.yaml"] == data.replace(b"web:1", b"web:2")


def test_nothing_to_change_is_a_plan_that_is_false() -> None:
    """What the repo says already needs no commit."""
    assert not planned({"a.yaml": pod("a", "r.io/web:1")}, web="r.io/web:1")


def test_a_service_that_no_manifest_names() -> None:
    """It is told at its line of headway.yaml."""
    with pytest.raises(ConfigError, match=r"headway\.yaml:5:9: no manifest below staging/"):
        planned({"a.yaml": pod("a", "r.io/web:1")}, api="r.io/api:2")


def test_a_file_that_does_not_parse_is_a_warning() -> None:
    """The other files are planned all the same."""
    plan = planned({"a.yaml": pod("a", "r.io/web:1"), "b.yaml": b"a: b: c\n"}, web="r.io/web:2")
    assert list(plan.files) == ["a.yaml"]
    assert plan.warnings == (
        "left out: b.yaml:1:5: not YAML: mapping values are not allowed in this context",
    )


def test_as_it_was_goes_container_by_container() -> None:
    """Containers get back what they had; a new one gets what its service had; other services stay."""
    now = {"a.yaml": pod("a", "r.io/web:2", "r.io/web:2"), "b.yaml": pod("b", "r.io/web:2", "r.io/api:2")}
    past = indexed({"a.yaml": pod("a", "r.io/web:1", "r.io/web:1"), "b.yaml": pod("c", "r.io/api:1")})
    plan = plan_as_it_was(CONFIG, "staging", "base", indexed(now), past, now.__getitem__, ["web"], "back")
    assert plan.files["a.yaml"] == pod("a", "r.io/web:1", "r.io/web:1")
    assert plan.files["b.yaml"] == pod("b", "r.io/web:1", "r.io/api:2")


def test_images_by_service() -> None:
    """Each service's distinct images, in the order of headway.yaml; what is no service's is left out."""
    found = indexed({"a.yaml": pod("a", "r.io/api:1", "r.io/web:1", "r.io/web:2", "busybox:1")})
    web, api = [Image("r.io/web:1"), Image("r.io/web:2")], [Image("r.io/api:1")]
    assert images_of(CONFIG, found) == {"web": tuple(web), "api": tuple(api)}
    then = indexed({"a.yaml": pod("a", "r.io/api:0", "r.io/web:1", "r.io/web:2")})
    assert spelled(image_changes(CONFIG, found, then)) == (("api", "r.io/api:1", "r.io/api:0"),)


TWO = {"a.yaml": pod("a", "r.io/web:1"), "b.yaml": pod("b", "r.io/web:2", "r.io/web:1", "r.io/api:1")}


def test_a_service_that_runs_two_images_has_two_changes() -> None:
    """Each distinct image that is left is told, in the order of the files, and each is told once."""
    plan = planned(TWO, web="r.io/web:3")
    assert spelled(plan.triples) == (("web", "r.io/web:1", "r.io/web:3"), ("web", "r.io/web:2", "r.io/web:3"))
    past = indexed(
        {"a.yaml": pod("a", "r.io/web:0"), "b.yaml": pod("b", "r.io/web:0", "r.io/web:0", "r.io/api:1")}
    )
    back = plan_as_it_was(CONFIG, "staging", "base", indexed(TWO), past, TWO.__getitem__, [], "back")
    assert spelled(back.triples) == (("web", "r.io/web:1", "r.io/web:0"), ("web", "r.io/web:2", "r.io/web:0"))


def test_an_approval_of_one_image_is_none_of_two() -> None:
    """The fingerprint names every image that changes."""
    other = {**TWO, "b.yaml": TWO["b.yaml"].replace(b"r.io/web:2", b"r.io/web:9")}
    assert planned(TWO, web="r.io/web:3").fingerprint != planned(other, web="r.io/web:3").fingerprint


def test_what_taking_back_changes_goes_container_by_container() -> None:
    """Every image that a failed state brought is told beside what its container had; a moved one stays."""
    then = indexed(
        {"a.yaml": pod("a", "r.io/web:2"), "b.yaml": pod("b", "r.io/web:1", "r.io/web:1", "r.io/api:1")}
    )
    assert spelled(image_changes(CONFIG, indexed(TWO), then)) == (
        ("web", "r.io/web:1", "r.io/web:2"),
        ("web", "r.io/web:2", "r.io/web:1"),
    )
    renamed = indexed({"c.yaml": pod("c", "r.io/web:0", "r.io/web:1", "r.io/api:1")})
    assert spelled(image_changes(CONFIG, indexed(TWO), renamed)) == (("web", "r.io/web:2", ""),)


def rendered(text: str, value: str, obstacle: str = "") -> FileIndex:
    """Index a kustomization whose newTag is `text`, which renders to `value`."""
    part = Part("k.yaml", 8, 8 + len(text), 1, 9, TAG, text)
    uses = (ImageUse(0, "Pod", "", "a", "c", "container"),)
    return FileIndex(
        "k.yaml", images=(ImageSite(Image(value), 8, 8 + len(text), 1, 9, uses, (part,), obstacle),)
    )


def test_a_part_is_changed_in_its_file_and_restored_as_it_stood() -> None:
    """A release writes the tag that a kustomization says; a rollback writes it as its author did."""
    files = {"k.yaml": b"newTag: v1 # why"}
    wanted = {"web": (ImageRef.parse("r.io/web:1.10"), "asked for")}
    past = [rendered("v1", "r.io/web:v1")]
    plan = plan_images(CONFIG, "staging", "base", past, files.__getitem__, wanted)
    assert spelled(plan.triples) == (("web", "r.io/web:v1", "r.io/web:1.10"),)
    assert plan.files["k.yaml"] == b'newTag: "1.10" # why'
    now = [rendered('"1.10"', "r.io/web:1.10")]
    back = plan_as_it_was(CONFIG, "staging", "base", now, past, plan.files.__getitem__, [], "", files.get)
    assert back.files == files


def test_a_place_that_a_release_must_not_change_refuses_it() -> None:
    """What stands in the way is told at its place."""
    found = [rendered("v1", "r.io/web:v1", "production's sources have this file too")]
    wanted = {"web": (ImageRef.parse("r.io/web:2"), "")}
    with pytest.raises(ConfigError, match=r"k\.yaml:1:9: production's sources have this file too"):
        plan_images(CONFIG, "staging", "base", found, lambda _: b"newTag: v1", wanted)


def test_a_tag_that_no_digest_can_follow() -> None:
    """It is written alone, and said; once it stands there nothing is to be changed, also by automation."""
    text = (
        b"apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: web}\nspec:\n"
        b"  values: {image: {repository: r.io/web, tag: v1}}\n"
    )
    files = {"a.yaml": text}
    plan = planned(files, web=f"r.io/web:v2@{D}")
    assert plan.files["a.yaml"] == text.replace(b"v1", b"v2")
    assert any("a.yaml:5:47: no digest can stand here" in it for it in plan.warnings), plan.warnings
    assert not planned(dict(plan.files), web=f"r.io/web:v2@{D}")
