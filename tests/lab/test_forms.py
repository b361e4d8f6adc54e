"""Each form that public config repos have, on a real cluster: moved in by init, released, promoted, rolled back, rebuilt.

Several go on at once, since most of their time is waiting for pods.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from headway.domain.images.reference import ImageRef
from tests.lab.app import App
from tests.lab.conftest import Lab
from tests.lab.images import box
from tests.rendering import RenderingTools
from tests.units import TREES, tree

FORMS = sorted(it.stem for it in TREES.glob("*.txtar"))
ENVIRONMENTS = ("staging", "production")
AT_ONCE = 4
_DIGEST = re.compile(rb"sha256:[0-9a-f]{64}")
_PODS = re.compile(rb"(?<=    spec:\n)( +)containers:")
"""Where a pod's template begins. Its containers do not end when they are told to, and nobody waits for that here."""


@dataclass
class Form(App):
    """An application whose repo is one of the trees, with images of its own and both environments."""

    form: str = ""

    def repository(self, service: str) -> str:  # type: ignore[override]
        """Return the image repository of a service, which no other application has."""
        return f"{self.name}/{service}"

    def image(self, service: str, version: str) -> str:
        """Push a version of a service; return it pinned."""
        return box(self.registry, version, repository=f"cluster-tests/{self.repository(service)}")

    def make(self) -> None:
        """Write and push the repo as people have it, without a headway.yaml."""
        self.begin()
        (self.work / "headway.yaml").unlink()
        files = both_environments(tree(self.form))
        pinned = self.image("users", "1.0").partition("@")[2]
        for path, data in files.items():
            environment = "production" if "production" in path else "staging"
            data = data.replace(b"namespace: shop", b"namespace: " + self.namespace(environment).encode())
            data = _DIGEST.sub(pinned.encode(), data)
            data = _PODS.sub(rb"\1terminationGracePeriodSeconds: 0\n\1containers:", data)
            # The lab's registry has a port, so what is behind the next colon is one part later.
            data = data.replace(b'delimiter: ":", index: 1', b'delimiter: ":", index: 2')
            data = data.replace(b"shop/", f"cluster-tests/{self.name}/".encode())
            self.write(path, data.replace(b"r.io", self.registry.encode()).decode())
        said = "".join(data.decode() for data in files.values())
        for tag in {
            "1.0",
            *re.findall(r"[ :\"](v?\d+(?:\.\d+)*)\b", said),
            *(["v1.0"] if "v{{" in said else []),
        }:
            for service in ("users", "orders") if "orders" in said else ("users",):
                self.image(service, tag)
        self.push("Start")

    def init(self) -> None:
        """Let headway write headway.yaml; a person says the cluster and pushes it."""
        done = self.run("init", str(self.work), "--app", self.name)
        assert done.code == 0, done.said
        file = self.work / "headway.yaml"
        text = file.read_text()
        for environment in ENVIRONMENTS:
            place = f"cluster: {{context: shop, namespace: {self.namespace(environment)}}}"
            text = re.sub(
                rf"(\n  {environment}:\n(?:    .*\n)*?    )cluster: {{[^}}]*}}", rf"\1{place}", text
            )
        file.write_text(text)
        done = self.run("lint", str(self.work))
        assert done.code == 0, done.said
        self.push("Let headway release it")

    def pods(self, environment: str) -> set[str]:
        """Return the digests or tags of the images of users in pods that are to stay."""
        images = [
            ImageRef.parse(container["image"])
            for pod in self.get(environment, "pods")["items"]
            if "deletionTimestamp" not in pod["metadata"]
            for container in pod["spec"]["containers"]
        ]
        return {it.digest or it.tag or "" for it in images if it.repository.endswith("/users")}

    def files(self, revision: str = "main") -> dict[str, str]:
        """Return the hashes of the branch's files."""
        listed = subprocess.run(
            ["git", "-C", str(self.bare), "ls-tree", "-r", revision],
            capture_output=True,
            text=True,
            check=True,
        )
        return dict(reversed(line.partition(" blob ")[2].split("\t")) for line in listed.stdout.splitlines())

    def done(self, *words: str) -> None:
        """Run headway in this process; it must succeed."""
        done = self.run(*words, "--local")
        assert done.code == 0, done.said

    def story(self) -> None:
        """From the repo of a stranger to a rebuilt cluster."""
        self.make()
        self.init()
        self.done("reconcile")
        before, first = self.files(), {it: self.pods(it) for it in ENVIRONMENTS}
        tag = "v1.9" if self.form == "app-version-piece" else "1.9"
        image = self.image("users", tag)
        digest = ImageRef.parse(image).digest or ""
        planned = self.run("plan", "staging", f"users={image}")
        assert planned.code == 0, planned.said
        self.done("release", "staging", f"users={image}")
        assert self.pods("staging") <= {digest, tag}
        assert self.pods("production") == first["production"]
        self.done("promote", "production", "--service", "users")
        assert self.pods("production") == self.pods("staging")
        self.done("rollback", "production")
        assert self.pods("production") == first["production"]
        after = self.files()
        edited = {path for path in {*before, *after} if before.get(path) != after.get(path)}
        assert edited
        assert not {it for it in edited if "production" in it}, "the rollback restored every byte"
        names = [self.namespace(it) for it in ENVIRONMENTS]
        subprocess.run(["kubectl", "delete", "namespace", *names], check=True, capture_output=True)
        done = self.run("rebuild", "--local")
        assert done.code == 0, done.said
        assert all(f"| {it} | equal |" in done.err for it in ENVIRONMENTS), done.said
        assert self.pods("production") == first["production"]


def both_environments(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return a tree with staging and production: copies of what it has for one."""
    if not any("staging" in path for path in files):
        files = {f"staging/{path.partition('/')[2]}": data for path, data in files.items()}
    copies = {
        path.replace("staging", "production"): data.replace(b"staging", b"production")
        for path, data in files.items()
        if "staging" in path
    }
    return {**files, **copies}


@pytest.fixture(scope="module")
def stories(
    request: pytest.FixtureRequest,
    lab: Lab,
    rendering_tools: RenderingTools,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Future[None]]]:
    """Begin the story of every form that is asked for; each test waits for its own."""
    wanted = [it.callspec.params["form"] for it in request.session.items if it.module is request.module]  # type: ignore[attr-defined]
    tools = {
        "HEADWAY_KUSTOMIZE": str(rendering_tools.kustomize),
        "HEADWAY_HELM": str(rendering_tools.helm),
    }
    folders = {it: tmp_path_factory.mktemp(it) for it in wanted}
    pool = ThreadPoolExecutor(AT_ONCE)

    def tell(form: str, folder: Path) -> None:
        app = Form(lab.git_dir, lab.git_url, lab.registry, folder, form=form)
        try:
            app.story()
        finally:
            app.delete()

    with pytest.MonkeyPatch.context() as patch:
        for name, value in tools.items():
            patch.setenv(name, value)
        try:
            yield {it: pool.submit(tell, it, folders[it]) for it in wanted}
        finally:
            pool.shutdown(cancel_futures=True)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("form", FORMS)
def test_a_form_from_init_to_rebuild(stories: dict[str, Future[None]], form: str) -> None:
    stories[form].result()
