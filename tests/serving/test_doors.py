"""How a person gets in with a real browser, and what callers cannot take who were not let in or do not read."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from concurrent.futures import Future, ThreadPoolExecutor
from io import StringIO
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from fastapi import Request
from service_process import Serve, Served

from lucency.serving import run
from lucency.serving.access import Access, chosen_token, is_loopback
from lucency.serving.answers import answered
from lucency.serving.guard import Guard
from lucency.serving.logs import ServiceLog
from lucency.serving.measures import Measures
from lucency.serving.problems import ProblemError
from lucency.serving.settings import Limits, ServeSettings
from lucency.serving.web import build_app
from lucency.serving.worker import FilmReply

if TYPE_CHECKING:
    from playwright.sync_api import Browser

TOKEN = "correct-horse-battery"


def test_a_person_gets_in_with_a_browser(serve: Serve, browser: Browser) -> None:
    served = serve(env={"LUCENCY_TOKEN": TOKEN})
    context = browser.new_context()
    try:
        page, said = context.new_page(), []
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("response", lambda answer: said.append(f"{answer.status} {answer.url}") if answer.status > 399 else 0)
        page.goto(served.url)
        page.get_by_label("Token").fill(TOKEN)
        page.keyboard.press("Enter")
        page.wait_for_selector("body[data-ready]")
        assert said == []
        (cookie,) = context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"], cookie["secure"]) == (True, "Strict", False)
        page.get_by_role("button", name="Log out").press("Enter")
        page.wait_for_url("**/login")
        assert (said, context.cookies()) == ([], [])
        page.goto(served.url)
        assert page.url == f"{served.url}/login"
        assert page.get_by_label("Token").is_visible()
    finally:
        context.close()


def test_behind_a_proxy_with_tls_the_cookie_is_for_tls_alone(serve: Serve) -> None:
    served = serve(env={"LUCENCY_TOKEN": TOKEN})
    with served.client(headers={"host": "radiology.example", "origin": "https://radiology.example"}) as client:
        assert "secure" in client.post("/login", data={"token": TOKEN}).headers["set-cookie"].lower()


def test_cookies_of_other_services_do_not_hide_ours() -> None:
    access = Access(TOKEN)
    cookie = f'other={{"a": 1}}; lucency_session={access.begin_session(TOKEN)}'
    assert asked(None, access, "/nothing", headers={"cookie": cookie})["status"] == 404
    assert asked(None, access, "/nothing", headers={"cookie": 'other={"a": 1}'})["status"] == 401


@pytest.mark.parametrize("name", ["127.radiology.example", "127.0.0.1.radiology.example", "127.0.0.256"])
def test_a_name_that_begins_like_the_loopback_address_is_none(served: Served, name: str) -> None:
    assert not is_loopback(name)
    with served.client() as client:
        assert client.get("/v1/model", headers={"host": f"{name}:7860"}).status_code == 421
    with pytest.raises(Exception, match="anybody"):
        chosen_token(name, environment=None, file=None, without=False)


def test_nobody_fills_the_memory_before_he_has_shown_the_token(serve: Serve) -> None:
    served = serve(env={"LUCENCY_TOKEN": TOKEN})
    with served.client() as client:
        answer = client.post("/login", content=b"token=" + b"x" * 20_000)
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_all_callers_together_fill_no_more_memory_than_they_may() -> None:
    limits = Limits(body_bytes=1000, bodies=2)
    assert asked(limits, Access(None), "/login", body=[b"x" * 900])["status"] == 401
    whole = asked(limits, Access(None), "/login", body=[b"x" * 900], others=[b"x" * 900] * 2)
    assert (whole["status"], whole["retry-after"]) == (503, "2")
    # What is answered is given back.
    assert whole["afterwards"] == 0


def test_no_answer_holds_more_pictures_than_it_may() -> None:
    films: list[Future[FilmReply]] = []

    def submit(film: bytes, wanted: dict[str, Any]) -> Future[FilmReply]:
        films.append(Future())
        if len(films) <= 3:
            films[-1].set_result(FilmReply({"prediction": {}}, {"overlay": film}, 0.1))
        return films[-1]

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(60)
        return {}

    settings = ServeSettings(limits=Limits(answer_bytes=2_500_000))
    service: Any = SimpleNamespace(pool=SimpleNamespace(submit=submit), settings=settings)
    request = Request({"type": "http"}, receive)
    with ThreadPoolExecutor(1) as apart:
        ask = apart.submit(lambda: asyncio.run(answered(request, service, [b"x" * 1_000_000] * 6, {})))
        with pytest.raises(ProblemError) as refused:
            ask.result(20)
    assert (refused.value.code, refused.value.kind.status) == ("answer_too_large", 413)
    assert "fewer overlays" in refused.value.detail
    # Nobody makes those any more that were not begun.
    assert [film.cancelled() for film in films] == [False] * 3 + [True] * 3


def test_a_caller_who_leaves_in_the_middle_of_a_body_is_no_fault_of_the_service(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.port)) as line:
        line.sendall(b"POST /v1/predictions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc")
        time.sleep(0.3)
    end = time.monotonic() + 10
    while not (found := [one for one in served.lines if one.get("code") == "client_gone"]):
        assert time.monotonic() < end
        time.sleep(0.02)
    assert (found[0]["status"], found[0]["level"]) == (499, "info")


def test_what_nobody_thought_of_is_a_problem_without_its_words() -> None:
    answer = asked(None, Access(None), "/v1/model")
    assert (answer["status"], answer["content-type"]) == (500, "application/problem+json")
    assert b'"code":"internal"' in answer["body"].replace(b" ", b"")
    assert b"Doe" not in answer["body"]


def test_a_caller_who_reads_nothing_is_left(serve: Serve) -> None:
    served = serve("--patience", "1")
    served.logged("serving")
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect(("127.0.0.1", served.port))
        line.settimeout(10)
        ours = line.getsockname()[1]
        with contextlib.suppress(OSError):
            # 20 MB of answers, more than the system keeps for a reader.
            for _ in range(80):
                line.sendall(b"GET /login HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100)
                time.sleep(0.05)
        end = time.monotonic() + 15
        while served.port in {one.laddr.port for one in psutil.net_connections("tcp") if one.raddr[1:] == (ours,)}:
            assert time.monotonic() < end
            time.sleep(0.1)
    with served.client() as client:
        assert client.get("/healthz").status_code == 200


def test_a_slow_reader_gets_all_of_it() -> None:
    class Transport:
        left, ended = 100_000, False

        def get_write_buffer_size(self) -> int:
            return self.left

        def abort(self) -> None:
            self.ended = True

    protocol: Any = object.__new__(run._PatientProtocol)
    waiting: list[Any] = []
    protocol.transport, protocol._reading = Transport(), None
    protocol.loop = SimpleNamespace(
        call_later=lambda seconds, call, *given: waiting.append((call, given)) or SimpleNamespace(cancel=lambda: None)
    )
    protocol._look_later()
    for left in (80_000, 60_000, 40_000):
        protocol.transport.left = left
        call, given = waiting.pop()
        call(*given)
        assert not protocol.transport.ended
    protocol.transport.left = 39_000
    call, given = waiting.pop()
    call(*given)
    assert protocol.transport.ended


def asked(
    limits: Limits | None,
    access: Access,
    path: str,
    *,
    headers: dict[str, str] | None = None,
    body: list[bytes] | None = None,
    others: list[bytes] | None = None,
) -> dict[str, Any]:
    """What the guarded application answers, while the bodies of others are in memory."""

    class Broken:
        settings = ServeSettings(token=TOKEN if not access.open else None, limits=limits or Limits())
        measures, stopping = Measures(lambda: 0, lambda: 1, lambda: 0), False

        @property
        def card(self) -> Any:
            raise KeyError("Doe^Jane")

    service: Any = Broken()
    guard = Guard(build_app(service, access), service.settings, access, ServiceLog(StringIO()), service.measures)
    found: dict[str, Any] = {"body": b""}

    async def talk() -> None:
        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                found["status"] = message["status"]
                found.update({name.decode().lower(): value.decode() for name, value in message["headers"]})
            found["body"] += message.get("body", b"")

        def scope() -> dict[str, Any]:
            given = {"host": "localhost", **(headers or {})}
            return {
                "type": "http", "method": "GET" if body is None else "POST", "path": path, "raw_path": path.encode(),
                "query_string": b"", "headers": [(k.encode(), v.encode()) for k, v in given.items()], "root_path": "",
                "http_version": "1.1", "scheme": "http", "client": None, "server": None,
            }  # fmt: skip

        async def spoken(parts: list[bytes], *, unfinished: bool) -> Any:
            left = list(parts)

            async def receive() -> dict[str, Any]:
                if not left:
                    await asyncio.sleep(60)
                return {"type": "http.request", "body": left.pop(0), "more_body": unfinished or bool(left)}

            return receive

        waiting = []
        for other in others or ():
            waiting.append(asyncio.create_task(guard(scope(), await spoken([other], unfinished=True), quiet)))
        await asyncio.sleep(0.05)
        await guard(scope(), await spoken(body or [b""], unfinished=False), send)
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        found["afterwards"] = guard._held

    async def quiet(message: Any) -> None:
        pass

    # The browser of other tests has a loop of its own in this thread.
    with ThreadPoolExecutor(1) as apart:
        apart.submit(lambda: asyncio.run(talk())).result()
    return found
