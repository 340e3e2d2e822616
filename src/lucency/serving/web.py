"""The API: films in, answers out, over HTTP."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException

from lucency._version import __version__
from lucency.card import Card
from lucency.imaging.overlay import DISCLAIMER
from lucency.serving.access import COOKIE, Access
from lucency.serving.answers import answered, prediction_of
from lucency.serving.film_request import INCLUDES, read_request
from lucency.serving.login_page import login_page
from lucency.serving.measures import CONTENT_TYPE
from lucency.serving.problems import MEDIA_TYPE, PROBLEMS, ProblemError
from lucency.serving.schemas import EXAMPLE, Health, Predictions, Problem
from lucency.serving.service import Service
from lucency.serving.worker import FilmLostError, FilmReply

_DESCRIPTION = f"""Bone-fracture detection on X-ray films. {DISCLAIMER}

Films are kept in memory while they are answered and nowhere afterwards."""


def build_app(service: Service, access: Access) -> FastAPI:
    """The application without its guard.

    Args:
        service: Answers for films.
        access: Who may ask.
    """
    app = FastAPI(title="Lucency", version=__version__, description=_DESCRIPTION, docs_url=None, redoc_url=None,
                  openapi_url=None)  # fmt: skip
    _problems(app)
    _film_routes(app, service)
    _operating_routes(app, service)
    _door(app, access)

    @app.get("/v1/openapi.json", include_in_schema=False)
    async def openapi() -> JSONResponse:
        return JSONResponse(openapi_document(app))

    return app


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of an application of `build_app`."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas = document["components"]["schemas"]
        schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"token": []}, {}]
        app.openapi_schema = document
    return app.openapi_schema


def _told(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Problem details as answers of a route, for the document."""
    shape = {"schema": {"$ref": "#/components/schemas/Problem"}}
    found: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        codes = sorted(code for code, kind in PROBLEMS.items() if kind.status == status)
        found[status] = {"description": f"Code: {', '.join(codes)}", "content": {MEDIA_TYPE: shape}}
    return found


def _film_routes(app: FastAPI, service: Service) -> None:
    film = {"type": "string", "format": "binary"}
    form = {
        "type": "object",
        "required": ["films"],
        "properties": {
            "films": {"type": "array", "items": film, "minItems": 1, "maxItems": service.settings.films},
            "include": {"type": "array", "items": {"type": "string", "enum": list(INCLUDES)}},
            "operating_point": {"type": "string"},
            "error_rate": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        },
    }
    body = {
        "required": True,
        "description": "One or many film files (JPEG, PNG, TIFF, BMP, GIF, WebP, DICOM), or the bytes of one alone",
        "content": {"multipart/form-data": {"schema": form}, "application/octet-stream": {"schema": film}},
    }

    def query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
        return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}

    parameters = [
        query("include", {"type": "array", "items": {"type": "string", "enum": list(INCLUDES)}}, "what else to send"),
        query("operating_point", {"type": "string"}, "threshold that decides; the model's default otherwise"),
        query(
            "error_rate",
            {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            "share of the films of each class that may be answered wrongly; the others are uncertain",
        ),
    ]

    @app.post(
        "/v1/predictions",
        response_model=Predictions,
        responses={
            200: {"content": {"application/json": {"example": EXAMPLE}}},
            **_told(400, 401, 403, 408, 413, 421, 422, 500, 503),
        },
        openapi_extra={"requestBody": body, "parameters": parameters},
        summary="Answer for one or many films",
    )
    async def predictions(request: Request) -> StreamingResponse:
        films, asked = await read_request(request, service.settings, service.card)
        request.state.films = len(films)
        replies = await answered(request, service, films, asked)
        entries = [_entry(service, index, reply) for index, reply in enumerate(replies)]
        faults = [entry["error"] for entry in entries if "error" in entry]
        if len(faults) == len(entries):
            more = {} if len(entries) == 1 else {"predictions": entries}
            raise ProblemError(faults[0]["code"], faults[0]["message"], more=more)
        facts = {
            "request_id": request.state.request_id,
            "bundle": next((entry["bundle"] for entry in entries if "bundle" in entry), service.identity),
            "notice": DISCLAIMER,
            **_doubts(service.card, asked.get("error_rate")),
        }
        pieces = await asyncio.to_thread(_encoded, facts, entries)
        size = {"content-length": str(sum(map(len, pieces)))}
        return StreamingResponse(_sent(pieces), headers=size, media_type="application/json")

    @app.get("/v1/model", responses=_told(401, 421), summary="The card of the model that answers")
    async def model() -> JSONResponse:
        return JSONResponse({"bundle": service.identity, "notice": DISCLAIMER, "card": service.card.to_json()})


def _operating_routes(app: FastAPI, service: Service) -> None:
    @app.get("/healthz", response_model=Health, summary="Whether the service lives")
    async def healthz() -> JSONResponse:
        return JSONResponse({"status": "ok"})

    @app.get("/readyz", response_model=Health, responses=_told(503), summary="Whether films can be answered")
    async def readyz() -> JSONResponse:
        if service.stopping:
            raise ProblemError("stopping", "It takes no more films")
        if not service.pool.ready:
            raise ProblemError("not_ready", "Workers are starting", retry_after=2)
        return JSONResponse({"status": "ok"})

    @app.get(
        "/metrics",
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **_told(401, 421)},
        response_class=Response,
        summary="Counters for Prometheus",
    )
    async def metrics() -> Response:
        return Response(service.measures.text(), media_type=CONTENT_TYPE)


def _door(app: FastAPI, access: Access) -> None:
    @app.get("/login", include_in_schema=False)
    async def login() -> HTMLResponse:
        return HTMLResponse(login_page())

    @app.post("/login", include_in_schema=False)
    async def logged_in(request: Request) -> Response:
        form = parse_qs((await request.body()).decode("ascii", "replace"))
        session = access.begin_session(form.get("token", [""])[0].strip())
        if session is None and access.too_many_tries():
            raise ProblemError("too_many_tries", "Wait a minute, then type the token again", retry_after=60)
        if session is None:
            return HTMLResponse(login_page(wrong=True), status_code=401)
        answer = RedirectResponse("/", status_code=303)
        answer.set_cookie(COOKIE, session, httponly=True, samesite="strict", secure=_by_tls(request), path="/")
        return answer

    if access.open:
        return

    @app.post("/logout", include_in_schema=False)
    async def logged_out(request: Request) -> Response:
        access.end_session(request.cookies.get(COOKIE, ""))
        answer = RedirectResponse("/login", status_code=303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=_by_tls(request), path="/")
        return answer


def _by_tls(request: Request) -> bool:
    # The service speaks plain HTTP, and only the browser knows whether a proxy with TLS stands in front of it.
    return request.headers.get("origin", "").startswith("https://")


def _encoded(facts: Mapping[str, Any], entries: list[dict[str, Any]]) -> list[bytes]:
    """An answer as JSON in pieces, one for each film, so that nothing else waits for long while one is made."""
    head = json.dumps({**facts, "predictions": []}, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    pieces = [head.removesuffix("]}").encode()]
    for number, entry in enumerate(entries):
        for name, value in entry.items():
            if isinstance(value, bytes):
                entry[name] = base64.b64encode(value).decode()
        text = json.dumps(entry, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        pieces.append(f"{',' * (number > 0)}{text}".encode())
    return [*pieces, b"]}"]


async def _sent(pieces: list[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def _entry(service: Service, index: int, reply: FilmReply | FilmLostError) -> dict[str, Any]:
    service.count(reply)
    if isinstance(reply, FilmLostError):
        return {"index": index, "error": {"code": reply.code, "message": str(reply)}}
    if "error" in reply.said:
        return {"index": index, "error": reply.said["error"]}
    return {"index": index, **prediction_of(reply, service.card_of(reply)), **reply.parts}


def _doubts(card: Card, error_rate: float | None) -> dict[str, list[str]]:
    """What the calibration films of a bundle are too few for at an error rate; its own where None."""
    rate = error_rate or (None if card.abstention is None else card.abstention.error_rate)
    found = [] if card.abstention is None or rate is None else list(card.abstention.doubts(rate))
    return {"warnings": found} if found else {}


def _problems(app: FastAPI) -> None:
    def answer(request: Request, problem: ProblemError, headers: Mapping[str, str] | None = None) -> JSONResponse:
        request.state.code = problem.code
        content = problem.body(request.state.request_id)
        return JSONResponse(content, problem.kind.status, {**problem.headers(), **(headers or {})}, MEDIA_TYPE)

    async def told(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, ProblemError)
        return answer(request, error)

    async def plain(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        codes = {404: "no_such_address", 405: "method_not_allowed", 400: "bad_form"}
        return answer(
            request, ProblemError(codes.get(error.status_code, "internal"), "See /v1/openapi.json"), error.headers
        )

    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        # It is raised again after this answer, and the guard logs where it came from.
        return answer(request, ProblemError("internal", "The service has logged what happened, without the film"))

    handlers: list[tuple[type[Exception], Callable[[Request, Exception], Awaitable[Response]]]] = [
        (ProblemError, told),
        (HTTPException, plain),
        (Exception, unexpected),
    ]
    for kind, handler in handlers:
        app.add_exception_handler(kind, handler)
