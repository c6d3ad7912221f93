"""Fixtures for every suite: a running site, a PostgreSQL server, a browser.

What a machine lacks is skipped with the reason, but never where CI=true: there it fails.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.lacking import IN_CI, lacking
from tests.processes import RIGWISE, free_port, run, serving

ROOT = Path(__file__).resolve().parent.parent
NO_BINARIES = 3  # exit status of scripts/postgres.sh where PostgreSQL is not installed

# The same examples in every run of CI, new ones on every run elsewhere; a busy machine is not a defect.
hypothesis.settings.register_profile("rigwise", deadline=None, derandomize=IN_CI)
hypothesis.settings.load_profile("rigwise")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests last: an open browser keeps an event loop running, and `asyncio.run` is refused beside it."""
    items.sort(key=lambda item: "browser" in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The address of an empty database on a throw-away PostgreSQL server, shared by the whole run."""
    script, port = str(ROOT / "scripts" / "postgres.sh"), str(free_port())
    folder = tempfile.mkdtemp(prefix="rigwise-postgres-")  # not below pytest's own folder: the user `postgres` cannot enter that
    try:
        started = subprocess.run([script, "start", folder, port], capture_output=True, text=True, check=False)
        if started.returncode == NO_BINARIES:
            lacking(started.stderr.strip())
        assert started.returncode == 0, started.stderr
        yield f"postgresql+psycopg://app@127.0.0.1:{port}/app"
        subprocess.run([script, "stop", folder], check=True, capture_output=True)
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def live_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the whole site, migrated, seeded and serving from a database of its own."""
    folder, port = tmp_path_factory.mktemp("site"), free_port()
    environment = {**os.environ, "RIGWISE_DATABASE_URL": f"sqlite:///{folder / 'rigwise.sqlite'}"}
    run([RIGWISE, "migrate"], environment)
    run([RIGWISE, "seed"], environment)
    with serving([RIGWISE, "serve", "--port", str(port)], environment, port, folder / "server.log") as address:
        yield address


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The system's Chromium (or the one that CHROMIUM names), without anything that calls home."""
    chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    if not shutil.which(chromium):
        lacking(f"there is no browser at {chromium}; install chromium or set CHROMIUM")
    return {
        **browser_type_launch_args,
        "executable_path": chromium,
        "args": [
            "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--no-first-run", "--disable-extensions",
        ],
    }  # fmt: skip


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any], live_server: str) -> dict[str, Any]:
    """Pages open addresses relative to the site: `page.goto("/catalogue")`."""
    return {**browser_context_args, "base_url": live_server}


@pytest.fixture(scope="session")
def axe_source() -> str:
    """The script of axe-core, for `page.evaluate`: adding a script tag is refused by the site's own policy."""
    return (ROOT / "tests" / "browser" / "vendor" / "axe.min.js").read_text()
