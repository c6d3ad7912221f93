"""What tests of the admin pages share: a site of their own with users, and signing in."""

import os
import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.processes import RIGWISE, free_port, run, serving

PASSWORD = "plum harbour kettle zebra"


@pytest.fixture(scope="session")
def admin_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a seeded site with the administrator ada and the editor bob; its catalogue may be changed."""
    folder, port = tmp_path_factory.mktemp("admin"), free_port()
    environment = {**os.environ, "RIGWISE_DATABASE_URL": f"sqlite:///{folder / 'rigwise.sqlite'}"}
    run([RIGWISE, "migrate"], environment)
    run([RIGWISE, "seed"], environment)
    for name, role in (("ada", "admin"), ("bob", "editor")):
        command = [RIGWISE, "user", "add", name, "--role", role]
        subprocess.run(command, env=environment, input=f"{PASSWORD}\n", text=True, check=True, capture_output=True)
    with serving([RIGWISE, "serve", "--port", str(port)], environment, port, folder / "server.log") as address:
        yield address


@pytest.fixture(params=[True, False], ids=["with scripts", "without scripts"])
def admin(request: pytest.FixtureRequest, browser: Browser, admin_server: str) -> Iterator[Page]:
    """A page in which ada is signed in, once in a browser that runs scripts and once in one that does not."""
    context = browser.new_context(base_url=admin_server, java_script_enabled=request.param)
    page = context.new_page()
    sign_in(page, "ada")
    yield page
    context.close()


def sign_in(page: Page, name: str, code: str = "") -> None:
    """Signs in through the form."""
    page.goto("/admin/sign-in")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    if code:
        page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
