"""Requests that a program made up: from the OpenAPI document, and from films with changed bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
from benchmarks.mutated_uploads import mutated_uploads
from service_process import Served, png


def test_requests_made_up_from_the_document_meet_it(served: Served, tmp_path: Path) -> None:
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{served.url}/v1/openapi.json"),
        *("--max-examples", "25", "--seed", "1", "--no-color", "--generation-deterministic"),
        # Bytes that are no film are a valid request with a bad film.
        *("--exclude-checks", "positive_data_acceptance"),
    ]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "NO_PROXY": "*"},
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-9000:] + done.stderr[-1000:]
    assert "Tested: 5" in done.stdout
    assert not [line for line in served.lines if line.get("status", 0) >= 500]


def test_films_with_changed_bytes_are_answered_or_refused(served: Served) -> None:
    with served.client() as client:
        client.post("/v1/predictions", content=png(100))
        before = psutil.Process(served.process.pid).memory_info().rss
        outcome = mutated_uploads(client, 250, seed=5)
        after = psutil.Process(served.process.pid).memory_info().rss
        assert client.post("/v1/predictions", content=png(100)).status_code == 200
    assert sum(outcome.statuses.values()) == 250
    assert set(outcome.statuses) <= {200, 422}
    # Some changes leave a film that can still be read.
    assert min(outcome.statuses[200], outcome.statuses[422]) > 10
    assert after - before < 50_000_000
