"""The board in a real browser: what people see, press, and are told without asking."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.keys import Keys

from tests.servers.kubernetes import CLOSED, content
from tests.web.board.stage import Served, Shop
from tests.web.browser.conftest import Page

pytestmark = pytest.mark.slow

HOSTILE = (
    "</p><img src=x onerror=alert(1)><script>alert(2)</script> {{7*7}} ${7*7} \u202egnp.exe\u202c &lt;b&gt;"
)


@pytest.fixture(scope="module", autouse=True)
def ahead(shop: Shop) -> None:
    """Staging has newer versions than production, one with words that would harm."""
    shop.released("staging", {"orders": "1.1.0"}, why="Totals are rounded once", who="bob", minutes=300)
    shop.released("staging", {"orders": "1.2.0"}, why="Currencies", who="carol", minutes=200)
    shop.released("staging", {"users": "1.0.1"}, why=HOSTILE, who=HOSTILE, minutes=100)


def test_a_promotion_from_its_plan_to_live(page: Page, shop: Shop) -> None:
    """Two presses: the first shows what would be done, the second does it, and the cell follows without a reload."""
    page.open()
    page.live()
    page.until(lambda: "2 behind staging" in page.text("#c-production--orders"))
    page.driver.execute_script("window.same = true")
    page.one("#c-production--orders a.v").click()
    page.until(lambda: "Currencies" in page.text("#drawer"))
    assert page.driver.current_url.endswith("/production/orders")
    assert "bob" in page.text("#behind")
    page.one("#drawer a.primary").click()
    page.until(lambda: "1.2.0" in page.text("#drawer .changes"))
    assert page.text("#drawer .changes tbody").split() == ["orders", "1.0.0", "1.2.0"]
    page.one("#drawer .act .primary").click()
    page.until(lambda: "started" in page.text("#drawer"))
    page.until(lambda: page.text("#c-production--orders").split()[:2] == ["1.2.0", "Live"])
    assert "behind" not in page.text("#c-production--orders")
    assert "ann" in page.text("#h-production .last")
    assert page.driver.execute_script("return window.same") is True
    assert page.errors() == []
    trailer = shop.remote.git("log", "-1", "--format=%(trailers:key=Headway-Actor,valueonly)", "main").strip()
    assert trailer == "ann"


def test_a_rollback_offers_the_last_live_state(page: Page) -> None:
    """It works from a service's history, and the newest earlier state is chosen already."""
    page.open("/staging/orders")
    page.until(lambda: page.all("#drawer .stays .btn"))
    page.one("#drawer .stays .btn").click()
    page.until(lambda: page.text("#drawer .changes tbody").split() == ["orders", "1.2.0", "1.1.0"])
    page.one("#drawer .act .primary").click()
    page.until(lambda: page.text("#c-staging--orders").split()[:2] == ["1.1.0", "Live"])
    assert page.errors() == []


def test_the_drawer_is_there_before_what_takes_longer(page: Page, shop: Shop) -> None:
    """Pods and their log come by themselves, the diff when somebody asks for it; a cluster that is away is said."""
    name = "payments-1-0"
    shop.cluster.logs[name] = f"started\n{HOSTILE}"
    page.open()
    page.live()
    page.one("#c-production--payments a.v").click()
    page.until(lambda: name in page.text("#pods .part"))
    page.one("#pods .taillog summary").click()
    page.until(lambda: "<script>" in page.text("#pods .taillog pre"))
    assert not page.all("#pods img, #pods script")
    page.open("/production/users")
    assert not page.all("#diff pre")
    page.one("#diff summary").click()
    page.until(lambda: "+++ b/production/users.yaml" in page.text("#diff .part"))
    shop.cluster.mood = lambda method, path, body: CLOSED if "/deployments/search" in path else None
    try:
        page.open("/production/search")
        page.until(lambda: "The cluster cannot be asked" in page.text("#pods .part"))
        assert page.text("#drawer h2").startswith("search")
    finally:
        shop.cluster.mood = content
    page.one("#pods a.btn").click()
    page.until(lambda: "search-1-0" in page.text("#pods .part"))
    assert page.errors() == []


def test_the_menu_of_an_environment(page: Page) -> None:
    """It opens by mouse and by keyboard, Escape closes it, and what is chosen is in the drawer."""
    page.open()
    page.live()
    menu = page.one("#h-staging details.menu summary")
    menu.click()
    page.until(lambda: page.one("#h-staging .items").is_displayed())
    page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    page.until(lambda: not page.one("#h-staging .items").is_displayed())
    page.driver.switch_to.active_element.send_keys(Keys.ENTER)
    page.until(lambda: page.one("#h-staging .items").is_displayed())
    page.one("#h-staging .items a[href='/-/metrics/staging']").click()
    page.until(lambda: page.text("#drawer .metrics"))
    assert not page.one("#h-staging .items").is_displayed()
    assert page.driver.current_url.endswith("/-/metrics/staging")
    assert page.errors() == []


def test_what_other_people_write_is_text(page: Page) -> None:
    """No markup, no script, no turned text, on the grid and in the drawer; and the browser would refuse a script anyway."""
    page.open()
    page.until(lambda: "<script>" in page.text("#c-staging--users"))
    page.open("/staging/users")
    page.until(lambda: "<script>" in page.text("#drawer"))
    for place in ("#c-staging--users", "#drawer"):
        assert "{{7*7}} ${7*7}" in page.text(place)
        assert "\u202e" not in page.text(place)
        assert not page.all(f"{place} img, {place} script")
    assert page.errors() == []


def test_the_filter(page: Page) -> None:
    """Words, keys and chips leave the services that fit, as the page without a script does."""
    page.open()
    page.live()
    search = page.one("#q")
    for typed, left in (
        ("ord", ["orders"]),
        ("svc:s env:prod", ["orders", "users", "search", "payments"]),
        ("by:nobody-here", []),
    ):
        search.clear()
        search.send_keys(typed)
        page.until(lambda left=left: sorted(page.shown(".row .svc b")) == sorted(left))  # type: ignore[misc]
        query = page.driver.execute_script("return location.search")
        page.open("/" + query)
        page.until(lambda left=left: sorted(page.shown(".row .svc b")) == sorted(left))  # type: ignore[misc]
        search = page.one("#q")
    search.send_keys(Keys.ESCAPE)
    page.open("/?show=behind")
    page.until(lambda: "users" in page.shown(".row .svc b") and "payments" not in page.shown(".row .svc b"))
    page.one(".chip.clear").click()
    page.until(lambda: len(page.shown(".row .svc b")) == 5)


def test_by_keyboard(page: Page) -> None:
    """`?` lists the keys; j and l move; Enter opens and Escape closes."""
    page.open()
    page.live()
    body = page.one("body")
    body.send_keys("?")
    page.until(lambda: "Keys" in page.text("#keys"))
    page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    page.until(lambda: not page.one("#keys").is_displayed())
    body.send_keys("jl")
    page.until(lambda: page.driver.execute_script("return document.activeElement.className") == "v")
    page.driver.switch_to.active_element.send_keys(Keys.ENTER)
    page.until(lambda: page.text("#drawer h2"))
    assert "/production/" in page.driver.current_url
    page.one("body").send_keys(Keys.ESCAPE)
    page.until(lambda: not page.text("#drawer"))
    assert page.driver.execute_script("return location.pathname") == "/"


def test_a_change_from_elsewhere_is_seen(page: Page, shop: Shop, server: Served) -> None:
    """Somebody locks with the command line: the cell says so, and nothing was reloaded."""
    page.open()
    page.live()
    page.driver.execute_script("window.same = true")
    shop.run("lock", "production", "search", "--reason", "audit", actor="dora")
    page.until(lambda: "Locked" in page.text("#c-production--search"))
    assert page.text("#n-locked") == "1"
    assert page.driver.execute_script("return window.same") is True


def test_on_a_phone(page: Page) -> None:
    """Environments are sections; nothing is wider than the screen; fingers can press what is there."""
    page.size(360, 740)
    page.open()
    page.live()
    assert page.driver.execute_script("return document.documentElement.scrollWidth") == 360
    assert page.shown(".cell.c1 .v")
    assert not page.shown(".cell.c0 .v")
    page.one("label[for=o-0]").click()
    page.until(lambda: page.shown(".cell.c0 .v"))
    heights = page.driver.execute_script(
        "return [...document.querySelectorAll('.head .btn')].filter(it => it.checkVisibility()).map(it => it.offsetHeight)"
    )
    assert min(heights) >= 38
    page.one("#h-production a[href^='/-/promote']").click()
    page.until(lambda: page.text("#drawer h2") == "Promote to production")
    assert page.driver.execute_script("return document.documentElement.scrollWidth") == 360
    assert page.errors() == []


def test_contrast(page: Page) -> None:
    """Text stands out from what is behind it, by WCAG AA, in both schemes, also where something failed."""
    script = """
    const lum = c => { const [r, g, b] = c.map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4 });
      return .2126 * r + .7152 * g + .0722 * b };
    const rgb = s => { const m = s.match(/[\\d.]+/g).map(Number); return m.length === 4 && m[3] < 1 ? null : m.slice(0, 3) };
    const back = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
      if (c.startsWith('rgb') && rgb(c)) return rgb(c) } return [255, 255, 255] };
    const bad = [];
    for (const e of document.querySelectorAll('body *')) {
      if (!e.checkVisibility() || ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
      const style = getComputedStyle(e); if (!style.color.startsWith('rgb')) continue;
      const [a, b] = [lum(rgb(style.color)), lum(back(e))].sort((x, y) => y - x);
      const ratio = (a + .05) / (b + .05);
      if (ratio < 4.5) bad.push([e.className, e.textContent.trim().slice(0, 40), ratio.toFixed(2)]);
    }
    return bad;
    """
    for dark in (False, True):
        page.size(1440, 900, dark=dark)
        for path in ("/", "/staging/orders?with=diff", "/-/promote/production", "/-/metrics/staging"):
            page.open(path)
            if "?with" in path:
                page.until(lambda: page.all("#pods .pod"))
            for state in ("failed", "rolled-back", "rolling", "waiting"):
                page.driver.execute_script(
                    "document.querySelectorAll('.cell')[arguments[1]].className = `cell c0 s-${arguments[0]}`",
                    state,
                    ("failed", "rolled-back", "rolling", "waiting").index(state),
                )
            assert page.driver.execute_script(script) == [], (path, dark)
