"""Servers that tests start: free ports, processes that end with the test, waiting until one answers."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

RIGWISE = str(Path(sys.executable).with_name("rigwise"))
START_SECONDS = 60
STOP_SECONDS = 10


def free_port() -> int:
    """A TCP port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(command: Sequence[str], environment: Mapping[str, str], *, cwd: Path | None = None) -> str:
    """Run to the end and return standard output; a failure shows everything that the command printed."""
    outcome = subprocess.run(command, env=dict(environment), cwd=cwd, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, f"{' '.join(command)} ended with {outcome.returncode}:\n{outcome.stdout}\n{outcome.stderr}"
    return outcome.stdout


@contextmanager
def serving(command: Sequence[str], environment: Mapping[str, str], port: int, log: Path, *, cwd: Path | None = None) -> Iterator[str]:
    """The base address of a server started by `command`, once its /healthz answers 200; it is stopped afterwards."""
    with log.open("wb") as output, subprocess.Popen(command, env=dict(environment), cwd=cwd, stdout=output, stderr=output) as process:
        try:
            _wait_until_healthy(f"http://127.0.0.1:{port}", process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            _stop(process)


def _wait_until_healthy(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the server ended with {process.returncode}:\n{log.read_text()}"
        try:
            if httpx.get(f"{address}/healthz", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"no answer from {address}/healthz within {START_SECONDS} s:\n{log.read_text()}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
