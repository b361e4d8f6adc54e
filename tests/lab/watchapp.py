"""An application that is watched: image repositories of its own, rules, and a source repo with commits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from headway.domain.images.reference import ImageRef
from tests.lab.app import SERVICES, App, Done, git
from tests.lab.conftest import Lab
from tests.lab.images import box

SEMVER = "{match: 'semver:*'}"


@dataclass
class WatchedApp(App):
    """Two services whose images nobody else pushes; staging is automatic, production promoted by hand."""

    tags: str = SEMVER
    staging: str = "release: automatic"
    production: str = "release: manual, promote_from: staging"
    sources: bool = False
    timeout: str = "60s"

    def repository(self, service: str) -> str:  # type: ignore[override]
        """Return the image repository of a service: this application's own."""
        return f"{self.name}-{service}"

    def image(self, service: str, version: str) -> str:
        """Push a version of a service; return it pinned."""
        return box(self.registry, version, repository=f"cluster-tests/{self.repository(service)}")

    def headway_yaml(self, timeout: str = "60s", more: str = "") -> str:
        """Write a headway.yaml with rules."""
        lines = [f"version: 1\napp: {self.name}\nservices:"]
        for service in SERVICES:
            lines.append(f"  {service}:\n    image: {self.registry}/cluster-tests/{self.repository(service)}")
            if self.sources:
                lines.append(f"    source: {{repo: ../{self.source(service).name}}}")
            if self.tags:
                lines.append(f"    tags: {self.tags}")
        lines.append("environments:")
        for name, rules in (("staging", self.staging), ("production", self.production)):
            place = f"path: {name}, timeout: {self.timeout}, cluster: {{context: shop, namespace: {self.namespace(name)}}}"
            lines.append(f"  {name}: {{{place}, {rules}}}")
        return "\n".join(lines) + "\n" + more

    def configure(self, **rules: object) -> None:
        """Change the rules in headway.yaml, as a person does."""
        for name, value in rules.items():
            setattr(self, name, value)
        self.pull()
        self.write("headway.yaml", self.headway_yaml())
        self.push("Change the rules")

    def source(self, service: str) -> Path:
        """Return a service's source repo."""
        return self.git_dir / f"{self.name}-{service}.git"

    def commit(self, service: str, message: str) -> str:
        """Make a commit on a service's source branch; return its SHA-1."""
        bare, work = self.source(service), self.state / f"{service}-source"
        if not bare.exists():
            git("init", "--quiet", "--bare", "--initial-branch=main", str(bare))
            git("init", "--quiet", "--initial-branch=main", str(work))
            git("-C", str(work), "remote", "add", "origin", str(bare))
        git("-C", str(work), "commit", "--quiet", "--allow-empty", "-m", message)
        git("-C", str(work), "push", "--quiet", "origin", "HEAD:main")
        return git("-C", str(work), "rev-parse", "HEAD")

    def watch(self, *arguments: str, **env: str) -> Done:
        """Look at the registries once."""
        return self.run("watch", *arguments, "--local", **env)

    def tag(self, environment: str, service: str) -> str:
        """Return the tag that runs, once its pods are of it and ready."""
        return ImageRef.parse(self.running(environment, service)).tag or ""

    def asked(self) -> tuple[str, str]:
        """Return who asked for the newest commit, and its kind."""
        message = self.log("-1", "--format=%B")
        fields = dict(line.split(": ", 1) for line in message.splitlines() if line.startswith("Headway-"))
        return fields["Headway-Actor"], fields["Headway-Kind"]


@contextmanager
def live(lab: Lab, folder: Path, **rules: str) -> Iterator[WatchedApp]:
    """Return an application with both services live at 1.0.0 in both environments."""
    made = WatchedApp(lab.git_dir, lab.git_url, lab.registry, folder, **rules)
    made.create("1.0.0")
    done = made.run("reconcile", "--local")
    assert done.code == 0, done.said
    try:
        yield made
    finally:
        made.delete()
