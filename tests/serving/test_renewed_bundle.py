"""Another bundle for a service that runs: asked for, put in place unasked, or damaged. No answer is lost or crossed."""

from __future__ import annotations

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from service_process import Serve, logit_of, png, until
from small_bundle import MIDDLE, small_bundle


def test_a_hangup_brings_the_new_model_without_a_lost_request(serve: Serve, tmp_path: Path) -> None:
    first = small_bundle(tmp_path / "first")
    second = small_bundle(tmp_path / "second", middle=MIDDLE - 20)
    link = tmp_path / "model"
    link.symlink_to(first.folder)
    served = serve("--workers", "2", model=link)
    served.logged("serving")
    stop, seen = threading.Event(), []

    def ask() -> None:
        with served.client() as client:
            while not stop.is_set():
                answer = client.post("/v1/predictions", content=png(128))
                assert answer.status_code == 200, answer.text
                (entry,) = answer.json()["predictions"]
                seen.append((entry["bundle"], round(entry["logit"], 3)))

    with ThreadPoolExecutor(3) as pool:
        lanes = [pool.submit(ask) for _ in range(3)]
        until("the first answers", lambda: len(seen) > 5)
        link.unlink()
        link.symlink_to(second.folder)
        served.process.send_signal(signal.SIGHUP)
        assert served.logged("model_renewed")["model"] == second.identity
        count = len(seen)
        until("the second answers", lambda: len(seen) > count + 6)
        stop.set()
        for lane in lanes:
            lane.result(20)
    # Each film was answered by one of the two, and said which.
    assert set(seen) == {(first.identity, 0.0), (second.identity, 1.0)}
    assert seen[-1][0] == second.identity
    with served.client() as client:
        assert client.get("/v1/model").json()["bundle"] == second.identity

    link.unlink()
    link.symlink_to(tmp_path / "nothing")
    served.process.send_signal(signal.SIGHUP)
    kept = served.logged("model_kept")
    assert (kept["model"], kept["reason"]) == (second.identity, "BundleError")
    assert str(link) in kept["error"]
    assert logit_of(served, 128) == pytest.approx(1, abs=1e-4)


def test_a_bundle_exchanged_in_place_never_answers_unannounced(serve: Serve, tmp_path: Path) -> None:
    old = small_bundle(tmp_path / "model")
    served = serve(model=old.folder)
    assert logit_of(served, 128) == pytest.approx(0, abs=1e-4)
    new = small_bundle(old.folder, middle=MIDDLE - 20)
    (worker,) = served.workers
    worker.kill()
    with served.client() as client:
        (entry,) = client.post("/v1/predictions", content=png(128)).json()["predictions"]
        assert (entry["bundle"], entry["logit"]) == (new.identity, pytest.approx(1, abs=1e-4))
        assert client.get("/v1/model").json()["bundle"] == new.identity
    assert served.logged("bundle_changed")["level"] == "warning"
    assert served.logged("model_renewed")["model"] == new.identity


def test_a_worker_that_does_not_start_is_not_started_again_and_again(serve: Serve, tmp_path: Path) -> None:
    bundle = small_bundle(tmp_path / "model")
    served = serve(model=bundle.folder)
    served.logged("serving")
    whole = bundle.model_path.read_bytes()
    bundle.model_path.write_bytes(b"")
    (worker,) = served.workers
    worker.kill()
    with ThreadPoolExecutor(1) as pool:
        # The worker's end is only seen when a film is given to it; that film waits for another.
        asked = pool.submit(logit_of, served, 148)
        failed = served.logged("worker_failed")
        assert failed["level"] == "warning"
        assert str(bundle.folder) in failed["error"]
        time.sleep(2)
        assert sum(line["event"] == "worker_failed" for line in served.lines) == 1
        bundle.model_path.write_bytes(whole)
        assert asked.result(20) == pytest.approx(1, abs=1e-4)
