"""Pages that remember what the browser complained about."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

from tests.browser.administration import admin as admin
from tests.browser.administration import admin_server as admin_server

REFUSED_ON_PURPOSE = "the server responded with a status of 422"


@pytest.fixture
def complaints(page: Page) -> Iterator[list[str]]:
    """What the console and the scripts of `page` complained about; none may be left at the end of a test."""
    found: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and REFUSED_ON_PURPOSE not in message.text:
            found.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: found.append(str(error)))
    yield found
    assert found == []


@pytest.fixture
def page_without_scripts(browser: Browser, live_server: str) -> Iterator[Page]:
    """A page in a browser that runs no scripts."""
    context = browser.new_context(base_url=live_server, java_script_enabled=False)
    yield context.new_page()
    context.close()
