"""The demo in a real browser: Chromium without a window, driven by Selenium.

Neither is a dependency of the project: without them these tests are skipped, and say why. On Debian:
`apt-get install chromium chromium-driver` and `pip install selenium`. With `REQUIRE_BROWSER=1` in the
environment they fail instead of being skipped.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

PAGE_LIMIT = 20  # seconds
SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")


class Browser:
    """A person at a browser: what they see is text, what they press has a name."""

    def __init__(self, driver: Chrome, site: str) -> None:
        self.driver, self.site = driver, site

    def open(self, path: str) -> None:
        self.driver.get(self.site + path)

    def press(self, name: str, within: str = "body") -> None:
        """Press the button or link with that text, and wait for the page that follows."""
        before = self._page()
        inside = self.driver.find_element("css selector", within)
        named = f".//*[self::button or self::a][normalize-space()={_quoted(name)}]"
        next(found for found in inside.find_elements("xpath", named) if found.is_displayed()).click()
        self._wait(lambda: self._page() != before and self._is_loaded(), f"the page after {name!r}")

    def choose(self, person: str) -> None:
        """Press a person's name on the provider's page."""
        before = self._page()
        self.driver.find_element("xpath", f"//button[contains(., {_quoted(person)})]").click()
        self._wait(lambda: self._page() != before and self._is_loaded(), f"the page after {person}")

    def sees(self, text: str) -> None:
        """Wait until the text is on the page."""
        self._wait(lambda: text in self.text, f"{text!r}, but {self.path} shows:\n{self.text}")

    @property
    def text(self) -> str:
        return str(self.driver.find_element("css selector", "body").text)

    @property
    def path(self) -> str:
        address: str = self.driver.current_url
        return address.removeprefix(self.site).partition("?")[0]

    def back(self) -> None:
        self.driver.back()

    def new_tab(self) -> str:
        """Open a tab, and go to it; return its name."""
        self.driver.switch_to.new_window("tab")
        return str(self.driver.current_window_handle)

    def to_tab(self, name: str) -> None:
        self.driver.switch_to.window(name)

    def complaints(self) -> list[str]:
        """What the browser's console says about policies that a page breaks."""
        log: list[dict[str, Any]] = self.driver.get_log("browser")
        return [entry["message"] for entry in log if "Content Security Policy" in entry["message"]]

    def _page(self) -> str:
        return str(self.driver.find_element("css selector", "html").id)

    def _is_loaded(self) -> bool:
        return self.driver.execute_script("return document.readyState") == "complete"

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        from selenium.common.exceptions import TimeoutException, WebDriverException
        from selenium.webdriver.support.wait import WebDriverWait

        wait = WebDriverWait(self.driver, PAGE_LIMIT, 0.05, ignored_exceptions=[WebDriverException])
        try:
            wait.until(lambda _: condition())
        except TimeoutException:
            raise AssertionError(f"The browser waited in vain for {what}") from None


def _quoted(text: str) -> str:
    return f'"{text}"'


@pytest.fixture(scope="session")
def chromium() -> tuple[str, str]:
    """The paths of browser and driver; without them everything here is skipped."""
    if find_spec("selenium") is None:
        _missing("Selenium is not installed: pip install selenium")
    found = [path for path in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if path]
    driver = shutil.which("chromedriver")
    if not found or driver is None:
        _missing("Chromium or its driver is not installed: apt-get install chromium chromium-driver")
    return found[0], driver


def _missing(what: str) -> NoReturn:
    """Skip; but not where somebody relies on these tests, because a skipped test looks like a good one."""
    if os.environ.get("REQUIRE_BROWSER"):
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def site(chromium: tuple[str, str]) -> Iterator[str]:
    """The address of a running demo."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DJANGO_SETTINGS_MODULE", "STATEFUL_OAUTH_"))
    }
    demo = subprocess.Popen(
        [sys.executable, "-m", "stateful_oauth.demo", "--port", "0", "--emulator-port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**kept, "PYTHONIOENCODING": "utf-8"},
    )
    assert demo.stdout is not None
    welcome = ""
    for line in demo.stdout:
        welcome += line
        if "Ctrl-C" in line:
            break
    found = re.search(r"Demo site +(\S+)/\n", welcome)
    assert found is not None, welcome
    yield found[1]
    demo.send_signal(signal.SIGINT)
    demo.communicate(timeout=30)
    assert demo.returncode == 0


@pytest.fixture
def browser(chromium: tuple[str, str], site: str, tmp_path: Path) -> Iterator[Browser]:
    """A fresh browser, with nothing remembered."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium[0]
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for switch in (*SWITCHES, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(switch)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(chromium[1]))
    driver.set_page_load_timeout(PAGE_LIMIT)
    person = Browser(driver, site)
    yield person
    complaints = person.complaints()
    driver.quit()
    assert complaints == []
