"""Environments that kustomize and Helm render, on a real cluster: from a plan to pods, back, and from nothing again."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from headway.domain.images.reference import ImageRef
from tests.lab.app import SERVICES, git
from tests.lab.conftest import Lab
from tests.lab.watchapp import WatchedApp
from tests.rendering import RenderingTools

CHART = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: NAME
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: NAME
        image: "{{ .Values.NAME.image.repository }}:{{ .Values.NAME.image.tag }}"
        readinessProbe: {exec: {command: ["/bin/busybox", "test", "-e", "/version"]}, periodSeconds: 1}
"""


class RenderedApp(WatchedApp):
    """Both services in environments that a tool renders."""

    def parts(self, service: str, version: str) -> tuple[str, str, str]:
        """Return a pushed image's repository, tag and digest."""
        image = ImageRef.parse(self.image(service, version))
        return f"{image.registry}/{image.repository}", image.tag or "", image.digest or ""

    def head(self, path: str) -> str:
        """Return a file at the branch's head."""
        return git("-C", str(self.bare), "show", f"main:{path}")

    def uids(self, environment: str) -> set[str]:
        """Return the pods' identities."""
        return set(
            self.kubectl(environment, "get", "pods", "--output", "jsonpath={.items[*].metadata.uid}").split()
        )


@contextmanager
def started(app: RenderedApp) -> Iterator[RenderedApp]:
    """Push what was written, and bring it to the cluster."""
    app.push("Start")
    done = app.run("reconcile", "--local")
    assert done.code == 0, done.said
    try:
        yield app
    finally:
        app.delete()


def begun(lab: Lab, folder: Path) -> RenderedApp:
    """Return an application with nothing but its headway.yaml."""
    app = RenderedApp(lab.git_dir, lab.git_url, lab.registry, folder, staging="release: manual")
    app.begin()
    return app


@pytest.fixture(autouse=True)
def _tools(rendering_tools: RenderingTools, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWAY_KUSTOMIZE", str(rendering_tools.kustomize))
    monkeypatch.setenv("HEADWAY_HELM", str(rendering_tools.helm))


@pytest.fixture
def overlays(lab: Lab, tmp_path: Path) -> Iterator[RenderedApp]:
    """A base that both environments share, and an overlay of each with entries of its own."""
    app = begun(lab, tmp_path)
    entries = "images:\n"
    for service in SERVICES:
        repository, tag, digest = app.parts(service, "1.0.0")
        app.write(f"base/{service}.yaml", app.deployment(service, service))
        entries += (
            f"- name: {service}\n  newName: {repository}\n  newTag: {tag} # by hand\n  digest: {digest}\n"
        )
    app.write("base/kustomization.yaml", f"resources: [{', '.join(f'{it}.yaml' for it in SERVICES)}]\n")
    for environment in ("staging", "production"):
        app.write(f"{environment}/kustomization.yaml", f"resources: [../base]\n{entries}")
    with started(app) as made:
        yield made


@pytest.fixture
def chart(lab: Lab, tmp_path: Path) -> Iterator[RenderedApp]:
    """A chart for each environment, whose values say repository and tag apart."""
    app = begun(lab, tmp_path)
    for environment in ("staging", "production"):
        app.write(f"{environment}/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 0.1.0\n")
        values = "replicas: 1\n"
        for service in SERVICES:
            repository, tag, digest = app.parts(service, "1.0.0")
            app.write(f"{environment}/templates/{service}.yaml", CHART.replace("NAME", service))
            values += (
                f"{service}:\n  image:\n    repository: {repository}\n    tag: {tag}@{digest} # by hand\n"
            )
        app.write(f"{environment}/values.yaml", values)
    with started(app) as made:
        yield made


def story(app: RenderedApp, path: str) -> None:
    """Release, promote, roll back, and rebuild from nothing; each edit is one value of one file."""
    before = app.head(f"staging/{path}")
    done = app.release("staging", "web=1.1.0")
    assert done.code == 0, done.said
    assert ImageRef.parse(app.running("staging", "web")).digest == app.parts("web", "1.1.0")[2]
    after = app.head(f"staging/{path}")
    changed = [
        (old, new) for old, new in zip(before.splitlines(), after.splitlines(), strict=True) if old != new
    ]
    assert changed
    assert all(("# by hand" in old and "# by hand" in new) or "digest:" in old for old, new in changed)
    assert "1.1.0" in after
    assert app.head(f"production/{path}") == before
    kept = app.uids("staging")
    again = app.run("reconcile", "staging", "--local")
    assert (again.code, app.uids("staging")) == (0, kept), again.said
    done = app.run("promote", "production", "--service", "web", "--local")
    assert done.code == 0, done.said
    assert app.running("production", "web") == app.running("staging", "web")
    done = app.run("rollback", "production", "--local")
    assert done.code == 0, done.said
    assert app.tag("production", "web") == "1.0.0"
    assert app.head(f"production/{path}") == before
    shown = app.run("diff", "production", "--exit-code")
    assert shown.code == 0, shown.said
    names = [app.namespace(it) for it in ("staging", "production")]
    subprocess.run(["kubectl", "delete", "namespace", *names], check=True, capture_output=True)
    done = app.run("rebuild", "--local")
    assert done.code == 0, done.said
    assert "| staging | equal |" in done.err
    assert "| production | equal |" in done.err
    assert (app.tag("staging", "web"), app.tag("production", "web")) == ("1.1.0", "1.0.0")


def test_overlays_of_a_shared_base(overlays: RenderedApp) -> None:
    """The entry of `images:` changes, and its digest; everything else is as it was."""
    story(overlays, "kustomization.yaml")


def test_a_chart_with_values(chart: RenderedApp) -> None:
    """The tag in the values changes, with the digest behind it."""
    story(chart, "values.yaml")


def test_an_image_that_only_the_base_says_is_pinned(overlays: RenderedApp) -> None:
    """A shared base is left alone and named; asked to, headway adds an entry to the overlay."""
    app = overlays
    app.pull()
    for service in SERVICES:
        app.write(f"base/{service}.yaml", app.deployment(service, app.image(service, "1.0.0")))
    for environment in ("staging", "production"):
        app.write(f"{environment}/kustomization.yaml", "resources: [../base] # all\n")
    app.push("Say the images in the base")
    assert app.run("reconcile", "--local").code == 0
    image = app.image("web", "1.1.0")
    refused = app.run("release", "staging", f"web={image}", "--local")
    assert refused.code == 2, refused.said
    assert "base/web.yaml" in refused.err
    assert "--pin-in" in refused.err
    done = app.run("release", "staging", f"web={image}", "--pin-in", "staging/kustomization.yaml", "--local")
    assert done.code == 0, done.said
    assert (app.tag("staging", "web"), app.tag("production", "web")) == ("1.1.0", "1.0.0")
    assert app.head("staging/kustomization.yaml").startswith("resources: [../base] # all\n")


def test_a_base_that_people_change_reaches_every_environment(overlays: RenderedApp) -> None:
    """A push to the base alone is a change of both environments, and reconcile brings it."""
    app = overlays
    app.pull()
    text = (app.work / "base" / "web.yaml").read_text()
    app.write("base/web.yaml", text.replace("replicas: 1", "replicas: 2"))
    commit = app.push("Two of web")
    assert app.run("status", "staging", "--exit-code").code == 1
    done = app.run("reconcile", "--local")
    assert done.code == 0, done.said
    for environment in ("staging", "production"):
        assert app.get(environment, "deployment/web")["spec"]["replicas"] == 2
        assert app.live(environment) == commit
