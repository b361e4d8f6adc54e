"""Take the pictures of Prefect's pages in docs/images: `python -m tests.lab.pictures`, where the lab is up.

A Prefect server and a worker of its own, for a small shop in the lab's cluster: releases that went well, one that was
rolled back and a promotion that waits for an approval. All of it is gone afterwards.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.controlroom import read_env
from lab.place import Place
from tests.lab.app import HEADWAY, App
from tests.lab.images import box
from tests.web.browser.conftest import Page, browser
from tests.web.browser.pictures import FOLDER

START = {"web": "3.1.0", "orders": "2.0.0", "users": "1.4.0"}
BROKEN = "2.1.0"
WIDTH, HEIGHT = 1440, 1000
PATIENCE = 180.0
COMMAND = (
    "read v < /version; if [ $v = 2.1.0 ]; then echo orders $v: cannot read /etc/orders/database.conf: "
    "no such file; exit 1; fi; echo listening on :8080; exec sleep 100000"
)
MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {service}
spec:
  replicas: 2
  progressDeadlineSeconds: 60
  selector: {{matchLabels: {{app: {service}}}}}
  template:
    metadata: {{labels: {{app: {service}}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: {service}
          image: {image}
          command: [/bin/sh, -c]
          args: ["{command}"]
          readinessProbe: {{exec: {{command: [/bin/busybox, test, -e, /version]}}, periodSeconds: 1}}
"""


@dataclass
class Shop(App):
    """Three services; what is live in staging is promoted to production, once somebody approves."""

    name: str = "shop"
    prefect: str = ""

    def image(self, service: str, version: str) -> str:
        """Push a version of a service; return it pinned."""
        return box(self.registry, version, repository=f"acme/{service}")

    def headway_yaml(self, timeout: str = "60s", more: str = "") -> str:
        """Write a headway.yaml."""
        services = "".join(
            f"  {it}: {{image: {self.registry}/acme/{it}, tags: {{match: 'semver:*'}}}}\n" for it in START
        )
        rules = {"staging": "", "production": ", promote_from: staging, approvals: 1"}
        places = "".join(
            f"  {name}: {{path: {name}, timeout: {timeout}, "
            f"cluster: {{context: shop, namespace: {self.namespace(name)}}}{rule}}}\n"
            for name, rule in rules.items()
        )
        return f"version: 1\napp: {self.name}\nservices:\n{services}environments:\n{places}{more}"

    def create(self, version: str = "") -> None:
        """Make the config repo, and have it live in both environments."""
        self.begin()
        for name in ("staging", "production"):
            for service, tag in START.items():
                text = MANIFEST.format(service=service, image=self.image(service, tag), command=COMMAND)
                self.write(f"{name}/{service}.yaml", text)
        self.push("Start")
        done = self.run("reconcile", "--local")
        assert done.code == 0, done.said

    def remote(self, *arguments: str, code: int = 0) -> None:
        """Run headway through the Prefect server."""
        done = self.run(*arguments, HEADWAY_ACTOR="ann", PREFECT_API_URL=self.prefect)
        assert done.code == code, f"headway {arguments} ended with {done.code}: {done.said}"

    def call(self, path: str, body: object) -> Any:
        """Ask the Prefect server."""
        data = json.dumps(body).encode()
        request = urllib.request.Request(self.prefect + path, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def waits(self) -> bool:
        """Say whether a run waits for an approval."""
        return bool(
            self.call("/flow_runs/filter", {"flow_runs": {"state": {"name": {"any_": ["Suspended"]}}}})
        )

    def newest(self, kind: str, **fields: str) -> str:
        """Return the id of the newest object of a kind that begins with these texts; wait for it."""
        found: list[str] = []

        def look() -> bool:
            order = {"flow_runs": "EXPECTED_START_TIME_DESC", "artifacts": "CREATED_DESC"}.get(
                kind, "NAME_ASC"
            )
            for each in self.call(f"/{kind}/filter", {"sort": order, "limit": 200}):
                if all(str(each.get(name) or "").startswith(it) for name, it in fields.items()):
                    found.append(str(each["id"]))
            return bool(found)

        until(look, f"no {kind} with {fields}")
        return found[0]


def until(fits: Callable[[], bool], missing: str) -> None:
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE
    while not fits():
        assert time.monotonic() < end, missing
        time.sleep(0.3)


@contextlib.contextmanager
def running(command: list[str], env: dict[str, str], log: Path) -> Iterator[None]:
    """Run a process for as long as the block takes."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, env={**os.environ, **env}, stdout=file, stderr=file, cwd=log.parent
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def control_room(folder: Path) -> Iterator[str]:
    """Run a Prefect server; give the address of its API."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    api = f"http://127.0.0.1:{port}/api"
    env = {
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_URL": api,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    }

    def healthy() -> bool:
        try:
            with urllib.request.urlopen(f"{api}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    command = [sys.executable, "-m", "headway.deployments.server", "--host", "127.0.0.1", "--port", port]
    with running(command, env, folder / "server.log"):
        until(healthy, f"the Prefect server does not answer: {folder}/server.log")
        yield api


@contextlib.contextmanager
def scene(folder: Path) -> Iterator[Shop]:
    """Have a shop whose releases ran on a Prefect server, and one that waits there."""
    os.environ.update(read_env(Place.default().state / "env"))
    shop = Shop(
        Path(os.environ["LAB_GIT"]), os.environ["LAB_GIT_URL"], os.environ["LAB_REGISTRY"], folder / "shop"
    )
    shutil.rmtree(shop.bare, ignore_errors=True)
    with contextlib.ExitStack() as ending:
        ending.callback(shutil.rmtree, shop.bare, ignore_errors=True)
        ending.callback(shop.delete)
        shop.prefect = ending.enter_context(control_room(folder))
        env = {
            **shop.environment(),
            "HEADWAY_STATE": str(folder / "worker"),
            "HEADWAY_KUBECONFIG": os.environ["LAB_KUBECONFIG"],
            "HEADWAY_DOCKER_CONFIG": os.environ["DOCKER_CONFIG"],
            "PREFECT_API_URL": shop.prefect,
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": "0.5",
        }
        shop.create()
        subprocess.run(
            [sys.executable, "-m", "headway.deployments.sync"], env={**os.environ, **env}, check=True
        )
        ending.enter_context(running([HEADWAY, "worker", "--name", "shop"], env, folder / "worker.log"))
        for it in ("web=3.2.0", "web=3.2.1", "users=1.5.0", f"orders={BROKEN}"):
            shop.image(*it.split("="))
        shop.remote("release", "staging", "web=3.2.0", "-m", "The new basket")
        shop.remote("release", "staging", "users=1.5.0", "web=3.2.1", "-m", "Log in without a password")
        shop.remote("release", "staging", f"orders={BROKEN}", "-m", "Currencies by country", code=1)
        promotion = shop.start(
            "promote", "production", "-m", "Approved by the product team", HEADWAY_ACTOR="ann", PREFECT_API_URL=shop.prefect
        )  # fmt: skip
        ending.callback(promotion.wait)
        ending.callback(promotion.kill)
        until(shop.waits, "nothing waits for an approval")
        yield shop


def main(folder: Path = FOLDER) -> None:
    """Take them all."""
    place = Path(tempfile.mkdtemp(prefix="headway-pictures-"))
    with scene(place) as shop, browser("--force-color-profile=srgb") as driver:
        page = Page(driver, shop.prefect.removesuffix("/api"))
        pages(page, shop, folder)
    shutil.rmtree(place, ignore_errors=True)


def pages(page: Page, shop: Shop, folder: Path) -> None:
    """Go through the pages."""
    page.size(WIDTH, HEIGHT, dark=True)
    page.open("/deployments")
    seen(page, "release-production")
    take(page, folder / "deployments.png")
    page.open(f"/deployments/deployment/{shop.newest('deployments', name='release-staging')}/run")
    seen(page, "Actor", "Reason")
    press(page, "Add item")
    seen(page, "A service of headway.yaml")
    take(page, folder / "form.png")
    run = shop.newest("flow_runs", name="shop: staging: release users")
    page.open(f"/runs/flow-run/{run}")
    seen(page, "Worker 'shop' submitting")
    take(page, folder / "run.png")
    page.open(f"/artifacts/artifact/{shop.newest('artifacts', flow_run_id=run, key='shop-plan-staging')}")
    seen(page, "Plan for staging", "+++ b/staging/web.yaml")
    take(page, folder / "plan.png")
    page.open(f"/artifacts/artifact/{shop.newest('artifacts', flow_run_id=run, key='shop-outcome-staging')}")
    seen(page, "staging: live")
    take(page, folder / "outcome.png")
    failed = shop.newest("flow_runs", name="shop: staging: release orders")
    page.open(
        f"/artifacts/artifact/{shop.newest('artifacts', flow_run_id=failed, key='shop-outcome-staging')}"
    )
    seen(page, "rolled back to")
    take(page, folder / "failed.png")
    page.open(f"/runs/flow-run/{shop.newest('flow_runs', name='shop: production')}")
    seen(page, "Resume")
    press(page, "Resume")
    seen(page, "Decision")
    take(page, folder / "approval.png")


def press(page: Page, text: str) -> None:
    """Press a button."""
    script = (
        "[...document.querySelectorAll('button')].find(it => it.innerText.trim() === arguments[0]).click()"
    )
    page.driver.execute_script(script, text)


def seen(page: Page, *texts: str) -> None:
    """Wait until the page shows texts."""
    page.until(lambda: all(it in page.text("body") for it in texts))


def take(page: Page, file: Path, height: int = HEIGHT) -> None:
    """Take a picture of the window."""
    page.size(WIDTH, height, dark=True)
    clip = {"x": 0, "y": 0, "width": WIDTH, "height": height, "scale": 1}
    # Drawers and charts move in.
    time.sleep(2)
    made = page.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "clip": clip})
    file.write_bytes(base64.b64decode(made["data"]))
    print(f"{file.name}: {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
