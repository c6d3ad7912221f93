"""The command line's answer about capacity is that of the API."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.catalogue.seed import seed
from app.catalogue.snapshot import CatalogueCache
from app.cli import app
from app.database import Database
from app.estimation.service import capacity_on
from app.migrate import migrate
from app.settings import get_settings

JOB = {"kind": "inference", "model": {"preset": "meta-llama/Llama-3.1-8B"}, "runtime": "llama.cpp", "weight_format": "q4_k_m"}


@pytest.fixture(scope="module")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = f"sqlite:///{tmp_path_factory.mktemp('line') / 'rigwise.sqlite'}"
    migrate(url)
    database = Database(url)
    seed(database)
    database.close()
    return url


@pytest.fixture(autouse=True)
def fresh_settings() -> Iterator[None]:
    """The settings of the environment that each test gives, and none of them for the tests after it."""
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def test_capacity_tells_what_fits_on_the_cards(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "job.json"
    file.write_text(json.dumps(JOB))
    ran = CliRunner().invoke(app, ["capacity", str(file), "--gpu", "rtx-3090", "--gpus", "2"], env={"RIGWISE_DATABASE_URL": database_url})
    assert ran.exit_code == 0
    database = Database(database_url)
    gpu = CatalogueCache(database).current().gpus["rtx-3090"]
    database.close()
    assert json.loads(ran.output) == capacity_on(JOB, gpu, 2)


def test_an_unknown_card_is_refused(database_url: str) -> None:
    asked = ["capacity", "--gpu", "no-such-card"]
    ran = CliRunner().invoke(app, asked, input=json.dumps(JOB), env={"RIGWISE_DATABASE_URL": database_url})
    assert ran.exit_code != 0
    assert "no-such-card" in str(ran.exception)
