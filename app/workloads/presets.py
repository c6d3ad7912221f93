"""Ready-made jobs: complete request documents under a short name, read from `seed_data/presets.toml`."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from app.resources import resource_path


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A job that many people have, as a request document."""

    id: str
    title: str
    document: Mapping[str, Any]


@cache
def presets() -> tuple[Preset, ...]:
    """Every preset, in the order of the file."""
    rows = tomllib.loads(resource_path("seed_data/presets.toml").read_text())["preset"]
    return tuple(_preset(row) for row in rows)


def preset_named(name: str) -> Preset | None:
    """The preset of that id, None where there is none."""
    return next((preset for preset in presets() if preset.id == name), None)


def _preset(row: dict[str, Any]) -> Preset:
    return Preset(id=row["id"], title=row["title"], document={"workload": row["workload"], "limits": row.get("limits", {})})
