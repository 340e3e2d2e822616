"""What the service lets nobody do: hosts, origins, tokens, sizes, patience, and what its log may hold."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from service_process import Serve, Served, png, starter
from typer.testing import CliRunner

from lucency.bundle import Bundle
from lucency.cli.main import app
from lucency.errors import LucencyError
from lucency.serving.access import chosen_token
from lucency.serving.logs import ServiceLog
from lucency.serving.settings import share_cores

TOKEN = "correct-horse-battery"


_CLOSED = """
import ctypes, os, subprocess
from lucency.serving.run import close_to_others
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
    # The system has just closed it by itself.
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
read = ["cat", f"/proc/{os.getpid()}/environ"]
for close in (lambda: None, close_to_others):
    close()
    print(subprocess.run(read, capture_output=True).returncode, flush=True)
"""
"""Has a child read the environment of its parent's start, before and after it is closed."""


@pytest.fixture(scope="module")
def locked(bright: Bundle) -> Iterator[Served]:
    with starter(bright) as start:
        running = start(env={"LUCENCY_TOKEN": TOKEN})
        running.logged("serving")
        yield running


@pytest.fixture(scope="module")
def narrow(bright: Bundle) -> Iterator[Served]:
    """A service with a small body limit and little patience."""
    with starter(bright) as start:
        running = start("--max-body", "1", "--patience", "2")
        running.logged("serving")
        yield running


def spoken(served: Served, *parts: bytes, wait: float = 0.0) -> bytes:
    """What a connection hears until it is closed, after each part was sent."""
    heard = b""
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as line:
        for part in parts:
            line.sendall(part)
            time.sleep(wait)
        try:
            while chunk := line.recv(65536):
                heard += chunk
        except ConnectionResetError:
            pass
    return heard


def test_another_name_for_this_machine_is_refused(served: Served) -> None:
    with served.client() as client:
        refused = client.get("/v1/model", headers={"host": "radiology.example:7860"})
        assert (refused.status_code, refused.json()["code"]) == (421, "wrong_host")
        assert client.get("/v1/model", headers={"host": f"localhost:{served.port}"}).status_code == 200


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}])
def test_pages_of_other_origins_cannot_send_films(served: Served, headers: dict[str, str]) -> None:
    with served.client() as client:
        refused = client.post("/v1/predictions", content=png(100), headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "wrong_origin")
        own = {"origin": served.url, "sec-fetch-site": "same-origin"}
        answer = client.post("/v1/predictions", content=png(100), headers=own)
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_every_answer_has_the_headers_that_protect_a_page(served: Served) -> None:
    with served.client() as client:
        for answer in (client.get("/healthz"), client.get("/nothing"), client.post("/v1/predictions")):
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "'unsafe-eval'" not in policy
            assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cache-control"] == "no-store"
            assert "server" not in answer.headers


class TestToken:
    def test_nothing_but_health_is_answered_without_it(self, locked: Served) -> None:
        with locked.client() as client:
            for path in ("/healthz", "/readyz", "/login"):
                assert client.get(path).status_code == 200
            for path in ("/v1/model", "/metrics", "/v1/openapi.json", "/nothing"):
                answer = client.get(path)
                assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), path
                assert answer.headers["www-authenticate"] == "Bearer"
            assert client.post("/v1/predictions", content=png(100)).status_code == 401

    @pytest.mark.parametrize("wrong", ["", "Bearer", "Bearer x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN])
    def test_a_wrong_one_is_no_token(self, locked: Served, wrong: str) -> None:
        with locked.client(headers={"authorization": wrong}) as client:
            assert client.get("/v1/model").status_code == 401

    def test_a_program_sends_it_as_a_bearer(self, locked: Served) -> None:
        with locked.client(headers={"authorization": f"Bearer {TOKEN}"}) as client:
            assert client.post("/v1/predictions", content=png(100)).status_code == 200
            # With a token the service may have any name.
            assert client.get("/v1/model", headers={"host": "radiology.example"}).status_code == 200

    def test_a_person_types_it_once(self, locked: Served) -> None:
        with locked.client() as client:
            wrong = client.post("/login", data={"token": "something else"})
            assert wrong.status_code == 401
            assert "That is not the token" in wrong.text
            right = client.post("/login", data={"token": TOKEN})
            assert (right.status_code, right.headers["location"]) == (303, "/")
            cookie = right.headers["set-cookie"].lower()
            assert "httponly" in cookie
            assert "samesite=strict" in cookie
            assert TOKEN not in cookie
            assert client.get("/v1/model").status_code == 200

    def test_it_stands_in_no_log_and_in_no_environment_of_a_worker(self, locked: Served) -> None:
        assert TOKEN not in "".join(locked.raw)
        for worker in locked.workers:
            assert TOKEN not in worker.environ().values()

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux closes a process to its own user")
    def test_no_worker_can_read_it_from_the_service(self) -> None:
        """The environment of its start, and its memory: the user of a worker is that of the service."""
        found = subprocess.run([sys.executable, "-c", _CLOSED], capture_output=True, text=True)
        assert found.stdout.split() == ["0", "1"], found.stderr

    def test_a_stranger_who_guesses_locks_nobody_out(self, bright: Bundle) -> None:
        with starter(bright) as start, start(env={"LUCENCY_TOKEN": TOKEN}).client() as client:
            tried = [client.post("/login", data={"token": "wrong"}).status_code for _ in range(21)]
            assert tried == [401] * 19 + [429] * 2
            assert client.post("/login", data={"token": TOKEN}).status_code == 303
            assert client.post("/login", data={"token": "wrong"}).json()["code"] == "too_many_tries"
            assert client.get("/v1/model").status_code == 200

    def test_a_session_can_be_ended(self, locked: Served) -> None:
        with locked.client() as client:
            client.post("/login", data={"token": TOKEN})
            session = client.cookies["lucency_session"]
            foreign = client.post("/logout", headers={"origin": "https://evil.example"})
            assert (foreign.status_code, foreign.json()["code"]) == (403, "wrong_origin")
            assert client.get("/logout").status_code == 405
            assert client.get("/v1/model").status_code == 200
            for _ in range(2):
                left = client.post("/logout")
                assert (left.status_code, left.headers["location"]) == (303, "/login")
                assert "lucency_session" not in client.cookies
            kept = {"cookie": f"lucency_session={session}"}
            assert client.get("/v1/model", headers=kept).status_code == 401
            assert client.post("/logout", content=b"x" * 20_000).status_code == 413

    def test_it_is_wanted_wherever_others_can_reach_the_service(self, tmp_path: Path) -> None:
        (tmp_path / "token").write_text(f"{TOKEN}\n")
        assert chosen_token("127.0.0.1", environment=None, file=None, without=False) is None
        assert chosen_token("::1", environment=TOKEN, file=None, without=False) == TOKEN
        assert chosen_token("0.0.0.0", environment=None, file=tmp_path / "token", without=False) == TOKEN
        assert chosen_token("0.0.0.0", environment=TOKEN, file=None, without=True) is None
        for environment in (None, "short", "with space in between it"):
            with pytest.raises(LucencyError, match=r"anybody|16 ASCII characters"):
                chosen_token("0.0.0.0", environment=environment, file=None, without=False)
        with pytest.raises(LucencyError, match="cannot be read"):
            chosen_token("0.0.0.0", environment=None, file=tmp_path / "none", without=False)

    def test_the_command_refuses_before_it_loads_a_model(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("LUCENCY_TOKEN", raising=False)
        refused = CliRunner().invoke(app, ["serve", "--host", "0.0.0.0"])
        assert isinstance(refused.exception, LucencyError)
        assert "--insecure-no-auth" in str(refused.exception)


class TestSize:
    def test_a_body_that_says_it_is_too_large_is_refused_unread(self, narrow: Served) -> None:
        begun = time.monotonic()
        head = b"POST /v1/predictions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000000000\r\n\r\n"
        answer = spoken(narrow, head)
        assert answer.startswith(b"HTTP/1.1 413")
        assert b"body_too_large" in answer
        assert time.monotonic() - begun < 1.5

    def test_one_that_does_not_say_is_refused_when_it_is(self, narrow: Served) -> None:
        sent = 0

        def chunks() -> Iterator[bytes]:
            nonlocal sent
            for _ in range(100):
                sent += 1
                yield b"\0" * 100_000

        with narrow.client() as client:
            try:
                answer = client.post("/v1/predictions", content=chunks())
                assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
            except httpx.WriteError:
                pass  # The service hung up while it was being sent.
        assert sent < 100
        with narrow.client() as client:
            assert client.post("/v1/predictions", content=png(100)).status_code == 200


class TestPatience:
    def test_headers_that_do_not_come_end_the_connection(self, narrow: Served) -> None:
        for parts in ((), (b"GET /healthz HTTP/1.1\r\nHost: local",), (b"G", b"E", b"T", b" ")):
            begun = time.monotonic()
            assert spoken(narrow, *parts, wait=0.3) == b""
            assert time.monotonic() - begun < 8

    def test_so_do_those_of_a_second_request(self, narrow: Served) -> None:
        first = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        begun = time.monotonic()
        assert spoken(narrow, first, b"GET /healthz HT", wait=0.3).count(b"HTTP/1.1 200") == 1
        assert time.monotonic() - begun < 8

    def test_a_body_that_trickles_is_given_up(self, narrow: Served) -> None:
        head = b"POST /v1/predictions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
        answer = spoken(narrow, head, b"a", b"b")
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"body_timeout" in answer


def test_a_busy_port_is_told_in_one_line(serve: Serve, served: Served) -> None:
    other = serve("--port", str(served.port))
    assert other.process.wait(20) == 1
    other.reader.join(5)
    (line,) = other.raw
    assert line.startswith(f"Error: 127.0.0.1:{served.port}: cannot be bound")


def test_a_bundle_that_is_none_is_told_in_one_line(serve: Serve, tmp_path: Path) -> None:
    other = serve(model=tmp_path)
    assert other.process.wait(20) == 6
    other.reader.join(5)
    assert len(other.raw) == 1
    assert other.raw[0].startswith("Error: ")


_LOUD = """
import threading, warnings
from lucency.serving.logs import ServiceLog
ServiceLog().take_over()
warnings.warn("Doe^Jane")
def fail():
    raise ValueError("Doe^Jane")
thread = threading.Thread(target=fail)
thread.start()
thread.join()
class Loud:
    def __del__(self):
        raise KeyError("Doe^Jane")
Loud()
"""


def test_warnings_and_errors_that_nothing_catches_come_by_kind_and_place_alone() -> None:
    said = subprocess.run([sys.executable, "-W", "always", "-c", _LOUD], capture_output=True, text=True).stderr
    lines = [json.loads(line) for line in said.splitlines()]
    assert [(one["level"], one["error"], one["reason"]) for one in lines] == [
        ("warning", "UserWarning", "<string>:5"),
        ("error", "ValueError", "<string>:7"),
        ("error", "KeyError", "<string>:13"),
    ]


def test_the_log_takes_known_facts_only() -> None:
    with pytest.raises(ValueError, match="file_name"):
        ServiceLog().line("request", file_name="Doe_Jane.dcm")


def test_workers_and_threads_share_the_cores() -> None:
    assert share_cores(None, 8) == (8, 1)
    assert share_cores(2, 8) == (2, 4)
    assert share_cores(3, 8) == (3, 2)
    assert share_cores(16, 8) == (16, 1)
