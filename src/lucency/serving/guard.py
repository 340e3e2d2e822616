"""What every request passes: its id, host, origin, token and size; and what every answer carries."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.requests import cookie_parser

from lucency.serving.access import COOKIE, Access, is_loopback
from lucency.serving.logs import ServiceLog, place_of
from lucency.serving.measures import Measures
from lucency.serving.problems import MEDIA_TYPE, ProblemError
from lucency.serving.settings import ServeSettings

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_FREE = ("/healthz", "/readyz", "/login", "/logout")
"""Paths that need no token."""

_DOOR = ("/login", "/logout")

_LOGIN_BYTES = 4096
"""Largest body of a caller who has not shown the token yet."""

_POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self'; manifest-src 'self'; media-src 'none'; worker-src 'none'; "
    "frame-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'"
)

_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Under "no-referrer" a browser would send "Origin: null" with the form of the login.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "cache-control": "no-store",
}


class Guard:
    """Wraps the whole application.

    Args:
        app: What is guarded.
        settings: Host, and limits of a request.
        access: Who may ask.
        log: Where each request leaves one line.
        measures: Where each request is counted.
    """

    def __init__(self, app: App, settings: ServeSettings, access: Access, log: ServiceLog, measures: Measures):
        self._app, self._settings, self._access, self._log, self._measures = app, settings, access, log, measures
        self._open = 0
        self._held = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _answer(self, scope: Message, receive: Receive, send: Send) -> None:
        begun, request_id = time.perf_counter(), uuid.uuid4().hex
        state = scope.setdefault("state", {})
        state["request_id"], state["nonce"] = request_id, uuid.uuid4().hex
        told = {"status": 0, "taken": 0}

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                told["status"] = message["status"]
                policy = _POLICY.format(nonce=state["nonce"])
                given = {"content-security-policy": policy, "x-request-id": request_id, **_HEADERS}
                names = {name.lower() for name, _ in message.get("headers", ())}
                kept = [(name, value) for name, value in message.get("headers", ()) if name.lower() != b"server"]
                added = [(k.encode(), v.encode()) for k, v in given.items() if k.encode() not in names]
                message = {**message, "headers": kept + added}
            await send(message)

        error: str | None = None
        self._open += 1
        try:
            if self._open > self._settings.limits.requests:
                raise ProblemError("busy", "Too many requests at a time", retry_after=1)
            self._check(scope)
            await self._app(scope, self._limited(scope, receive, told), answer)
        except ProblemError as problem:
            error = problem.code
            if error == "unauthorized" and scope["path"] == "/":
                await _to_login(answer)
            elif not told["status"]:
                await send_problem(problem, request_id, answer, close=True)
        except Exception as unexpected:  # Nothing may end the service, and nothing of it may reach the caller.
            error = f"{type(unexpected).__name__} at {place_of(unexpected.__traceback__)}"
            if not told["status"]:
                await send_problem(
                    ProblemError("internal", "The service has logged what happened, without the film"),
                    request_id, answer, close=True,
                )  # fmt: skip
        finally:
            self._open -= 1
            self._held -= told["taken"]
        seconds, route = time.perf_counter() - begun, _route(scope)
        method = scope["method"] if scope["method"] in ("GET", "HEAD", "POST") else "other"
        self._measures.requests.labels(route, method, str(told["status"])).inc()
        self._measures.request_seconds.labels(route).observe(seconds)
        level = "error" if told["status"] >= 500 and told["status"] != 503 else "info"
        facts: dict[str, Any] = {"code": state["code"]} if "code" in state else {}
        if "films" in state:
            facts["films"] = state["films"]
        self._log.line(
            "request", level=level, request_id=request_id, method=method, route=route, status=told["status"],
            milliseconds=round(seconds * 1000, 1), **({"error": error} if error else {}), **facts,
        )  # fmt: skip

    def _check(self, scope: Message) -> None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        if self._access.open and is_loopback(self._settings.host) and not is_loopback(_name(host)):
            # A page elsewhere could have its own name point to this machine, and read answers meant for it.
            raise ProblemError("wrong_host", "Ask for localhost or 127.0.0.1; another name needs a token")
        if scope["method"] not in ("GET", "HEAD", "OPTIONS"):
            origin = headers.get("origin")
            foreign = origin is not None and origin.partition("://")[2] != host
            if foreign or headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
                raise ProblemError("wrong_origin", "Only pages of this service may send films to it")
        if scope["path"] not in _FREE and not self._access.admits(headers.get("authorization"), _session(headers)):
            raise ProblemError("unauthorized", "Send the token as: Authorization: Bearer TOKEN, or type it at /login")
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > self._most(scope):
            raise self._too_large(scope)

    def _limited(self, scope: Message, receive: Receive, told: dict[str, int]) -> Receive:
        limits, whole = self._settings.limits, False
        until = time.monotonic() + limits.body_seconds

        async def limited() -> Message:
            nonlocal whole
            if whole:
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), max(0.01, until - time.monotonic()))
            except TimeoutError:
                raise ProblemError("body_timeout", f"The body must arrive within {limits.body_seconds:.0f} s") from None
            if message["type"] == "http.disconnect":
                raise ProblemError("client_gone", "The caller left before the body was whole")
            size = len(message.get("body", b""))
            told["taken"] += size
            self._held += size
            whole = not message.get("more_body", False)
            if told["taken"] > self._most(scope):
                raise self._too_large(scope)
            if self._held > limits.bodies * limits.body_bytes:
                raise ProblemError("busy", "Other requests fill the memory", retry_after=2)
            return message

        return limited

    def _most(self, scope: Message) -> int:
        return _LOGIN_BYTES if scope["path"] in _DOOR else self._settings.limits.body_bytes

    def _too_large(self, scope: Message) -> ProblemError:
        megabytes = self._settings.limits.body_bytes / 1e6
        if scope["path"] in _DOOR:
            return ProblemError("body_too_large", "That is longer than any token")
        return ProblemError("body_too_large", f"A request may hold {megabytes:.0f} MB; send fewer films at a time")


async def send_problem(problem: ProblemError, request_id: str, send: Send, *, close: bool = False) -> None:
    """Answers with problem details."""
    content = json.dumps(problem.body(request_id)).encode()
    headers = {"content-type": MEDIA_TYPE, "content-length": str(len(content)), **problem.headers()}
    if close:
        headers["Connection"] = "close"
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": problem.kind.status, "headers": encoded})
    await send({"type": "http.response.body", "body": content})


async def _to_login(send: Send) -> None:
    headers = [(b"location", b"/login"), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _route(scope: Message) -> str:
    """The address as it is declared, so that no line and no label holds what a caller wrote."""
    route = scope.get("route")
    path = getattr(route, "path", None)
    return path if isinstance(path, str) and path else "other"


def _name(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


def _session(headers: dict[str, str]) -> str | None:
    # http.cookies gives up at the first cookie of another service on this machine that it does not like.
    return cookie_parser(headers.get("cookie", "")).get(COOKIE)
