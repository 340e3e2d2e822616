"""`lucency serve`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from lucency.errors import LucencyError, MissingExtraError


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command()(serve)


def serve(
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="BUNDLE",
            envvar="LUCENCY_BUNDLE",
            help="Bundle, run folder or model in the box that answers; the default model in the box otherwise.",
            show_default=False,
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to bind; all but loopback ones want a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to bind; 0 for any that is free.")] = 7860,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, max=256, help="Processes that decode and answer; one for each core otherwise.", show_default=False
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(help="File with the token that callers must show; LUCENCY_TOKEN otherwise.", show_default=False),
    ] = None,
    insecure_no_auth: Annotated[
        bool, typer.Option("--insecure-no-auth", help="Answer anybody who reaches the address.")
    ] = False,
    max_body: Annotated[int, typer.Option(min=1, max=10_000, help="Megabytes that a request may hold.")] = 128,
    film_seconds: Annotated[float, typer.Option(min=1, max=600, help="Seconds that a film may take.")] = 30.0,
    worker_memory: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="Megabytes that a worker may take besides what its model needs.")
    ] = 2000,
    patience: Annotated[
        float, typer.Option(min=1, max=3600, help="Seconds until the headers, and then the body, must have arrived.")
    ] = 60.0,
    waiting: Annotated[int, typer.Option(min=0, max=100_000, help="Films that may wait for a worker.")] = 64,
) -> None:
    """Serve a model as a page and an API, until Ctrl-C or SIGTERM.

    The page is at /. POST films to /v1/predictions; /v1/openapi.json describes it. SIGHUP reads the model again. Films
    are kept in memory while they are answered and nowhere afterwards. The log goes to standard error, one JSON object a
    line.
    Research use only. Not a medical device.
    """
    from lucency.serving.access import chosen_token, is_loopback
    from lucency.serving.settings import MEGABYTE, Limits, ServeSettings, share_cores

    token = chosen_token(
        host, environment=os.environ.pop("LUCENCY_TOKEN", None), file=token_file, without=insecure_no_auth
    )
    try:
        from lucency.serving.run import serve as run
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), extra="web", need="The service") from None
    if sys.platform == "win32":
        raise LucencyError("the service needs Linux or macOS", hint="On Windows run it in WSL or a container")
    if token is None and not is_loopback(host):
        print(f"Warning: anybody who reaches {host}:{port} can use the service.", file=sys.stderr)
    processes, threads = share_cores(workers)
    limits = Limits(
        body_bytes=max_body * MEGABYTE,
        film_seconds=film_seconds,
        worker_bytes=worker_memory * MEGABYTE,
        header_seconds=min(patience, Limits.header_seconds),
        body_seconds=patience,
        waiting=waiting,
        # Two attempts at the film, and as long again for those before it.
        waiting_seconds=max(Limits.waiting_seconds, 3 * film_seconds),
    )
    run(ServeSettings(model, host, port, processes, threads, token, limits))
