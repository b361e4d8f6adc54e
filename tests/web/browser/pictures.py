"""Take the pictures of the board in docs/images: `python -m tests.web.browser.pictures`.

The board is a real `headway serve` in a real browser, before a shop in which something rolls out, something has
failed and something waits. The cluster, the registry and the Prefect server are the tests' own.
"""

from __future__ import annotations

import base64
import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from headway.domain.images.reference import Image
from headway.domain.policy.holds import Holds, Lock, stamp
from headway.domain.releases.plans import Change, Plan
from headway.operations.reports.plan import plan_report
from tests import REPO
from tests.servers.http import HttpServer, Sent
from tests.web.board.stage import Served, Shop, served
from tests.web.browser.conftest import Page, browser

FOLDER = REPO / "docs" / "images"
SERVICES = ("frontend", "orders", "payments", "search", "users", "inventory", "mailer", "pricing")
RULES = {
    "staging": "release: automatic, soak: 30m",
    "acceptance": "promote_from: staging",
    "production": "promote_from: acceptance, approvals: 1, windows: ['mon-sun 08:00-22:00 Europe/London']",
}
SIZES = ((360, 780), (768, 1024), (1440, 900))
WAITING, GOING = "5f0c2a1e-0000-4000-8000-000000000001", "5f0c2a1e-0000-4000-8000-000000000002"


def begin(folder: Path) -> Shop:
    """Have a shop with a history, a failure that was kept, one that was rolled back, and a rollout half way."""
    shop = Shop(folder, services=SERVICES, rules=RULES, replicas=3)
    shop.begin()
    for minutes, name in ((2900, "staging"), (1700, "acceptance"), (1440, "production")):
        shop.released(name, {"frontend": "2.0.0"}, why="The new checkout", who="bob", minutes=minutes)
    shop.released("staging", {"users": "1.1.0"}, why="Log in without a password", who="dora", minutes=400)
    shop.released("acceptance", {"users": "1.1.0"}, why="for the audit", who="ann", minutes=200)
    shop.released("staging", {"mailer": "1.0.1"}, why="Retry bounced mail", who="dora", minutes=90)
    for minutes, name in ((3100, "staging"), (2400, "acceptance")):
        shop.released(name, {"pricing": "1.3.0"}, why="Rebates", who="dora", minutes=minutes)
    crash = "CrashLoopBackOff: container main exited with code 1: no such column: rebate"
    failed = shop.released(
        "production", {"pricing": "1.3.0"}, why="Rebates", who="ann", minutes=48, state="failed", cause=crash
    )
    shop.released(
        "production",
        {"pricing": "1.0.0"},
        why=crash,
        who="headway",
        kind="rollback",
        minutes=47,
        trailers=(("Reverts", failed),),
    )
    shop.released(
        "staging",
        {"payments": "1.3.0-broken"},
        why="Card tokens",
        who="bob",
        minutes=5,
        state="failed",
        cause=crash,
    )
    shop.released("staging", {"orders": "1.2.0"}, why="Currencies by country", who="carol", minutes=180)
    shop.released("acceptance", {"orders": "1.2.0"}, why="Currencies by country", who="ann", state="")
    half_way(shop, "acceptance", "orders")
    until = stamp(datetime.now(UTC) + timedelta(hours=30))
    lock = Lock("production", "inventory", "dora", stamp(datetime.now(UTC)), "stocktaking", until)
    shop.remote.push({"holds.yaml": Holds((lock,)).write()})
    crashed(shop, "payments")
    return shop


def crashed(shop: Shop, service: str) -> None:
    """Have what explains a crash in staging: the events of a pod, and its log."""
    root = "/api/v1/namespaces/staging"
    pod = max(it for it in shop.cluster.objects if it.startswith(f"{root}/pods/{service}-"))
    said = (
        ("BackOff", "Back-off restarting failed container main", 9),
        ("Pulled", "Container image is present", 1),
    )
    for at, (reason, message, count) in enumerate(said):
        event = {
            "metadata": {"name": f"{service}.{at}", "namespace": "staging"},
            "involvedObject": {"uid": shop.cluster.objects[pod]["metadata"]["uid"]},
            "reason": reason, "message": message, "count": count,
            "type": "Warning" if count > 1 else "Normal",
        }  # fmt: skip
        shop.cluster.put(f"{root}/events/{service}.{at}", event)
    shop.cluster.logs[pod.rpartition("/")[2]] = (
        "connected to postgres at db:5432\nmigrating from 41 to 42\n"
        "OperationalError: no such column: rebate\nexit status 1"
    )


def half_way(shop: Shop, name: str, service: str) -> None:
    """Have a rollout of which two of three pods are there."""
    shop.apply(name, service)
    path = f"/apis/apps/v1/namespaces/{name}/deployments/{service}"
    item = shop.cluster.objects[path]
    status = {**item["status"], "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2}
    shop.cluster.put(path, {**item, "status": status})
    pods = [it for it in shop.cluster.objects if it.startswith(f"/api/v1/namespaces/{name}/pods/{service}-")]
    shop.cluster.drop(max(pods))


def prefect(shop: Shop) -> HttpServer:
    """Start a Prefect server at which one run waits for an approval, and one goes on."""
    now = datetime.now(UTC)
    change = Change(
        "users", Image(shop.runs["production", "users"]), Image(shop.image("users", "1.1.0")), "live"
    )
    plan = Plan("production", "c" * 40, (change,))

    def run(id: str, name: str, place: str, minutes: float, **more: Any) -> dict[str, Any]:
        at = (now - timedelta(minutes=minutes)).isoformat()
        return {
            "id": id, "name": name, "tags": ["headway", "app:shop", f"environment:{place}"], "created": at,
            "start_time": at, "expected_start_time": at, "state": {"state_details": {}}, **more,
        }  # fmt: skip

    keys = {"run_input_keyset": {"schema": "schema", "description": "description"}}
    waiting = run(
        WAITING, "production: promote users 1.1.0", "production", 12,
        state={"state_details": keys}, parameters={"request": {"actor": "bob", "environment": "production"}},
    )  # fmt: skip
    going = run(
        GOING, "acceptance: promote orders 1.2.0", "acceptance", 0.4,
        parameters={"request": {"environment": "acceptance", "services": ["orders"]}},
    )  # fmt: skip

    def runs(sent: Sent) -> list[dict[str, Any]]:
        return [waiting] if "PAUSED" in sent.data["flow_runs"]["state"]["type"]["any_"] else [going]

    said = [{"id": "1", "name": "prefect.flow_runs", "message": "Deployment/orders: 2 of 3 pods are new"}]
    schema = {"properties": {"plan": {"default": plan.fingerprint}}}
    inputs = f"/api/flow_runs/{WAITING}/input"
    return HttpServer(
        standing={
            "/api/flow_runs/filter": runs,
            "/api/logs/filter": lambda sent: said,
            f"{inputs}/schema": lambda sent: schema,
            f"{inputs}/description": lambda sent: plan_report(plan, lambda commit, path: b""),
        }
    )


@contextlib.contextmanager
def scene() -> Iterator[Served]:
    """Serve the board of the shop."""
    folder = Path(tempfile.mkdtemp(prefix="headway-pictures-"))
    shop = begin(folder)
    server = prefect(shop)
    try:
        with served(shop, local=False, HEADWAY_LOCAL="", HEADWAY_PREFECT=f"{server.url}/api") as made:
            made.wait_for("/-/grid", r'id="c-acceptance--orders"[^>]*>.*?</i>Rolling out 2/3')
            made.wait_for("/-/grid", r"/-/approvals/")
            made.wait_for("/-/grid", r'id="c-staging--payments"[^>]*>.*?</i>Failed')
            yield made
    finally:
        server.close()
        shop.close()
        shutil.rmtree(folder, ignore_errors=True)


def main(folder: Path = FOLDER) -> None:
    """Take them all."""
    with scene() as server, browser("--force-color-profile=srgb") as driver:
        page = Page(driver, server.url)
        for width, height in SIZES:
            for dark in (False, True):
                page.size(width, height, dark=dark)
                page.open()
                page.live()
                take(page, folder / f"board-{width}-{'dark' if dark else 'light'}.png", width, height)
        page.size(1440, 900)
        page.open("/staging/payments")
        page.live()
        page.until(lambda: page.all("#pods .pod pre"))
        page.driver.execute_script("document.querySelector('#diff').scrollIntoView()")
        take(page, folder / "board-drawer.png", 1440, 900)


def take(page: Page, file: Path, width: int, height: int) -> None:
    """Take a picture of what is on the screen, and no more than the page is high."""
    script = "return document.getElementById('board').getBoundingClientRect().bottom + scrollY + 16"
    drawer = page.driver.execute_script("return !!document.querySelector('#drawer h2')")
    whole = height if drawer else int(page.driver.execute_script(script))
    clip = {"x": 0, "y": 0, "width": width, "height": min(height, whole), "scale": 1}
    made = page.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "clip": clip})
    file.write_bytes(base64.b64decode(made["data"]))
    print(f"{file.name}: {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
