"""An image that others' sources say, too, gets a place of the environment's own: by an insertion alone."""

from __future__ import annotations

import pytest

from headway.domain.images.reference import Image, ImageRef
from headway.domain.manifests.image_sites import ImageSite
from headway.domain.rendering.effect import described, unwanted
from headway.domain.rendering.pinning import pin_in, pinned_image
from headway.domain.rendering.sites import held_by_others
from headway.errors import ConfigError, UsageError
from tests.domain.rendering.test_sites import D2, indexed, released
from tests.units import Unit, tree

NEW = ImageRef.parse(f"r.io/shop/users:1.10@{D2}")


def users_of(unit: Unit) -> ImageSite:
    return next(site for index in indexed(unit) for site in index.images if "users" in site.image.text)


def pinned(unit: Unit, path: str) -> bytes:
    """Pin the image of users in a file, and see that nothing else of the rendering changes."""
    site, before = users_of(unit), unit.render()
    image = pinned_image(site, path, NEW)
    done = pin_in(path, unit.files.get(path, b""), unit.files, site, image)
    after = unit.render({path: done})
    assert list(described(unwanted(before.objects, after.objects, [(site.image.text, image.text)]))) == []
    return done


@pytest.mark.parametrize(
    ("overlay", "then"),
    [
        (
            b"resources: [../base]\n",
            b'resources: [../base]\nimages:\n- name: r.io/shop/users\n  newTag: "1.10@%s"\n' % D2.encode(),
        ),
        (
            b"resources: [../base]\r\nimages:\r\n  - {name: r.io/shop/orders, newTag: v1}",
            b"resources: [../base]\r\nimages:\r\n  - {name: r.io/shop/orders, newTag: v1}\r\n"
            b"  - name: r.io/shop/users\r\n    newTag: 1.10@%s" % D2.encode(),
        ),
    ],
)
def test_an_overlay_of_a_shared_base_is_pinned(overlay: bytes, then: bytes) -> None:
    unit = Unit({**tree("images-new-tag"), "staging/kustomization.yaml": overlay}, "staging")
    (held,) = (
        held_by_others(it, {"base/users.yaml": ["production"]}, "staging", "staging/kustomization.yaml")
        for it in indexed(unit)
        if it.path == "base/users.yaml"
    )
    with pytest.raises(
        ConfigError, match=r"base/users\.yaml:12:16: this says .* for production too"
    ) as refused:
        released(unit, (held,), users="2.0")
    assert "--pin-in staging/kustomization.yaml" in str(refused.value)
    assert pinned(unit, "staging/kustomization.yaml") == then.replace(b'"', b"")


def test_an_entry_that_only_renames_gets_the_tag() -> None:
    unit = Unit(tree("images-new-name-only"), "staging")
    assert pinned(unit, "staging/kustomization.yaml") == (
        b"resources: [base]\nimages:\n- {name: users, newName: r.io/shop/users, newTag: 1.10@%s}\n"
        % D2.encode()
    )


def test_an_entry_that_does_not_decide_is_no_place_for_it() -> None:
    files = tree("three-bases")
    files["staging/kustomization.yaml"] = (
        b"resources: [two]\nimages: [{name: r.io/shop/users, newTag: 1.0.0}]\n"
    )
    unit = Unit(tree("three-bases"), "staging")
    with pytest.raises(UsageError, match="names it already"):
        pin_in(
            "staging/kustomization.yaml",
            files["staging/kustomization.yaml"],
            files,
            users_of(unit),
            Image(str(NEW)),
        )


def test_a_subchart_is_pinned_by_its_alias() -> None:
    """Helm takes a subchart's values from the alias of the dependency, and not from its name."""
    files = tree("subchart-alias")
    once = files["chart/Chart.yaml"].replace(
        b'- {name: web, version: 0.1.0, repository: "", alias: back}\n', b""
    )
    unit = Unit({**files, "chart/Chart.yaml": once}, "chart", ("live/values.yaml",))
    assert pinned(unit, "live/values.yaml") == b"size: 2\nfront:\n  image:\n    tag: 1.10@%s\n" % D2.encode()


def test_a_subchart_that_is_needed_twice_is_pinned_under_both_aliases() -> None:
    """Both render the one image that is released; one that has a tag of its own there is left."""
    unit = Unit(tree("subchart-alias"), "chart", ("live/values.yaml",))
    done = pinned(unit, "live/values.yaml").decode()
    assert done == "size: 2\n" + "".join(f"{it}:\n  image:\n    tag: 1.10@{D2}\n" for it in ("front", "back"))
    unit.files["live/values.yaml"] = b"back: {image: {tag: '1.1'}}\n"
    assert pinned(unit, "live/values.yaml").decode() == (
        f"back: {{image: {{tag: '1.1'}}}}\nfront:\n  image:\n    tag: 1.10@{D2}\n"
    )


@pytest.mark.parametrize("root", ["charts/shop", "deploy/charts/shop"])
def test_a_folder_called_charts_makes_no_subchart(root: str) -> None:
    """Charts often lie in such a folder of the repo."""
    files = {path.replace("chart/", f"{root}/", 1): data for path, data in tree("values-apart").items()}
    unit = Unit({**files, "live/values.yaml": b"size: 2\n"}, root, ("live/values.yaml",))
    image = tree("values-apart")["chart/values.yaml"].decode()
    key = next(it for it in image.splitlines() if it.endswith(":"))
    assert pinned(unit, "live/values.yaml").decode().startswith(f"size: 2\n{key}\n")
