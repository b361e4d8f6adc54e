"""Releases to what kustomize and Helm render: one value of the sources changes, and nothing but images in what is rendered."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flows.conftest import Place
from tests.rendering import RenderingTools

SERVICES = ("web", "api")


@pytest.fixture(autouse=True)
def _tools(place: Place, rendering_tools: RenderingTools) -> None:
    place.settings["HEADWAY_KUSTOMIZE"] = str(rendering_tools.kustomize)
    place.settings["HEADWAY_HELM"] = str(rendering_tools.helm)


def overlays(place: Place, *, entries: bool = True) -> None:
    """Push a base of both services, and an overlay of it in each environment; by default it has its own `images:`."""
    files: dict[str, str | bytes | None] = {"base/kustomization.yaml": "resources: [web.yaml, api.yaml]\n"}
    for it in SERVICES:
        files[f"base/{it}.yaml"] = place.job(it, place.image(it, "1.0.0"))
    for name in place.rules:
        rows = "".join(
            f"- name: {place.registry.host}/shop/{it}\n  newTag: {place.image(it, '1.0.0').partition('/shop/')[2].partition(':')[2]} # by hand\n"
            for it in SERVICES
        )
        said = f"resources: [../base]\nimages:\n{rows}" if entries else "resources: [../base] # all\n"
        files |= {f"{name}/kustomization.yaml": said, f"{name}/web.yaml": None, f"{name}/api.yaml": None}
    place.remote.push(files)
    done = place.run("reconcile")
    assert done.code == 0, done.said


def content(place: Place, path: str) -> str:
    return place.remote.git("show", f"main:{path}")


def changed(place: Place) -> list[str]:
    """Return the lines that the last commit took and gave."""
    diff = place.remote.git("show", "--format=", "-U0", "main")
    return [it for it in diff.splitlines() if it[:1] in "+-" and it[:3] not in ("+++", "---")]


def test_a_release_a_promotion_and_a_rollback_of_an_overlay(place: Place) -> None:
    place.start(staging="", production="promote_from: staging")
    overlays(place)
    before = content(place, "production/kustomization.yaml")
    image = place.image("web", "1.1.0")
    shown = place.run("release", "staging", f"web={image}", "--dry-run")
    assert shown.code == 0, shown.said
    assert f"+  newTag: 1.1.0@{image.partition('@')[2]} # by hand" in shown.said
    assert "CronJob/web: spec.jobTemplate.spec.template.spec.containers[0].image: " in shown.said
    done = place.run("release", "staging", f"web={image}")
    assert done.code == 0, done.said
    assert [it.split("@")[0] for it in changed(place)] == ["-  newTag: 1.0.0", "+  newTag: 1.1.0"]
    assert place.tags("staging") == {"web": "1.1.0", "api": "1.0.0"}
    assert place.tags("production") == {"web": "1.0.0", "api": "1.0.0"}
    done = place.run("promote", "production")
    assert done.code == 0, done.said
    assert place.tags("production") == {"web": "1.1.0", "api": "1.0.0"}
    done = place.run("rollback", "production")
    assert done.code == 0, done.said
    assert place.tags("production") == {"web": "1.0.0", "api": "1.0.0"}
    assert content(place, "production/kustomization.yaml") == before


def test_what_a_shared_base_says_is_refused_and_then_pinned(place: Place) -> None:
    place.start(staging="", production="")
    overlays(place, entries=False)
    image, head = place.image("web", "1.1.0"), place.remote.head()
    refused = place.run("release", "staging", f"web={image}")
    assert refused.code == 2, refused.said
    assert "base/web.yaml:11:33: this says" in refused.err, refused.said
    assert "for production too" in refused.err
    assert "--pin-in staging/kustomization.yaml" in refused.err
    for wrong, said in (
        ("base/kustomization.yaml", "this file is production's too"),
        ("production/kustomization.yaml", "no kustomization or chart that reads this file"),
    ):
        done = place.run("release", "staging", f"web={image}", "--pin-in", wrong)
        assert (done.code, said in done.err) == (2, True), done.said
    assert place.remote.head() == head
    done = place.run("release", "staging", f"web={image}", "--pin-in", "staging/kustomization.yaml")
    assert done.code == 0, done.said
    name, _, tag = image.rpartition(":1.1.0")
    assert content(place, "staging/kustomization.yaml") == (
        f"resources: [../base] # all\nimages:\n- name: {name}\n  newTag: 1.1.0{tag}\n"
    )
    assert place.tags("staging") == {"web": "1.1.0", "api": "1.0.0"}
    assert place.tags("production") == {"web": "1.0.0", "api": "1.0.0"}


def test_what_else_would_change_is_shown_and_refused(place: Place) -> None:
    """A variable gets the tag by a replacement: the release is no longer one of an image alone."""
    place.start(staging="")
    overlays(place)
    old = content(place, "staging/kustomization.yaml")
    place.remote.push(
        {
            "staging/kustomization.yaml": old.rstrip("\n")
            + "\nreplacements:\n- source: {kind: CronJob, name: web, fieldPath: "
            "spec.jobTemplate.spec.template.spec.containers.0.image}\n  targets:\n  - select: {kind: CronJob, name: api}\n"
            "    fieldPaths: [spec.schedule]\n"
        }
    )
    head = place.remote.head()
    refused = place.run("release", "staging", f"web={place.image('web', '1.1.0')}")
    assert refused.code == 3, refused.said
    assert "CronJob/api: spec.schedule: " in refused.err
    assert place.remote.head() == head


CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 0.1.0\n",
    "chart/values.yaml": "web: {tag: none}\napi: {tag: none}\n",
}


def charts(place: Place, *, labelled: bool = False) -> None:
    """Push one chart, with values for each environment beside it; its objects may have a label with the tag."""
    host = place.registry.host
    files: dict[str, str | bytes | None] = {**CHART}
    for it in SERVICES:
        made = place.job(it, f"{host}/shop/{it}:{{{{ .Values.{it}.tag }}}}")
        label = (
            f"metadata: {{labels: {{version: '{{{{ .Values.{it}.tag }}}}'}}, " if labelled else "metadata: {"
        )
        files[f"chart/templates/{it}.yaml"] = made.replace("metadata: {", label)
    for name in place.rules:
        said = {it: place.image(it, "1.0.0").rpartition("/")[2].partition(":")[2] for it in SERVICES}
        rows = [f"{it}:\n  tag: '{tag.partition('@')[0] if labelled else tag}'" for it, tag in said.items()]
        files[f"chart/values-{name}.yaml"] = "\n".join(rows) + "\n"
        files |= {f"{name}/web.yaml": None, f"{name}/api.yaml": None}
    for name in place.rules:
        chart = f"chart: {{path: chart, values: [chart/values-{name}.yaml]}}"
        place.rules[name] = ", ".join(filter(None, [place.rules[name], chart]))
    files["headway.yaml"] = place.headway_yaml()
    place.remote.push(files)
    done = place.run("reconcile")
    assert done.code == 0, done.said


def test_a_release_a_promotion_and_a_rollback_of_a_chart(place: Place) -> None:
    place.start(staging="", production="promote_from: staging")
    charts(place)
    before = content(place, "chart/values-production.yaml")
    image = place.image("web", "1.1.0")
    done = place.run("release", "staging", f"web={image}")
    assert done.code == 0, done.said
    assert [it.split("@")[0] for it in changed(place)] == ["-  tag: '1.0.0", "+  tag: '1.1.0"]
    assert place.tags("staging") == {"web": "1.1.0", "api": "1.0.0"}
    assert place.tags("production") == {"web": "1.0.0", "api": "1.0.0"}
    done = place.run("promote", "production")
    assert done.code == 0, done.said
    assert place.tags("production") == {"web": "1.1.0", "api": "1.0.0"}
    done = place.run("rollback", "production")
    assert done.code == 0, done.said
    assert content(place, "chart/values-production.yaml") == before


def test_where_no_digest_can_be_carried_the_record_has_it(place: Place) -> None:
    """A label has the tag: the tag alone is written, the plan says so, and a promotion goes by the recorded digest."""
    place.start(staging="", production="promote_from: staging")
    charts(place, labelled=True)
    image = place.image("web", "1.1.0")
    done = place.run("release", "staging", f"web={image}")
    assert done.code == 0, done.said
    assert changed(place) == ["-  tag: '1.0.0'", "+  tag: '1.1.0'"]
    assert "no digest can stand here, so the tag 1.1.0 alone is written" in done.said
    assert image in place.message()
    done = place.run("promote", "production", "--service", "web")
    assert done.code == 0, done.said
    assert image in place.message()
    assert place.tags("production") == {"web": "1.1.0", "api": "1.0.0"}
    again = place.run("release", "staging", f"web={image}")
    assert again.code == 0, again.said
    place.registry.tag("shop/web", "1.1.0", place.registry.image(Labels="other"))
    other = place.run("release", "staging", "web=1.1.0")
    assert (other.code, "this says the tag 1.1.0 already" in other.err) == (2, True), other.said
    done = place.run("rollback", "staging")
    assert done.code == 0, done.said
    assert [it for it in changed(place) if "  tag:" in it] == ["-  tag: '1.1.0'", "+  tag: '1.0.0'"]


def counted(place: Place, tool: str) -> Path:
    """Have a tool's runs counted, a line for each; return the file."""
    real, log = place.settings[f"HEADWAY_{tool.upper()}"], place.folder / f"{tool}.log"
    counting = place.folder / f"counting-{tool}"
    counting.write_text(f'#!/bin/sh\necho "$1" >> {log}\nexec {real} "$@"\n')
    counting.chmod(0o755)
    place.settings[f"HEADWAY_{tool.upper()}"] = str(counting)
    log.write_text("")
    return log


def test_a_release_renders_twice_and_what_is_known_is_not_rendered_again(place: Place) -> None:
    """Once with markers, once with the new image: the commit that follows is known already, and so is the next look."""
    place.start(staging="")
    overlays(place)
    log = counted(place, "kustomize")
    image = place.image("web", "1.1.0")
    assert place.run("release", "staging", f"web={image}", "--dry-run").code == 0
    assert log.read_text().split().count("build") == 2
    done = place.run("release", "staging", f"web={image}")
    assert done.code == 0, done.said
    assert place.run("reconcile", "staging").code == 0
    assert log.read_text().split().count("build") == 2
    # The places of images have only moved, which takes no markers to see.
    assert place.run("release", "staging", f"api={place.image('api', '1.1.0')}").code == 0
    assert place.run("release", "staging", f"web={place.image('web', '1.2.0')}").code == 0
    assert place.tags("staging") == {"web": "1.2.0", "api": "1.1.0"}
    assert log.read_text().split().count("build") == 4


def test_a_release_to_a_chart_renders_as_often(place: Place) -> None:
    """Though a chart is a whole folder, whose hash is known with the commit alone."""
    place.start(staging="")
    charts(place)
    log = counted(place, "helm")
    for tag, count in (("1.1.0", 2), ("1.2.0", 3)):
        assert place.run("release", "staging", f"web={place.image('web', tag)}").code == 0
        assert place.tags("staging") == {"web": tag, "api": "1.0.0"}
        assert log.read_text().split().count("template") == count


def test_a_tag_in_values_that_all_share_is_pinned_in_an_environments_own(place: Place) -> None:
    place.start(staging="", production="")
    charts(place)
    tags = {it: place.image(it, "1.0.0").rpartition("/")[2].partition(":")[2] for it in SERVICES}
    shared = "".join(f"{it}: {{tag: '{tag}'}}\n" for it, tag in tags.items())
    place.remote.push(
        {
            "chart/values.yaml": shared,
            "chart/values-staging.yaml": "replicas: 1 # few\n",
            "chart/values-production.yaml": "replicas: 3\n",
        }
    )
    assert place.run("reconcile").code == 0
    image = place.image("web", "1.1.0")
    refused = place.run("release", "staging", f"web={image}")
    assert (refused.code, "--pin-in chart/values-staging.yaml" in refused.err) == (2, True), refused.said
    assert "chart/values.yaml:1:12: this says" in refused.err
    done = place.run("release", "staging", f"web={image}", "--pin-in", "chart/values-staging.yaml")
    assert done.code == 0, done.said
    new = image.rpartition("/")[2].partition(":")[2]
    assert content(place, "chart/values-staging.yaml") == f"replicas: 1 # few\nweb:\n  tag: {new}\n"
    assert place.tags("staging") == {"web": "1.1.0", "api": "1.0.0"}
    assert place.tags("production") == {"web": "1.0.0", "api": "1.0.0"}
    done = place.run("rollback", "staging")
    assert done.code == 0, done.said
    assert place.tags("staging") == {"web": "1.0.0", "api": "1.0.0"}


def test_the_record_names_the_tools(place: Place) -> None:
    """A release says with which versions it was rendered; a rollback to what others rendered says so in its plan."""
    place.start(staging="")
    overlays(place)
    assert place.run("release", "staging", f"web={place.image('web', '1.1.0')}").code == 0
    message = place.remote.git("log", "-1", "--format=%B", "main")
    assert "Headway-Rendered-With: kustomize v5." in message
    assert place.run("release", "staging", f"web={place.image('web', '1.2.0')}").code == 0
    target = place.remote.git("rev-parse", "main~1").strip()
    same = place.run("rollback", "staging", "--to", target, "--dry-run")
    assert "was rendered with" not in same.said
    old = message.replace("kustomize v5.", "kustomize v4.")
    tree = place.remote.git("rev-parse", f"{target}^{{tree}}").strip()
    other = place.remote.git(
        "commit-tree", tree, "-p", "main", "-m", old.replace("Headway-Release: ", "Headway-Release: a")
    ).strip()
    place.remote.git("update-ref", "refs/heads/main", other)
    assert (
        place.run(
            "release", "staging", f"web={place.image('web', '1.3.0')}", "--force", "--reason", "on"
        ).code
        == 0
    )
    said = place.run("rollback", "staging", "--to", other, "--dry-run")
    assert said.code == 0, said.said
    assert f"{other[:9]} was rendered with kustomize v4." in said.said
    assert "and is rendered with kustomize v5." in said.said


@pytest.mark.slow
def test_a_chart_in_a_kustomization_is_released_and_rolled_back(place: Place) -> None:
    """Its tags stand in `valuesInline` here and in `images:` there; what kustomize patches of it stays patched."""
    place.start(staging="", production="promote_from: staging")
    host = place.registry.host
    tags = {it: place.image(it, "1.0.0").rpartition("/")[2].partition(":")[2] for it in SERVICES}
    files: dict[str, str | bytes | None] = {}
    for name in place.rules:
        home = f"{name}/charts/shop"
        files |= {f"{home}/{path.removeprefix('chart/')}": text for path, text in CHART.items()}
        for it in SERVICES:
            files[f"{name}/{it}.yaml"] = None
            files[f"{home}/templates/{it}.yaml"] = place.job(
                it, f"{host}/shop/{it}:{{{{ .Values.{it}.tag }}}}"
            )
        inline = ", ".join(f"{it}: {{tag: '{tag}'}}" for it, tag in tags.items())
        said = f"helmCharts:\n- name: shop\n  valuesInline: {{{inline}}} # by hand\n"
        said += (
            "patches:\n- target: {kind: CronJob}\n  patch: |-\n"
            "    - {op: replace, path: /spec/schedule, value: '5 5 5 5 *'}\n"
        )
        if name == "production":
            said += "images:\n" + "".join(
                f"- {{name: {host}/shop/{it}, newTag: '{tag}'}}\n" for it, tag in tags.items()
            )
        files[f"{name}/kustomization.yaml"] = said
    place.remote.push(files)
    done = place.run("reconcile")
    assert done.code == 0, done.said
    before = content(place, "production/kustomization.yaml")
    image = place.image("web", "1.1.0")
    done = place.run("release", "staging", f"web={image}")
    assert done.code == 0, done.said
    assert [it.partition("web: ")[2][:12] for it in changed(place)] == ["{tag: '1.0.0", "{tag: '1.1.0"]
    assert "Headway-Rendered-With: helm v" in place.message()
    done = place.run("promote", "production")
    assert done.code == 0, done.said
    assert [it.partition("newTag: ")[2][:6] for it in changed(place)] == ["'1.0.0", "'1.1.0"]
    assert place.tags("production") == {"web": "1.1.0", "api": "1.0.0"}
    job = place.kube.objects["/apis/batch/v1/namespaces/production/cronjobs/web"]
    assert job["spec"]["schedule"] == "5 5 5 5 *"
    done = place.run("rollback", "production")
    assert done.code == 0, done.said
    assert content(place, "production/kustomization.yaml") == before
