"""Environments that kustomize renders: every command takes what it renders to, and a base's change is a change of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.flows.conftest import Place
from tests.rendering import RenderingTools


@pytest.fixture(autouse=True)
def _tools(place: Place, rendering_tools: RenderingTools) -> None:
    place.settings["HEADWAY_KUSTOMIZE"] = str(rendering_tools.kustomize)


INVALID = {"kind": "Status", "message": 'CronJob.batch "web" is invalid', "reason": "Invalid", "code": 422}


def overlay(place: Place, tag: str = "1.0.0", schedule: str = "0 0 1 1 *") -> dict[str, str | bytes | None]:
    """Write a base of both services, and an overlay of it in each environment in the place of plain files."""
    files: dict[str, str | bytes | None] = {
        "base/kustomization.yaml": "resources: [web.yaml, api.yaml]\n",
        **{
            f"base/{it}.yaml": place.job(it, place.image(it, tag)).replace("0 0 1 1 *", schedule)
            for it in ("web", "api")
        },
    }
    for name in place.rules:
        files |= {
            f"{name}/kustomization.yaml": f"resources: [../base]\nlabels: [{{pairs: {{from: {name}}}}}]\n",
            f"{name}/web.yaml": None,
            f"{name}/api.yaml": None,
        }
    return files


def job(place: Place, environment: str, name: str) -> dict[str, object]:
    return place.kube.objects[f"/apis/batch/v1/namespaces/{environment}/cronjobs/{name}"]


def test_an_overlay_is_applied_and_nothing_is_left_to_do(place: Place) -> None:
    """The cluster gets what kustomize writes, names of a base included; the next look renders and changes nothing."""
    place.start(staging="", production="")
    place.remote.push(overlay(place))
    done = place.run("reconcile")
    assert done.code == 0, done.said
    for name in ("staging", "production"):
        assert job(place, name, "web")["metadata"]["labels"]["from"] == name  # type: ignore[index]
    place.kube.changes.clear()
    again = place.run("reconcile", HEADWAY_KUSTOMIZE=_that_only_says_its_version(place))
    assert again.code == 0, again.said
    assert place.kube.changes == []
    assert place.run("diff", "staging").code == 0


def _that_only_says_its_version(place: Place) -> str:
    """Return a kustomize that renders nothing, so that a look which asks it for more fails."""
    tool = place.folder / "kustomize"
    tool.write_text('#!/bin/sh\n[ "$1" = version ] && echo v5.8.1\n')
    tool.chmod(0o755)
    return str(tool)


def test_a_change_of_a_base_is_a_change_of_each_environment_that_reads_it(place: Place) -> None:
    """`history` names the base's commit, though nothing in the environment's folder has changed."""
    place.start(staging="", production="")
    place.remote.push(overlay(place))
    assert place.run("reconcile").code == 0
    before = place.run("history", "staging").out
    commit = place.remote.push({"base/web.yaml": overlay(place, schedule="5 5 5 5 *")["base/web.yaml"]})
    done = place.run("reconcile", "staging")
    assert done.code == 0, done.said
    assert job(place, "staging", "web")["spec"]["schedule"] == "5 5 5 5 *"  # type: ignore[index]
    assert commit[:7] in place.run("history", "staging").out
    assert commit[:7] not in before
    place.remote.push({"elsewhere/base.yaml": "a: 1\n"})
    assert place.run("reconcile", "staging").code == 0
    assert commit[:7] in place.run("history", "staging", "--limit", "1").out


def test_what_leaves_the_rendering_is_pruned(place: Place) -> None:
    """A resource that a base no longer names goes from the cluster."""
    place.start(staging="")
    place.remote.push(overlay(place))
    assert place.run("reconcile").code == 0
    place.remote.push({"base/kustomization.yaml": "resources: [web.yaml]\n"})
    done = place.run("reconcile")
    assert done.code == 0, done.said
    assert "/apis/batch/v1/namespaces/staging/cronjobs/api" not in place.kube.objects


def test_what_does_not_render_holds_its_environment_and_no_other(place: Place) -> None:
    """The file, kustomize's own words and what to do are told; nothing is pruned, and the other one goes on."""
    place.start(staging="", production="")
    place.remote.push(overlay(place))
    assert place.run("reconcile").code == 0
    place.remote.push(
        {
            "staging/kustomization.yaml": "resources: [../base]\npatches: [{path: patch.yaml}]\n",
            "staging/patch.yaml": "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: nobody}\n",
            "base/web.yaml": overlay(place, schedule="5 5 5 5 *")["base/web.yaml"],
        }
    )
    done = place.run("reconcile")
    assert done.code == 1, done.said
    assert "staging/kustomization.yaml:1:1: kustomize: " in done.said
    assert "no matches for Id CronJob.v1.batch/nobody" in done.said
    assert job(place, "staging", "web")["spec"]["schedule"] == "0 0 1 1 *"  # type: ignore[index]
    assert job(place, "production", "web")["spec"]["schedule"] == "5 5 5 5 *"  # type: ignore[index]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("resources: [../base, 'https://example.com/base']", "2:22: https://example.com/base is remote"),
        ("resources: [../base, ../../other]", "2:22: ../../other leads out of the config repo"),
        ("resources: [../base, nothing.yaml]", "2:22: there is no staging/nothing.yaml"),
        ("resources: [../base, ../loop]", "a loop of bases: staging → loop → staging"),
    ],
)
def test_what_is_refused_never_reaches_a_tool(place: Place, line: str, said: str) -> None:
    """Each refusal has its place; nothing is applied and nothing deleted."""
    place.start(staging="")
    place.remote.push(overlay(place))
    assert place.run("reconcile").code == 0
    place.kube.changes.clear()
    place.remote.push(
        {
            "staging/kustomization.yaml": f"# ours\n{line}\n",
            "loop/kustomization.yaml": "resources: [../staging]\n",
        }
    )
    done = place.run("reconcile")
    assert done.code == 1, done.said
    assert said in done.said, done.said
    assert place.kube.changes == []


def test_a_missing_tool_is_said_and_the_plain_environment_goes_on(place: Place) -> None:
    """Nothing of the environment is touched, and what to install is named."""
    place.start(staging="", production="")
    files = overlay(place)
    place.remote.push({name: it for name, it in files.items() if not name.startswith("production/")})
    done = place.run("reconcile", HEADWAY_KUSTOMIZE="/nowhere/kustomize")
    assert done.code != 0
    assert "/nowhere/kustomize, which HEADWAY_KUSTOMIZE names, is not a program" in done.said
    assert "from" not in job(place, "staging", "web")["metadata"]["labels"]  # type: ignore[index]


def refusing(place: Place, word: str) -> None:
    """Have the cluster refuse CronJobs in which a word stands, once they are written and not only tried."""

    def mood(method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        refused = "/cronjobs/" in path and "dryRun" not in path and word in str(body)
        return (422, INVALID) if refused else None

    place.kube.mood = mood


def test_a_base_of_one_environment_is_rolled_back_with_it(place: Place) -> None:
    """Nobody else reads it: the push that failed is undone where it was made, and nothing else is."""
    place.start(staging="")
    before = overlay(place)
    place.remote.push(before)
    assert place.run("reconcile").code == 0
    refusing(place, "5 5 5 5 *")
    place.remote.push(
        {"base/web.yaml": overlay(place, schedule="5 5 5 5 *")["base/web.yaml"], "x/y.yaml": "a: 1\n"}
    )
    done = place.run("reconcile")
    assert "failed, and rolled back" in done.said, done.said
    assert place.remote.file("base/web.yaml").decode() == before["base/web.yaml"]
    assert place.remote.file("x/y.yaml") == b"a: 1\n"
    assert place.run("reconcile").code == 0


def test_a_base_that_others_read_too_is_not_rolled_back_for_one(place: Place) -> None:
    """A rollback changes one environment: what failed stays for a person, who is told the file and the way out."""
    place.start(staging="", production="")
    place.remote.push(overlay(place))
    assert place.run("reconcile").code == 0
    refusing(place, "5 5 5 5 *")
    commit = place.remote.push({"base/web.yaml": overlay(place, schedule="5 5 5 5 *")["base/web.yaml"]})
    done = place.run("reconcile", "staging")
    assert done.code == 1, done.said
    assert "base/web.yaml, which production reads too, has changed" in done.said
    assert place.remote.head() == commit


def test_doctor_names_the_tools(place: Place) -> None:
    """With their versions, beside how many folders they render."""
    place.start(staging="")
    place.remote.push(overlay(place))
    done = place.run("doctor")
    assert "2 objects in staging/, 1 of its folders rendered by kustomize v5.8.1" in done.out, done.said


def test_lint_renders_what_a_release_would(place: Place, tmp_path: Path) -> None:
    """In a checkout, before a commit: a patch without a target is a mistake, a missing tool a warning."""
    place.rules = {"staging": ""}
    files = {"headway.yaml": place.headway_yaml(), **overlay(place)}
    files["staging/kustomization.yaml"] = "resources: [../base]\npatches: [{path: p.yaml}]\n"
    files["staging/p.yaml"] = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: nobody}\n"
    for path, text in files.items():
        if text is not None:
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_text(str(text))
    done = place.run("lint", str(tmp_path))
    assert done.code == 2, done.said
    assert "staging/kustomization.yaml:1:1: kustomize: no resource matches strategic merge patch" in done.said
    assert "correct its kind and name" in done.said
    done = place.run("lint", str(tmp_path), HEADWAY_KUSTOMIZE="/nowhere/kustomize")
    assert "staging/kustomization.yaml:1:1: warning: not rendered here: /nowhere/kustomize" in done.said
