"""Copying a PostgreSQL database with its own tools, which must be installed: pg_dump and pg_restore."""

import os
import shutil
import subprocess
from pathlib import Path

from sqlalchemy import make_url

from app.errors import RigwiseError

SETTING_OF = {"host": "PGHOST", "port": "PGPORT", "username": "PGUSER", "password": "PGPASSWORD", "database": "PGDATABASE"}


class ToolFailed(RigwiseError):
    """A program of PostgreSQL is missing, or said no."""

    title = "PostgreSQL"


def dump_postgres(url: str, target: Path) -> None:
    """Copies what the database holds at this moment to `target`, in pg_dump's own format. Raises ToolFailed with what it says."""
    part = target.with_name(f"{target.name}.part")
    try:
        _run(url, "pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={part}")
        part.chmod(0o600)
        read_dump(part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def read_dump(file: Path) -> None:
    """Reads a dump from its first to its last byte. Raises ToolFailed where it is cut short or damaged."""
    _run("postgresql://", "pg_restore", f"--file={os.devnull}", str(file))


def load_dump(url: str, file: Path) -> None:
    """Puts a dump in the place of what the database holds, all of it or nothing. Raises ToolFailed with what pg_restore says."""
    _run(
        url, "pg_restore", "--clean", "--if-exists", "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error",
        f"--dbname={make_url(url).database}", str(file),
    )  # fmt: skip


def _run(url: str, tool: str, *arguments: str) -> None:
    """Runs a tool. The address goes by the environment: arguments can be read by everybody on the machine."""
    program = shutil.which(tool)
    if program is None:
        raise ToolFailed(f"{tool} is not installed; install the client programs of PostgreSQL (postgresql-client)")
    parts = make_url(url)
    known = {setting: str(value) for name, setting in SETTING_OF.items() if (value := getattr(parts, name))}
    done = subprocess.run([program, *arguments], env={**os.environ, **known}, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise ToolFailed(f"{tool} failed: {' '.join(done.stderr.split())[:400]}")
