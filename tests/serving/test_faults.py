"""What happens to answers when something dies, hangs, leaves or fills up: none is lost, and none is another's."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest
from service_process import Serve, Served, logit_of, png, slow_png, until
from small_bundle import MIDDLE, STEP

from lucency.bundle import Bundle

SLOW = slow_png()


def busy(served: Served) -> bool:
    with served.client() as client:
        return re.search(r"^lucency_films_open [1-9]", client.get("/metrics").text, re.MULTILINE) is not None


def test_a_worker_that_is_killed_costs_no_answer(serve: Serve) -> None:
    served = serve()
    with served.client() as client, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.post, "/v1/predictions", content=SLOW)
        until("the film is in a worker", lambda: busy(served))
        (worker,) = served.workers
        worker.kill()
        answer = asked.result(60)
        assert answer.status_code == 200
        assert answer.json()["predictions"][0]["film"]["width"] == 10_000
        ended = served.logged("worker_ended")
        assert (ended["reason"], ended["level"]) == ("worker_died", "warning")
        assert worker.pid not in {one.pid for one in served.workers}
        assert 'lucency_workers_ended_total{reason="worker_died"} 1.0' in client.get("/metrics").text


def test_a_worker_that_died_between_films_costs_no_answer(serve: Serve) -> None:
    served = serve()
    served.logged("serving")
    for _ in range(2):
        (worker,) = served.workers
        worker.kill()
        until("it is dead", lambda: worker.status() == psutil.STATUS_ZOMBIE)  # noqa: B023
        assert logit_of(served, 148) == pytest.approx((148 - MIDDLE) / STEP, abs=1e-4)


def test_a_film_that_takes_too_long_is_given_up_and_the_next_is_answered(serve: Serve) -> None:
    served = serve("--film-seconds", "1")
    with served.client() as client:
        (worker,) = served.workers
        worker.suspend()
        answer = client.post("/v1/predictions", content=png(100))
        assert (answer.status_code, answer.json()["code"]) == (422, "film_time_limit")
        assert client.post("/v1/predictions", content=png(100)).status_code == 200
    assert not worker.is_running()
    assert served.logged("worker_ended")["reason"] == "film_time_limit"


def test_a_film_that_wants_too_much_memory_is_refused_and_the_next_is_answered(serve: Serve) -> None:
    served = serve("--worker-memory", "150")
    with served.client() as client:
        answer = client.post("/v1/predictions", content=SLOW)
        assert answer.status_code == 422
        assert answer.json()["code"] in ("too_large", "worker_died")
    assert logit_of(served, 100) == pytest.approx((100 - MIDDLE) / STEP, abs=1e-4)


def test_above_what_may_wait_it_says_when_to_come_again(serve: Serve) -> None:
    served = serve("--waiting", "1")
    with served.client() as client, ThreadPoolExecutor(12) as pool:
        (worker,) = served.workers
        worker.suspend()
        asked = [pool.submit(client.post, "/v1/predictions", content=png(100 + n)) for n in range(12)]
        until("most are sent away", lambda: sum(one.done() for one in asked) == 10)
        worker.resume()
        answers = [one.result(30) for one in asked]
    assert sorted(answer.status_code for answer in answers) == [200] * 2 + [503] * 10
    for answer in answers:
        if answer.status_code == 503:
            assert answer.json()["code"] == "busy"
            assert int(answer.headers["retry-after"]) >= 1
    for grey, answer in zip(range(100, 112), answers, strict=True):
        if answer.status_code == 200:
            assert answer.json()["predictions"][0]["logit"] == pytest.approx((grey - MIDDLE) / STEP, abs=1e-4)


def test_more_films_than_may_ever_wait_are_too_many(serve: Serve) -> None:
    served = serve("--waiting", "1")
    with served.client() as client:
        answer = client.post("/v1/predictions", files=[("films", png(100 + n)) for n in range(3)])
        assert (answer.status_code, answer.json()["code"]) == (422, "too_many_films")
        assert "2 films" in answer.json()["detail"]
        answer = client.post("/v1/predictions", files=[("films", png(100 + n)) for n in range(2)])
        assert answer.status_code == 200


@pytest.mark.parametrize("address", ["/v1/predictions", "/page/films"])
def test_a_caller_who_leaves_takes_nothing_with_him(serve: Serve, address: str) -> None:
    served = serve()
    head = f"POST {address} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(SLOW)}\r\n\r\n".encode()
    for sent in (SLOW[: len(SLOW) // 2], SLOW):
        with socket.create_connection(("127.0.0.1", served.port)) as line:
            line.sendall(head + sent)
    assert logit_of(served, 100) == pytest.approx((100 - MIDDLE) / STEP, abs=1e-4)
    gone = "both were missed"
    until(gone, lambda: sum(line.get("code") == "client_gone" for line in served.lines) == 2)
    until("nothing waits", lambda: not busy(served))


def test_a_stop_answers_what_is_in_flight(serve: Serve) -> None:
    served = serve("--workers", "2")
    served.logged("serving")
    greys = range(60, 100)
    answers: dict[int, httpx.Response] = {}
    refused: list[int] = []
    begun = threading.Barrier(9)

    def ask(lane: int) -> None:
        with served.client() as client:
            begun.wait(10)
            for grey in greys[lane::8]:
                try:
                    answers[grey] = client.post("/v1/predictions", content=png(grey))
                except httpx.TransportError:
                    refused.append(grey)

    lanes = [threading.Thread(target=ask, args=(lane,)) for lane in range(8)]
    for lane in lanes:
        lane.start()
    begun.wait(10)
    until("some are answered", lambda: len(answers) > 8)
    served.process.send_signal(signal.SIGTERM)
    for lane in lanes:
        lane.join(30)
    assert served.process.wait(30) == 0
    assert len(answers) + len(refused) == len(greys)
    for grey, answer in answers.items():
        assert answer.status_code in (200, 503)
        if answer.status_code == 200:
            assert answer.json()["predictions"][0]["logit"] == pytest.approx((grey - MIDDLE) / STEP, abs=1e-4)
    served.reader.join(5)
    lines = [line for line in served.lines if line["event"] == "request"]
    # Whoever was let in was answered.
    assert sum(line["status"] == 200 for line in lines) == sum(a.status_code == 200 for a in answers.values())
    assert served.logged("signal")["signal"] == "SIGTERM"
    assert served.lines[-1]["event"] == "stopped"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_when_the_service_dies(serve: Serve, tmp_path: Path, number: signal.Signals) -> None:
    served = serve(env={"TMPDIR": str(tmp_path)})
    served.logged("serving")
    (private,) = tmp_path.glob("lucency-*")
    assert private.stat().st_mode & 0o077 == 0
    (private / "film").write_bytes(png(100))
    workers = served.workers
    with ThreadPoolExecutor(1) as pool, served.client() as client:
        asked = pool.submit(client.post, "/v1/predictions", content=SLOW)
        until("the film is in a worker", lambda: busy(served))
        served.process.send_signal(number)
        if number == signal.SIGKILL:
            with pytest.raises(httpx.TransportError):
                asked.result(30)
        else:
            assert asked.result(30).status_code == 200
            assert served.process.wait(30) == 0
    until("the folder is gone", lambda: not private.exists())
    until("the workers are gone", lambda: not any(psutil.pid_exists(worker.pid) for worker in workers), 40)


def test_films_are_answered_while_the_disk_is_full(bright: Bundle, tmp_path: Path) -> None:
    """Neither the folder for temporary files nor the log can take another byte."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder = tmp_path / "full"
    folder.mkdir()
    # In a mount namespace of its own, the folder is a disk of 64 kB.
    apart = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    mount = 'mount -t tmpfs -o size=64k none "$1"'
    if shutil.which("unshare") is None or subprocess.run([*apart, mount, "sh", folder], check=False).returncode:
        pytest.skip("this user may not mount a file system of his own")
    script = f'{mount} && {{ head -c 1M /dev/zero 2>/dev/null >"$1/rest"; shift; exec "$@" 2>/dev/full; }}'
    lucency = str(Path(sys.executable).with_name("lucency"))
    command = [lucency, "serve", "--port", str(port), "--workers", "1", "--model", str(bright.folder)]
    process = subprocess.Popen(
        [*apart, script, "sh", str(folder), *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as client:
            until("the service answers", lambda: ready(client), 60)
            films = [("films", ("a", png(100))), ("films", ("b", SLOW)), ("films", ("c", b"\0" * 5_000_000))]
            entries = client.post("/v1/predictions", files=films).json()["predictions"]
            assert ["error" in entry for entry in entries] == [False, False, True]
            assert client.post("/page/films", content=png(100)).status_code == 200
            (lost,) = re.findall(r"^lucency_log_lines_lost (.+)$", client.get("/metrics").text, re.MULTILINE)
            assert float(lost) >= 3
    finally:
        process.terminate()
        assert process.wait(30) == 0


def ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def test_films_touch_no_disk(serve: Serve, tmp_path: Path) -> None:
    folder = tmp_path / "full"
    folder.mkdir()
    served = serve(env={"TMPDIR": str(folder)})
    served.logged("serving")
    (private,) = folder.glob("lucency-*")
    os.chmod(private, 0o500)
    before = sorted(folder.rglob("*"))
    with served.client() as client:
        films = [("films", ("a", png(100))), ("films", ("b", SLOW)), ("films", ("c", b"\0" * 5_000_000))]
        entries = client.post("/v1/predictions", files=films).json()["predictions"]
    assert ["error" in entry for entry in entries] == [False, False, True]
    assert sorted(folder.rglob("*")) == before
