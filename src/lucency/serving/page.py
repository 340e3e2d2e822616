"""The page for a person: Gradio lays it out at /, and scripts of our own take films and show answers.

Gradio gets no film. Its upload writes files under the names that they came with, its queue keeps answers that nobody
fetches, and its components for pictures decode in the process of the service; here films go from the browser's memory
to a worker's, through `page_films`, and nothing of them reaches a disk.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import Response
from starlette.routing import Match, Mount
from starlette.types import Scope

from lucency.errors import MissingExtraError
from lucency.serving.page_films import add_page_routes
from lucency.serving.page_shell import PageShell, is_of_page
from lucency.serving.problems import ProblemError
from lucency.serving.service import Service

_KINDS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


def mount_page(app: FastAPI, service: Service, folder: Path) -> FastAPI:
    """Adds the page at / to an application whose other routes are declared already.

    Args:
        app: Of `web.build_app`; changed.
        service: Answers for films.
        folder: For what Gradio writes; emptied by its owner.

    Returns:
        The application.

    Raises:
        MissingExtraError: Gradio is not installed.
    """
    if find_spec("gradio") is None:
        raise MissingExtraError("gradio", extra="web", need="The page")
    # Gradio reads these as it is imported, and would call home without them.
    os.environ.update(
        GRADIO_TEMP_DIR=str(folder),
        GRADIO_EXAMPLES_CACHE=str(folder / "examples"),
        GRADIO_ANALYTICS_ENABLED="False",
        GRADIO_RUN_HISTORY="False",
        GRADIO_SSR_MODE="False",
        GRADIO_MCP_SERVER="False",
        HF_HUB_OFFLINE="1",
        HF_HUB_DISABLE_TELEMETRY="1",
    )
    add_page_routes(app, service)
    _add_static(app)
    app.router.routes.append(_PageMount("/", app=PageShell(_layout)))
    return app


class _PageMount(Mount):
    """Takes the addresses of the page alone; for all others the API goes on to say what is wrong with them."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return super().matches(scope) if is_of_page(scope["path"]) else (Match.NONE, {})


def _layout() -> FastAPI:
    from lucency.serving.page_layout import gradio_app

    return gradio_app()


def _add_static(app: FastAPI) -> None:
    # Read once: no address that a caller names ever becomes the name of a file.
    here = Path(__file__).with_name("static")
    files = {path.name: (path.read_bytes(), _KINDS[path.suffix]) for path in here.iterdir() if path.suffix in _KINDS}

    @app.get("/page/static/{name}", include_in_schema=False)
    async def static(name: str) -> Response:
        if name not in files:
            raise ProblemError("no_such_address", "There is no such file")
        content, kind = files[name]
        return Response(content, media_type=kind)
