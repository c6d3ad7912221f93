"""`rigwise serve`: the web server, on one process or several."""

import gc
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from fastapi import FastAPI

STOP_SECONDS = 10  # what a request under way has to come to its end after the server was told to stop


def serve(
    host: str = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535)] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64)] = 1,
) -> None:
    """Serve the web site and the API, once the database is found whole."""
    gc.disable()  # nothing that is imported is garbage, and looking for some took a third of the start; ready to serve, it is on
    import uvicorn

    from app.backup.integrity import problems_at_start
    from app.database import Database
    from app.logs import configure_logging
    from app.settings import get_settings
    from app.web.metrics import shared_between

    with closing(Database(get_settings().database_url)) as database:
        refuse(problems_at_start(database))
    configure_logging()
    with shared_between(workers):
        uvicorn.run(
            "app.cli.serving:application", factory=True, host=host, port=port, workers=workers, server_header=False, access_log=False,
            log_config=None, timeout_graceful_shutdown=STOP_SECONDS,
        )  # fmt: skip


def application() -> "FastAPI":
    """The application of one process. Its garbage collector is off until the application is ready to serve."""
    gc.disable()
    from app.main import create_app

    made = create_app()
    gc.freeze()  # the program itself is never looked through
    return made


def refuse(problems: tuple[str, ...]) -> None:
    """Ends the command with status 1 where there are problems, each on a line of standard error."""
    for problem in problems:
        typer.echo(problem, err=True)
    if problems:
        raise typer.Exit(1)
