"""Every setting of the program, read once from the environment (RIGWISE_...)."""

from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

_PROJECT = Path(__file__).resolve().parent.parent


def _data_folder() -> Path:
    """`data/` of the repository, and of the current folder where the program is installed as a package."""
    return (_PROJECT if (_PROJECT / "pyproject.toml").is_file() else Path.cwd()) / "data"


def _default_database_url() -> str:
    return f"sqlite:///{_data_folder() / 'rigwise.sqlite'}"


class Settings(BaseSettings):
    """Settings with their defaults. The environment variable of `database_url` is RIGWISE_DATABASE_URL, and so on."""

    model_config = SettingsConfigDict(env_prefix="RIGWISE_", frozen=True)

    database_url: Annotated[str, Field(min_length=1)] = Field(default_factory=_default_database_url)

    hub: bool = False
    """Whether visitors may name a model of the Hugging Face hub; then, and only then, this program sends requests, to that host alone."""

    metrics_token: Annotated[SecretStr, Field(min_length=16)] | None = None
    """What Prometheus must send as `Authorization: Bearer ...` to read /metrics; without it there is no /metrics."""
    secure_cookies: bool = True
    """False only where administrators must sign in over plain HTTP at another address than this machine's own, in development."""


@lru_cache
def get_settings() -> Settings:
    """The settings of this process."""
    return Settings()
