"""The board with 1,000 services in 5 environments, in a real browser: it appears, it follows, it filters, it rests.

What a page costs beside it is the same page as one static file from the same server's machine: nothing to ask,
nothing to keep up to date. A change is timed from the cluster's event to the text on the screen.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from benchmarks.measure import Comparison, tell
from tests.web.board.stage import Served, Shop, served

SERVICES, BOARDS, REST = 1000, 200, 60.0
SETTLED, PATIENCE = 0.05, 180.0
"""The share of a core below which what a board does at first has ended, and the seconds that it may last."""
RULES = {
    "dev": "release: manual",
    "test": "promote_from: dev",
    "staging": "promote_from: test",
    "canary": "promote_from: staging",
    "production": "promote_from: canary",
}


def begin(folder: Path) -> Shop:
    """Have 1,000 services in 5 environments, one pod each, and 200 releases."""
    shop = Shop(folder, services=tuple(f"service-{at:03}" for at in range(SERVICES)), rules=RULES, replicas=1)
    shop.begin()
    for at in range(200):
        shop.released("dev", {f"service-{at * 5:03}": "1.1.0"}, why=f"Change {at}", minutes=1000 - at)
    return shop


@contextlib.contextmanager
def browser() -> Iterator[webdriver.Chrome]:
    """Run Chromium."""
    options = Options()
    options.binary_location = shutil.which("chromium") or ""
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1440,900",
    ):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def paints(driver: webdriver.Chrome, url: str, rounds: int) -> tuple[list[float], float]:
    """Return the seconds until a page is first painted, and the kilobytes that came."""
    found = []
    for _ in range(rounds):
        driver.get("about:blank")
        driver.get(url)
        script = "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
        while (at := driver.execute_script(script)) is None:
            time.sleep(0.05)
        found.append(float(at) / 1000)
    sizes = "return performance.getEntriesByType('navigation')[0].transferSize"
    return found, float(driver.execute_script(sizes)) / 1000


FILTER = """
const q = document.getElementById('q'), found = [];
for (const text of ['service-12', 'env:prod', 'svc:9', '']) {
  const began = performance.now(); q.value = text; q.dispatchEvent(new Event('input'));
  document.body.offsetHeight; found.push((performance.now() - began) / 1000);
}
return found;
"""
WATCH = """
window.seen = 0;
new MutationObserver(() => {
  const cell = document.getElementById('c-production--service-000');
  if (!window.seen && cell.innerText.includes(arguments[0])) window.seen = performance.timeOrigin + performance.now();
}).observe(document.getElementById('board'), {childList: true, subtree: true});
"""


def follows(driver: webdriver.Chrome, shop: Shop, rounds: int) -> list[float]:
    """Return the seconds from an event of the cluster's to the screen."""
    path = "/apis/apps/v1/namespaces/production/deployments/service-000"
    found = []
    for at in range(rounds):
        down = at % 2 == 0
        driver.execute_script(WATCH, "Rolling out" if down else "Live")
        item = shop.cluster.objects[path]
        item["status"] = {
            **item["status"],
            "availableReplicas": 0 if down else 1,
            "readyReplicas": 0 if down else 1,
        }
        began = time.time()
        shop.cluster.put(path, item)
        while not (seen := driver.execute_script("return window.seen")):
            time.sleep(0.05)
        found.append(float(seen) / 1000 - began)
    return found


def rests(server: Served, boards: int) -> tuple[float, float]:
    """Return the share of a core that open boards cost when nothing happens, and the megabytes that they take.

    It begins when what is done at first has ended: the first comparison of the cluster with the repo costs seconds.
    """
    host, _, port = server.url.removeprefix("http://").partition(":")
    version = server.get("/").text.partition('data-version="')[2].partition('"')[0]
    before = _memory(server.process.pid)
    head = f"GET /-/live?v={version} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
    with contextlib.ExitStack() as open_:
        for _ in range(boards):
            it = open_.enter_context(socket.create_connection((host, int(port))))
            it.sendall(head)
        # Whatever goes on only while somebody looks begins within half a minute.
        time.sleep(35 if boards else 0)
        settle(server)
        began, used = time.monotonic(), _seconds(server.process.pid)
        time.sleep(REST)
        share = (_seconds(server.process.pid) - used) / (time.monotonic() - began)
        return share, (_memory(server.process.pid) - before) / 1e6


def settle(server: Served) -> None:
    """Wait until the server is at rest."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        used = _seconds(server.process.pid)
        time.sleep(5)
        if _seconds(server.process.pid) - used < SETTLED * 5:
            return


def _seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def run_all(rounds: int) -> list[Comparison]:
    """Measure everything."""
    folder = Path(tempfile.mkdtemp(prefix="headway-board-"))
    shop = begin(folder)
    rows: list[Comparison] = []
    try:
        with served(shop) as server, browser() as driver:
            tell("the application is there")
            server.wait_for("/-/grid", r'id="c-production--service-999"[^>]*>.*?</i>Live')
            # The first looks at the registry and at the clusters have ended by then.
            settle(server)
            ours, size = paints(driver, server.url, rounds)
            static = folder / "page.html"
            static.write_text(driver.execute_script("return document.documentElement.outerHTML"))
            plain, _ = paints(driver, f"file://{static}", rounds)
            note = f"{size:.0f} kB compressed"
            rows.append(
                Comparison(
                    "board: first paint, 1,000 × 5",
                    "the same page as a file",
                    "≤ 1 s, ≤ 300 kB",
                    plain,
                    ours,
                    note,
                )
            )
            driver.get(server.url)
            while (
                "on" not in driver.execute_script("return document.getElementById('pulse').className").split()
            ):
                time.sleep(0.05)
            filters = [it for _ in range(rounds) for it in driver.execute_script(FILTER)]
            rows.append(Comparison("board: filter", "–", "≤ 0.1 s", [], filters))
            seen = follows(driver, shop, rounds)
            rows.append(Comparison("board: the cluster's event to the screen", "–", "≤ 0.3 s", [], seen))
            driver.get("about:blank")
            idle, _ = rests(server, 0)
            share, taken = rests(server, BOARDS)
            note = f"{share:.2%} of a core ({idle:.2%} without any), {taken:.0f} MB more"
            rows.append(
                Comparison(
                    f"board: {BOARDS} open boards, nothing happens", "–", "< 1 % of a core", [], [], note
                )
            )
    finally:
        shop.close()
        shutil.rmtree(folder, ignore_errors=True)
    return rows
