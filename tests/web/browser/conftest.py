"""A real browser, Debian's Chromium, before a real `headway serve`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from lab import packages
from tests.web.board.stage import PATIENCE, Served, Shop, served

NEEDED = {"chromium": "chromium", "chromedriver": "chromium-driver"}


@dataclass
class Page:
    """A browser's window on a board."""

    driver: webdriver.Chrome
    url: str

    def open(self, path: str = "/") -> None:
        """Go to a page, and wait until its script has begun."""
        self.driver.get(self.url + path)

    def live(self) -> None:
        """Wait until the page is told of changes."""
        self.until(lambda: "on" in self.one("#pulse").get_attribute("class").split())

    def one(self, selector: str) -> WebElement:
        """Return an element."""
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        """Return elements."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def shown(self, selector: str) -> list[str]:
        """Return the texts of the elements that can be seen."""
        script = "return [...document.querySelectorAll(arguments[0])].filter(it => it.checkVisibility()).map(it => it.innerText)"
        found: list[str] = self.driver.execute_script(script, selector)
        return found

    def text(self, selector: str) -> str:
        """Return the text of an element as it is now; empty where there is none."""
        found = self.driver.execute_script(
            "return document.querySelector(arguments[0])?.innerText ?? ''", selector
        )
        return str(found)

    def until(self, fits: Callable[[], Any]) -> Any:
        """Wait until something holds."""
        return WebDriverWait(
            self.driver, PATIENCE, poll_frequency=0.05, ignored_exceptions=[Exception]
        ).until(lambda _: fits(), f"the page says:\n{self.text('body')[:3000]}")

    def size(self, width: int, height: int, *, dark: bool = False) -> None:
        """Be a window of a size."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 700},
        )
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})

    def errors(self) -> list[str]:
        """Return what the browser complains about: scripts that failed, files and styles that were refused."""
        found = [it["message"] for it in self.driver.get_log("browser") if it["level"] == "SEVERE"]
        # An answer that refuses something is one that the board shows.
        return [it for it in found if "status of 4" not in it]


@pytest.fixture(scope="session")
def chromium() -> Iterator[webdriver.Chrome]:
    """A browser."""
    with browser() as driver:
        yield driver


@contextmanager
def browser(*more: str) -> Iterator[webdriver.Chrome]:
    """Run Chromium for as long as the block takes."""
    packages.ensure(NEEDED)
    options = Options()
    options.binary_location = shutil.which("chromium") or ""
    flags = ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1440,900"]
    for flag in [*flags, *more, *(["--no-sandbox"] if os.geteuid() == 0 else [])]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """An application whose staging is ahead of production."""
    made = Shop(tmp_path_factory.mktemp("shop"))
    made.begin()
    yield made
    made.close()


@pytest.fixture(scope="module")
def server(shop: Shop) -> Iterator[Served]:
    """Its board."""
    with ExitStack() as open_:
        yield open_.enter_context(served(shop))


@pytest.fixture
def page(chromium: webdriver.Chrome, server: Served) -> Iterator[Page]:
    """A window on the board, as wide as a desk's."""
    made = Page(chromium, server.url)
    made.size(1440, 900)
    chromium.get_log("browser")
    yield made
    chromium.get("about:blank")
