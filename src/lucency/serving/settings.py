"""What `lucency serve` was asked for."""

from __future__ import annotations

import os
from dataclasses import dataclass

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Limits:
    """What one caller may take of the service.

    Attributes:
        body_bytes: Largest body of a request.
        films: Most films in a request.
        film_seconds: Longest time of a film in a worker; after it the worker is ended.
        body_seconds: Longest time until a body has arrived.
        header_seconds: Longest time from a connection, or the end of an answer, to the next request's headers.
        waiting: Films that may wait for a worker; above it the service says 503.
        worker_bytes: Memory that a worker may take on top of what its model needs.
        waiting_seconds: Longest time that a film waits for its answer; after it the service says 503.
        stop_seconds: Longest time that a stop waits for requests in flight.
        requests: Most requests at a time; four times as many connections may be open.
        bodies: How many of the largest bodies, or as much of smaller ones, may be in memory at a time.
        least_rate: Bytes a second that a caller must take of an answer.
        answer_bytes: Largest sum of the pictures in an answer.
    """

    body_bytes: int = 128 * MEGABYTE
    films: int = 32
    film_seconds: float = 30.0
    body_seconds: float = 60.0
    header_seconds: float = 15.0
    waiting: int = 64
    worker_bytes: int = 2_000 * MEGABYTE
    waiting_seconds: float = 90.0
    stop_seconds: float = 30.0
    requests: int = 256
    bodies: int = 8
    least_rate: float = 1_000.0
    answer_bytes: int = 256 * MEGABYTE


@dataclass(frozen=True)
class ServeSettings:
    """How the service runs.

    Attributes:
        model: Bundle, its folder, or the name of a model in the box; the default model where None.
        host: Address to bind.
        port: Port to bind; 0 for any that is free.
        workers: Processes that decode and answer.
        threads: Of ONNX Runtime in each of them.
        token: What a caller must show; None where nobody is asked.
        limits: What one caller may take.
    """

    model: str | None = None
    host: str = "127.0.0.1"
    port: int = 7860
    workers: int = 1
    threads: int = 1
    token: str | None = None
    limits: Limits = Limits()

    @property
    def films(self) -> int:
        """Most films in a request: no more than may wait and be answered at a time, or it would never be taken."""
        return min(self.limits.films, self.limits.waiting + self.workers)


def share_cores(workers: int | None, cores: int | None = None) -> tuple[int, int]:
    """Workers, and threads of each, that together take the cores.

    Args:
        workers: As wished; None for one for each core.
        cores: To share; those this process may run on where None.
    """
    if cores is None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = workers or cores
    return workers, max(1, cores // workers)
