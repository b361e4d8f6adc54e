"""The board over HTTP: what is refused, what travels with a press, what each answer tells the browser."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from headway.web.board.rendering import STATIC
from tests.servers.kubernetes import CLOSED, SILENT, content
from tests.web.board.stage import Served, Shop, served

pytestmark = pytest.mark.slow
OURS = {"sec-fetch-site": "same-origin"}
PASSWORD = "correct-horse-battery-staple"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """An application whose staging is ahead of production."""
    made = Shop(tmp_path_factory.mktemp("shop"), services=("web", "orders", "users"))
    made.begin()
    made.released("staging", {"orders": "1.1.0"}, why="Totals", who="bob", minutes=300)
    made.image("users", "1.5.0")
    secret = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: db}}\nstringData: {{password: {PASSWORD}}}\n"
    made.remote.push({"staging/secret.yaml": secret})
    yield made
    made.close()


@pytest.fixture(scope="module")
def server(shop: Shop) -> Iterator[Served]:
    """Its board."""
    with served(shop) as made:
        yield made


@pytest.fixture
def browser(server: Served) -> Iterator[httpx.Client]:
    """Something with cookies that has seen the board."""
    with httpx.Client(base_url=server.url, timeout=30) as client:
        assert client.get("/").status_code == 200
        yield client


def fields(page: str) -> dict[str, str]:
    """Return what a plan's form would send."""
    form = page[page.index('class="act"') :]
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form))


def commits(shop: Shop) -> int:
    return len(shop.remote.commits())


def test_every_answer_says_what_may_run_and_that_nobody_may_frame_it(server: Served) -> None:
    for path in ("/", "/staging", "/staging/orders", "/-/grid", "/-/promote/production", "/nowhere", "/a/b"):
        headers = server.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy, path
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
    page = server.get("/").text
    assert not re.search(r"\son\w+=|<style|style=|<script(?! defer src=\"/-/static/)", page)
    assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", page)


@pytest.mark.parametrize(
    ("label", "headers", "change"),
    [
        ("nothing says where it comes from", {}, {}),
        ("another site's page", {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}, {}),
        ("another origin", {"origin": "https://evil.example"}, {}),
        ("a page without an origin", {"origin": "null"}, {}),
        ("a sibling of the same site", {"sec-fetch-site": "same-site"}, {}),
        ("no token", OURS, {"token": ""}),
        ("somebody else's token", OURS, {"token": "abc.def.ghi"}),
        ("another plan", OURS, {"plan": "0" * 12}),
        ("no plan", OURS, {"plan": ""}),
    ],
)
def test_what_is_not_done(
    browser: httpx.Client, shop: Shop, label: str, headers: dict[str, str], change: dict[str, str]
) -> None:
    """A form that was not shown here, or that is about another plan, does nothing; where it may, it is shown again."""
    page = browser.get("/-/promote/production").text
    before = commits(shop)
    answer = browser.post("/-/promote/production", data={**fields(page), **change}, headers=headers)
    assert answer.status_code in (403, 409), label
    assert "othing was done" in answer.text or "did not come from" in answer.text
    assert commits(shop) == before


def test_a_token_is_for_one_browser(browser: httpx.Client, server: Served, shop: Shop) -> None:
    sent = fields(browser.get("/-/lock/production").text)
    before = commits(shop)
    with httpx.Client(base_url=server.url, timeout=30) as other:
        other.get("/")
        answer = other.post("/-/lock/production", data={**sent, "reason": "mine"}, headers=OURS)
    assert answer.status_code == 409
    assert commits(shop) == before


def test_two_people_press_at_once(browser: httpx.Client) -> None:
    """Who comes second sees what the first one did, and has done nothing."""
    first, second = (fields(browser.get("/-/lock/staging?service=web").text) for _ in range(2))
    done = browser.post("/-/lock/staging", data={**first, "reason": "audit"}, headers=OURS)
    assert done.status_code == 200
    late = browser.post("/-/lock/staging", data={**second, "reason": "holiday"}, headers=OURS)
    assert late.status_code == 409
    assert "another plan" in late.text
    assert "now it is locked by ann: audit" in late.text
    undo = fields(browser.get("/-/unlock/staging?service=web").text)
    assert browser.post("/-/unlock/staging", data={**undo, "reason": "over"}, headers=OURS).status_code == 200
    assert 'class="mark lock"' not in browser.get("/").text


def test_an_older_fingerprint_is_shown_the_new_plan(browser: httpx.Client, shop: Shop) -> None:
    """Something newer went live in between: the plan that is done is never another one than was seen."""
    sent = fields(browser.get("/-/promote/production").text)
    shop.released("staging", {"web": "1.0.1"}, who="carol")
    answer = browser.post("/-/promote/production", data=sent, headers=OURS)
    assert answer.status_code == 409
    assert fields(answer.text)["plan"] != sent["plan"]
    assert "1.0.1" in answer.text


def test_whoever_is_not_at_this_machine_sees_nothing(server: Served) -> None:
    """A name that leads here from elsewhere (DNS rebinding) is not this machine's."""
    for path in ("/", "/staging/orders", "/-/grid", "/-/live", "/-/promote/production"):
        answer = server.get(path, host="evil.example:8642")
        assert answer.status_code == 401, path
        assert "orders" not in answer.text
    sent = httpx.post(f"{server.url}/-/lock", headers={**OURS, "host": "evil.example"}, data={"plan": "x"})
    assert sent.status_code == 401


def test_without_a_reason_nothing_is_locked(browser: httpx.Client, shop: Shop) -> None:
    sent = fields(browser.get("/-/lock").text)
    before = commits(shop)
    answer = browser.post("/-/lock", data={**sent, "reason": " "}, headers=OURS)
    assert answer.status_code == 422
    assert "reason is needed" in answer.text
    assert commits(shop) == before


def test_a_form_that_is_too_long_is_not_read(browser: httpx.Client) -> None:
    answer = browser.post("/-/lock", data={"reason": "x" * 400_000}, headers=OURS)
    assert answer.status_code == 413


def test_a_lock_until(browser: httpx.Client, shop: Shop) -> None:
    """The time is the environment's, is told back, and is in the commit; an unclear one is refused with examples."""
    sent = fields(browser.get("/-/lock/production?service=orders").text)
    before = commits(shop)
    unclear = browser.post(
        "/-/lock/production", data={**sent, "reason": "audit", "until": "Friday"}, headers=OURS
    )
    assert unclear.status_code == 422
    assert "say the time of that day too" in unclear.text
    assert "Fri 17:00" in unclear.text
    assert commits(shop) == before
    sent = {**sent, "reason": "audit", "until": "2099-12-31 17:00"}
    assert browser.post("/-/lock/production", data=sent, headers=OURS).status_code == 422
    sent["until"] = "2h"
    done = browser.post("/-/lock/production", data=sent, headers=OURS)
    assert done.status_code == 200
    assert "Europe/London" in done.text
    assert "until: " in shop.remote.git("show", "main:holds.yaml")
    undo = fields(browser.get("/-/unlock/production?service=orders").text)
    assert (
        browser.post("/-/unlock/production", data={**undo, "reason": "over"}, headers=OURS).status_code == 200
    )


def test_automate_ends_what_a_choice_holds_back(browser: httpx.Client, shop: Shop) -> None:
    """Its plan names what it ends; afterwards holds.yaml has it no more, and the audit has who did it."""
    digest = shop.image("web", "1.0.0").partition("@")[2]
    held = f"vetoes:\n- {{environment: staging, service: web, digest: '{digest}', tag: 1.0.0, by_choice: true, by: bob}}\n"
    shop.remote.push({"holds.yaml": held})
    page = browser.get("/-/automate/staging").text
    for service in ("web", "orders"):
        drawer = browser.get(f"/staging/{service}").text
        assert (f'href="/-/automate/staging?service={service}"' in drawer) is (service == "web")
    assert "web 1.0.0, held back by bob, may be released automatically again" in page
    assert "headway automate staging" in page
    done = browser.post("/-/automate/staging", data={**fields(page), "reason": "go on"}, headers=OURS)
    assert done.status_code == 200, done.text
    holds = shop.remote.git("show", "main:holds.yaml")
    assert "by_choice" not in holds
    assert "release: automatic" in holds
    act = json.loads((shop.folder / "state/audit.jsonl").read_text().splitlines()[-1])
    assert (act["who"], act["verb"], act["environment"], act["answer"]) == (
        "ann", "automate", "staging", "allowed",
    )  # fmt: skip
    assert "is released automatically already" in browser.get("/-/automate/staging").text
    shop.remote.push({"holds.yaml": ""})


def test_the_diff_to_the_candidate(server: Served) -> None:
    """What is live in the environment before, or what the rule takes; as a part, and in the page without a script."""
    part = server.get("/-/diff/production/orders").text
    assert "<header" not in part
    assert "+++ b/production/orders.yaml" in part
    assert ">+" in part
    assert "orders:1.1.0" in part
    assert "+++ b/production/orders.yaml" in server.get("/production/orders?with=diff").text
    assert "+++ b/production/orders.yaml" not in server.get("/production/orders").text
    assert "Nothing would change: production has this already, as staging" in server.get(
        "/-/diff/production/users"
    ).text.replace("\n", " ")
    server.wait_for("/-/diff/staging/users", r"users:1\.5\.0")


def test_pods_with_their_events_and_the_end_of_a_log(server: Served, shop: Shop) -> None:
    """Bounded, of this service alone, and without the value of a Secret that the repo has."""
    name, value = "orders-2-0", PASSWORD
    path = f"/api/v1/namespaces/staging/pods/{name}"
    assert path in shop.cluster.objects
    shop.cluster.logs[name] = "\n".join(
        [*(f"line {at}" for at in range(500)), f"login with {value}", "<b>end</b>"]
    )
    event = {
        "metadata": {"name": "e1", "namespace": "staging"},
        "involvedObject": {"uid": shop.cluster.objects[path]["metadata"]["uid"]},
        "reason": "BackOff",
        "message": f"Back-off restarting, said {value}",
        "type": "Warning",
    }
    shop.cluster.put("/api/v1/namespaces/staging/events/e1", event)
    found = server.get("/-/pods/staging/orders").text
    assert f"<code>{name}</code>" in found
    assert "BackOff: Back-off restarting, said (hidden)" in found
    assert "login with (hidden)" in found
    assert "&lt;b&gt;end&lt;/b&gt;" in found
    assert value not in found
    assert "line 450" not in found
    assert "line 499" in found
    assert "web-1" not in found
    assert name in server.get("/staging/orders?with=pods").text


def test_a_cluster_that_is_away_says_so(server: Served, shop: Shop) -> None:
    """In the part, in time; the drawer stands without."""
    shop.cluster.mood = lambda method, path, body: (
        CLOSED if "/namespaces/production/deployments/web" in path else None
    )
    try:
        part = server.get("/-/pods/production/web")
        assert part.status_code == 200
        assert "The cluster cannot be asked: the API server" in part.text
        assert "cannot be reached" in part.text
        page = server.get("/production/web?with=pods")
        assert page.status_code == 200
        assert "What was live here" in page.text
    finally:
        shop.cluster.mood = content


def test_a_cluster_that_never_answers_keeps_nobody_waiting_for_good(server: Served, shop: Shop) -> None:
    """Each request to it has a deadline, and the board answers others meanwhile."""
    shop.cluster.mood = lambda method, path, body: SILENT if "/deployments/users" in path else None
    try:
        with ThreadPoolExecutor(max_workers=1) as pool:
            waiting = pool.submit(server.get, "/-/pods/staging/users")
            assert server.get("/staging/users").status_code == 200
            part = waiting.result()
        assert part.status_code == 200
        assert re.search("cannot be reached|there was no answer", part.text)
    finally:
        shop.cluster.mood = content


def test_metrics_of_an_environment(server: Served) -> None:
    page = server.get("/-/metrics/staging").text
    assert "staging: the last 30 days" in page
    assert re.search(r'<th scope="row">orders</th>', page)
    assert server.get("/-/metrics/nowhere").status_code == 404


def test_the_menu_of_an_environment(browser: httpx.Client) -> None:
    """Where nothing is asked of anybody it can be automated; without a Prefect server there is no run to open."""
    page = browser.get("/").text
    menu = page[page.index('id="h-staging"') :]
    menu = menu[menu.index("<details") : menu.index("</details>")]
    assert re.findall(r'href="([^"]+)"', menu) == [
        "/-/reconcile/staging", "/-/automate/staging", "/staging", "/-/metrics/staging",
    ]  # fmt: skip


def test_what_was_pressed_is_in_the_audit(browser: httpx.Client, shop: Shop) -> None:
    """With the answer that it had: allowed is what was done, and refused what came to nothing."""
    sent = fields(browser.get("/-/lock/production").text)
    file = shop.folder / "state/audit.jsonl"
    before = len(file.read_text().splitlines()) if file.exists() else 0
    for change, status in (({"plan": "0" * 12}, 409), ({"reason": ""}, 422), ({}, 200)):
        data = {**sent, "reason": "audit", **change}
        assert browser.post("/-/lock/production", data=data, headers=OURS).status_code == status
    found = [json.loads(it) for it in file.read_text().splitlines()[before:]]
    assert [(it["who"], it["verb"], it["environment"], it["answer"]) for it in found] == [
        ("ann", "lock", "production", "refused"),
        ("ann", "lock", "production", "refused"),
        ("ann", "lock", "production", "allowed"),
    ]
    assert ["another plan" in found[0]["why"], "reason is needed" in found[1]["why"]] == [True, True]


def test_only_changes_are_sent(server: Served, shop: Shop) -> None:
    """A page that is up to date is told nothing at first, and then a cell; one of another version loads the grid."""
    version = re.search(r'data-version="([^"]+)"', server.get("/").text)
    assert version is not None
    with httpx.stream("GET", f"{server.url}/-/live?v=old", timeout=30) as stale:
        assert stale.headers["content-type"].startswith("text/event-stream")
        assert next(it for it in stale.iter_lines() if it.startswith("event:")) == "event: stale"


def test_files_from_npm_are_as_they_were_taken() -> None:
    """Their hashes are those that are written beside them, and each has its licence."""
    vendor = Path(STATIC) / "vendor"
    written = dict(reversed(it.split("  ")) for it in (vendor / "SHA256SUMS").read_text().splitlines())
    scripts = {it.name: hashlib.sha256(it.read_bytes()).hexdigest() for it in vendor.glob("*.js")}
    assert scripts == written
    assert all(
        "Permission to use, copy, modify, and/or distribute" in it.read_text()
        for it in vendor.glob("*.LICENSE")
    )
    assert len(list(vendor.glob("*.LICENSE"))) == len(scripts)
