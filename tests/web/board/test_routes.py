"""The board over HTTP: what is refused, what travels with a press, what each answer tells the browser."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from headway.web.board.rendering import STATIC
from tests.web.board.stage import Served, Shop, served

pytestmark = pytest.mark.slow
OURS = {"sec-fetch-site": "same-origin"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """An application whose staging is ahead of production."""
    made = Shop(tmp_path_factory.mktemp("shop"), services=("web", "orders"))
    made.begin()
    made.released("staging", {"orders": "1.1.0"}, why="Totals", who="bob", minutes=300)
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
