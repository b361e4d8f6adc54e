"""An application of its own for a test: namespaces, a config repo, and images of one small service or two."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headway.systems.prefect.http import PrefectHttp
from tests.lab.images import box

HEADWAY = str(Path(sys.executable).with_name("headway"))
SERVICES = ("web", "api")
READY = '["/bin/busybox", "test", "-e", "/version"]'


@dataclass
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Everything it printed."""
        return self.out + self.err


@dataclass
class App:
    """One config repo with two environments, and what tests do with it."""

    git_dir: Path
    git_url: str
    registry: str
    state: Path
    name: str = field(default_factory=lambda: f"e{uuid.uuid4().hex[:8]}")
    synced: bool = False

    @property
    def bare(self) -> Path:
        """The config repo."""
        return self.git_dir / f"{self.name}.git"

    @property
    def work(self) -> Path:
        """A person's clone of it."""
        return self.state / "work"

    def namespace(self, environment: str) -> str:
        """Return the namespace of an environment."""
        return f"{self.name}-{environment}"

    def begin(self) -> None:
        """Make an empty repo and a clone of it with headway.yaml, not pushed yet."""
        self.state.mkdir(parents=True, exist_ok=True)
        git("init", "--quiet", "--bare", "--initial-branch=main", str(self.bare))
        git("-C", str(self.bare), "config", "http.receivepack", "true")
        git("init", "--quiet", "--initial-branch=main", str(self.work))
        git("-C", str(self.work), "remote", "add", "origin", str(self.bare))
        self.write("headway.yaml", self.headway_yaml())

    def create(self, version: str = "v1") -> None:
        """Make the repo with both services at a version in both environments."""
        self.begin()
        for environment in ("staging", "production"):
            for service in SERVICES:
                self.write(
                    f"{environment}/{service}.yaml", self.deployment(service, self.image(service, version))
                )
            settings = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {LEVEL: info}\n"
            self.write(f"{environment}/settings.yaml", settings)
        self.push("Start")

    def headway_yaml(self, timeout: str = "60s", more: str = "") -> str:
        """Write a headway.yaml; both services are tags of one repository's copies."""
        services = "".join(
            f"  {it}: {{image: {self.registry}/cluster-tests/{self.repository(it)}}}\n" for it in SERVICES
        )
        places = "".join(
            f"  {it}:\n    path: {it}\n    timeout: {timeout}\n"
            f"    cluster: {{context: shop, namespace: {self.namespace(it)}}}\n"
            for it in ("staging", "production")
        )
        return f"version: 1\napp: {self.name}\nservices:\n{services}environments:\n{places}{more}"

    @staticmethod
    def repository(service: str) -> str:
        """Return the image repository of a service: each service must have its own."""
        return {"web": "box", "api": "box-api"}[service]

    def image(self, service: str, version: str) -> str:
        """Return a pushed image of a service, pinned."""
        return box(self.registry, version, repository=f"cluster-tests/{self.repository(service)}")

    def deployment(self, service: str, image: str = "", *, ready: str = READY, command: str = "") -> str:
        """Write a Deployment with comments and quotes around the image."""
        line = f"\n          command: {command}" if command else ""
        return f"""# {service}: kept by hand
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {service}
spec:
  replicas: 1
  progressDeadlineSeconds: 30
  selector: {{matchLabels: {{app: {service}}}}}
  template:
    metadata: {{labels: {{app: {service}}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: {service}
          image: "{image}"   # headway writes this{line}
          readinessProbe: {{exec: {{command: {ready}}}, periodSeconds: 1}}
"""

    # --- a person's hands ---

    def write(self, path: str, text: str) -> None:
        """Write a file of the clone."""
        (self.work / path).parent.mkdir(parents=True, exist_ok=True)
        (self.work / path).write_text(text)

    def push(self, message: str) -> str:
        """Commit everything in the clone on top of the branch and push it; return the commit."""
        git("-C", str(self.work), "add", "--all")
        git("-C", str(self.work), "commit", "--quiet", "--allow-empty", "-m", message)
        git("-C", str(self.work), "push", "--quiet", "origin", "HEAD:main")
        return git("-C", str(self.work), "rev-parse", "HEAD")

    def pull(self) -> None:
        """Bring the clone to the branch's head."""
        git("-C", str(self.work), "fetch", "--quiet", "origin")
        git("-C", str(self.work), "reset", "--quiet", "--hard", "origin/main")

    # --- headway ---

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of headway's process."""
        return {
            **os.environ,
            "HEADWAY_REPO": f"{self.git_url}/{self.name}.git",
            "HEADWAY_STATE": str(self.state / "headway"),
            "HEADWAY_ACTOR": "tester",
            "NO_COLOR": "1",
            "COLUMNS": "200",
            **more,
        }

    def run(self, *arguments: str, **env: str) -> Done:
        """Run headway to its end."""
        done = subprocess.run(
            [HEADWAY, *arguments], env=self.environment(**env), capture_output=True, text=True, check=False
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        """Start headway and leave it running; its story is on stderr, line by line."""
        return subprocess.Popen(
            [HEADWAY, *arguments],
            env=self.environment(**env),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def release(self, environment: str, *images: str, **env: str) -> Done:
        """Release SERVICE=VERSION words locally."""
        words = [f"{it.partition('=')[0]}={self.image(*it.split('='))}" for it in images]
        return self.run("release", environment, *words, "--local", **env)

    def sync(self, *options: str, prefix: str = "", **env: str) -> Done:
        """Return the app deployments of its own on the lab's Prefect server, as a rule with its name as prefix."""
        done = subprocess.run(
            [sys.executable, "-m", "headway.deployments.sync", *options],
            env={**self.environment(**env), "HEADWAY_DEPLOYMENTS": prefix or f"{self.name}-"},
            capture_output=True,
            text=True,
            check=False,
        )
        self.synced = True
        return Done(done.returncode, done.stdout, done.stderr)

    def forget(self) -> None:
        """Remove the deployments and automations, so that no schedule goes on."""
        if not self.synced:
            return
        with PrefectHttp(os.environ["PREFECT_API_URL"]) as api:
            wanted = {"deployments": {"tags": {"all_": [f"app:{self.name}"]}}}
            for each in api.call("POST", "/deployments/filter", wanted):
                api.call("DELETE", f"/deployments/{each['id']}")
            for each in api.call("POST", "/automations/filter", {"limit": 200}):
                if self.name in each["name"]:
                    api.call("DELETE", f"/automations/{each['id']}")

    # --- what is true ---

    def log(self, *options: str) -> str:
        """Read the branch's history."""
        return git("-C", str(self.bare), "log", *options, "main")

    def commits(self) -> list[str]:
        """Return the commits' subjects, the newest first."""
        return self.log("--format=%s").splitlines()

    def show(self, path: str) -> str:
        """Read a file at the branch's head."""
        return git("-C", str(self.bare), "show", f"main:{path}")

    def live(self, environment: str) -> str:
        """Return the commit that the live ref names."""
        return git("-C", str(self.bare), "rev-parse", f"refs/headway/{environment}/live")

    def states(self, revision: str = "main") -> list[str]:
        """Return the outcomes in a commit's note, the oldest first."""
        note = git("-C", str(self.bare), "notes", "--ref=headway", "show", revision)
        return [json.loads(line)["state"] for line in note.splitlines() if line]

    def noted(self) -> list[str]:
        """Return the commits that have outcomes."""
        notes = git("-C", str(self.bare), "notes", "--ref=headway", "list")
        return [line.split()[1] for line in notes.splitlines()]

    def kubectl(self, environment: str, *arguments: str) -> str:
        """Ask the cluster."""
        command = ["kubectl", "--namespace", self.namespace(environment), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def get(self, environment: str, what: str) -> dict[str, Any]:
        """Read an object of the cluster."""
        found: dict[str, Any] = json.loads(self.kubectl(environment, "get", what, "--output", "json"))
        return found

    def running(self, environment: str, service: str) -> str:
        """Return the image that a service's Deployment asks for, once its pods are of it and ready."""
        self.kubectl(environment, "rollout", "status", f"deployment/{service}", "--timeout=60s")
        image: str = self.get(environment, f"deployment/{service}")["spec"]["template"]["spec"]["containers"][
            0
        ]["image"]
        return image

    def delete(self) -> None:
        """Remove the namespaces, without waiting, and what it has on the Prefect server."""
        self.forget()
        names = [self.namespace(it) for it in ("staging", "production")]
        subprocess.run(
            ["kubectl", "delete", "namespace", *names, "--wait=false", "--ignore-not-found"],
            check=False,
            capture_output=True,
        )


def git(*arguments: str) -> str:
    """Run git as a person with a name."""
    who = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "Ann"), ("EMAIL", "ann@example.com"))
    }
    done = subprocess.run(
        ["git", *arguments], env={**os.environ, **who}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"git {arguments}: {done.stderr}"
    return done.stdout.strip()
