"""What is no manifest, what is linked, what stays behind: said, and not green until somebody decides."""

from __future__ import annotations

import json

import pytest

from tests.flows.conftest import Place

COMPOSE = "services: {web: {image: x}}\n"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("docker-compose.yml", COMPOSE, "it has no apiVersion; if it is not meant to be one, name the file in .headwayignore"),
        ("job.yaml", "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: x-}\n", "generateName"),
        ("big.yaml", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "a pointer of Git LFS"),
    ],
)  # fmt: skip
def test_a_foreign_file_is_not_green_until_it_is_ignored(
    place: Place, name: str, text: str, said: str
) -> None:
    """Nothing is pruned while what it holds is not known; ignored, pruning goes on and all is green."""
    place.start("1.0.0", staging="release: manual")
    old = place.job("old", place.image("api", "1.0.0"))
    place.remote.push({"staging/old.yaml": old, f"staging/{name}": text})
    assert place.run("reconcile").code == 1
    place.remote.push({"staging/old.yaml": None})
    for arguments in (("reconcile",), ("status",), ("doctor",), ("reconcile", "--dry-run")):
        done = place.run(*arguments)
        assert (done.code, f"staging/{name}:1:1: " in done.said, said in done.said) == (1, True, True), (
            done.said
        )
    assert "old" in place.tags("staging")
    status = place.run("status", "--output", "json")
    assert [it["left_out"] for it in json.loads(status.out)] == [[f"staging/{name}"]]
    # A release of a service is done all the same.
    done = place.run("release", "staging", f"web={place.image('web', '1.1.0')}")
    assert (done.code, place.tags("staging")["web"], said in done.said) == (0, "1.1.0", True), done.said
    place.remote.push({"staging/.headwayignore": f"# not for the cluster\n{name}\n"})
    assert place.run("reconcile").code == 0
    assert "old" not in place.tags("staging")
    assert place.run("status").code == 0


def test_headway_yaml_may_say_what_is_ignored(place: Place) -> None:
    """`ignore:` counts from the root of the repo."""
    place.more = "ignore: [compose.yaml, /staging/charts/]\n"
    place.start("1.0.0", staging="release: manual")
    place.remote.push(
        {
            "staging/compose.yaml": COMPOSE,
            "staging/charts/Chart.yaml": "a: 1",
            "staging/x/compose.yaml": COMPOSE,
        }
    )
    assert place.run("reconcile").code == 0


def test_an_image_that_stays_behind_is_named(place: Place) -> None:
    """In a variable, an argument or a block of text; comments, other tags and other images are nobody's business."""
    place.start("1.0.0", staging="release: manual")
    old, other = place.image("web", "1.0.0"), place.image("api", "1.0.0")
    job = place.job("web", old).replace(
        f"image: {old}}}",
        f"image: {old}, env: [{{name: WORKER, value: '{old}'}}], args: ['--image={old.partition('@')[0]}']}}",
    )
    config = f"apiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: c, annotations: {{b: '{other}'}}}}\n# {old}\nspec: {{note: |\n   run {old}\n }}\n"
    config = config.replace("spec: {note: |\n   run", "spec:\n  note: |\n    run").replace("\n }\n", "\n")
    place.remote.push({"staging/web.yaml": job, "staging/c.yaml": config})
    new = place.image("web", "1.1.0")
    for command in ("plan", "release"):
        done = place.run(command, "staging", f"web={new}")
        assert done.code == 0, done.said
        said = [
            it for it in done.said.splitlines() if "warning:" in it and "outside of a container's image" in it
        ]
        assert len(said) == 3, done.said
        assert any("staging/c.yaml:7:" in it for it in said), said
        assert any("staging/web.yaml:" in it for it in said), said
    assert place.remote.file("staging/web.yaml").decode().count("1.1.0") == 1


def test_a_placeholder_is_said(place: Place) -> None:
    """Nobody fills it in, so whoever wrote it hears of it; it stops nothing."""
    place.start("1.0.0", staging="release: manual")
    text = place.job("x", "'example.com/shop/x:${TAG}'") + "  timeZone: '${ZONE}'\n"
    place.remote.push({"staging/x.yaml": text})
    for arguments in (
        ("reconcile",),
        ("status",),
        ("doctor",),
        ("plan", "staging", f"web={place.image('web', '1.1.0')}"),
    ):
        done = place.run(*arguments)
        assert "staging/x.yaml:11:" in done.said, done.said
        assert "the placeholder ${TAG} is applied as it stands" in done.said, done.said
        assert "${ZONE}" in done.said
        assert done.code == 0 or arguments == ("doctor",), done.said


def test_a_link_is_edited_where_it_points_to_and_only_in_its_own_environment(place: Place) -> None:
    """What is linked from another folder is applied; a release does not change another environment's file."""
    place.start("1.0.0", staging="release: manual", production="release: manual")
    place.remote.push(
        {
            "staging/web.yaml": "linked/web.txt",
            "staging/linked/web.txt": place.job("web", place.image("web", "1.0.0")),
            "staging/api.yaml": "../production/api.yaml",
        },
        modes={"staging/web.yaml": "120000", "staging/api.yaml": "120000"},
    )
    assert place.run("reconcile").code == 0
    assert place.run("release", "staging", f"web={place.image('web', '1.1.0')}").code == 0
    assert place.tags("staging") == {"web": "1.1.0", "api": "1.0.0"}
    assert b"1.1.0" in place.remote.file("staging/linked/web.txt")
    done = place.run("release", "staging", f"api={place.image('api', '1.1.0')}")
    assert (done.code, "staging/api.yaml:1:1: a release would change production/api.yaml" in done.said) == (
        2,
        True,
    ), done.said
    assert place.tags("production")["api"] == "1.0.0"
