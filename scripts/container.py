"""What the container runs: migrate, seed, then serve; or, with the argument `healthcheck`, ask the server whether it is well.

Needs neither a shell nor any tool beside Python. HOST (0.0.0.0) and PORT (8000) say where to serve, WORKERS (1) in how many processes.
"""

import os
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

RIGWISE = str(Path(sys.executable).with_name("rigwise"))
HEALTH_TIMEOUT_S = 4


def start(host: str, port: str, workers: str) -> None:
    """Bring the database up to date and become the server. Raises CalledProcessError where a step before it fails."""
    os.umask(0o077)  # the database holds hashes of passwords
    for step in ("migrate", "seed"):
        subprocess.run([RIGWISE, step], check=True)
    os.execv(RIGWISE, [RIGWISE, "serve", "--host", host, "--port", port, "--workers", workers])  # noqa: S606  (no shell is wanted)


def is_healthy(port: str) -> bool:
    """Whether the server on this machine answers 200 at /healthz."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=HEALTH_TIMEOUT_S) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def main() -> int:
    """Exit status of the health check; never returns after a successful start."""
    port = os.environ.get("PORT", "8000")
    if sys.argv[1:] == ["healthcheck"]:
        return 0 if is_healthy(port) else 1
    host = os.environ.get("HOST", "0.0.0.0")  # noqa: S104  (inside a container every interface is the container's own)
    start(host, port, os.environ.get("WORKERS", "1"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
