"""Images in fields that headway.yaml names: released, promoted and rolled back with the containers' own."""

from __future__ import annotations

import json

import pytest

from tests.flows.conftest import Place
from tests.servers.kubernetes import KINDS

RULE = "images:\n- {kind: ConfigMap, name: runner, path: data.IMAGE}\n"


@pytest.fixture(autouse=True)
def _config_maps(place: Place) -> None:
    core = [*KINDS[""], ("v1", "configmaps", "ConfigMap", "Namespaced")]
    place.kube.kinds = {**KINDS, "": core}


def runner(image: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: runner}}\ndata: {{IMAGE: '{image}', x: z}} # kept\n"


def test_a_named_field_moves_with_its_service(place: Place) -> None:
    """One commit has both; promotion and rollback carry the field, too, and nothing warns that it stays."""
    place.more = RULE
    place.start("1.0.0", staging="", production="promote_from: staging")
    old, new = place.image("web", "1.0.0"), place.image("web", "1.1.0")
    place.remote.push({f"{it}/runner.yaml": runner(old) for it in ("staging", "production")})
    assert place.run("reconcile").code == 0
    done = place.run("release", "staging", f"web={new}")
    assert (done.code, "outside of a container" in done.said) == (0, False), done.said
    assert place.remote.file("staging/runner.yaml").decode() == runner(new)
    there = place.kube.objects["/api/v1/namespaces/staging/configmaps/runner"]
    assert there["data"] == {"IMAGE": new, "x": "z"}
    assert place.run("promote", "production").code == 0
    assert place.remote.file("production/runner.yaml").decode() == runner(new)
    assert place.run("rollback", "staging", "--reason", "slow").code == 0
    assert place.remote.file("staging/runner.yaml").decode() == runner(old)


def test_a_field_alone_is_a_place_of_its_service(place: Place) -> None:
    """A service that no container runs is released by the field that says its image, also when the rule comes later."""
    place.start("1.0.0", staging="")
    old, new = place.image("web", "1.0.0"), place.image("web", "1.1.0")
    place.remote.push({"staging/web.yaml": runner(old)})
    assert place.run("reconcile").code == 0
    refused = place.run("release", "staging", f"web={new}")
    assert (refused.code, "no manifest below staging/" in refused.err) == (2, True), refused.said
    place.more = RULE
    place.configure()
    assert place.run("release", "staging", f"web={new}").code == 0
    assert place.remote.file("staging/web.yaml").decode() == runner(new)


def test_what_a_rule_finds_in_no_object_is_said(place: Place) -> None:
    place.more = RULE
    place.start("1.0.0", staging="")
    checkout = place.folder / "checkout"
    place.remote.git("worktree", "add", "-q", str(checkout), "main")
    done = place.run("lint", str(checkout), "--output", "json")
    said = [it["message"] for it in json.loads(done.out)["warnings"]]
    assert "no object of any environment has this field" in said
