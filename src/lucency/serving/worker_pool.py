"""Processes that answer for films: started, fed one film at a time, ended when they hang or die, and started again."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from lucency.errors import LucencyError
from lucency.serving.settings import ServeSettings
from lucency.serving.worker import FilmLostError, FilmReply, Worker

_LOOK_SECONDS = 0.2
"""How often an idle worker's thread looks whether it shall stop, or take a new model."""

Listener = Callable[[str, Mapping[str, Any]], None]
"""Hears what became of workers: "worker_ready" or "worker_ended", with facts."""


class PoolBusyError(LucencyError):
    """As many films wait for a worker as may, or the service is stopping."""


@dataclass
class _Job:
    film: bytes
    asked: Mapping[str, Any]
    future: Future[FilmReply] = field(default_factory=Future)


class FilmPool:
    """Workers and the films that wait for them.

    Args:
        settings: How many, and what they may take.
        model: Folder of the bundle that they answer with.
        listener: Hears of workers that start and end, in a thread of the pool.

    Raises:
        BundleError: The bundle cannot be used.
        FilmLostError: Workers do not start.
    """

    def __init__(self, settings: ServeSettings, model: str, *, listener: Listener | None = None):
        self._settings, self._model, self._listener = settings, model, listener
        self._jobs: queue.Queue[_Job] = queue.Queue()
        self._lock = threading.Lock()
        self._open = 0
        self._version = 0
        self._stopping = False
        self._ready = 0
        self._renewed = threading.Condition(self._lock)
        self._versions: dict[int, int] = {}
        # The first tells whether the bundle can be used at all, before a port is bound.
        workers = [Worker(settings, model)]
        try:
            workers += [Worker(settings, model) for _ in range(settings.workers - 1)]
        except LucencyError:
            for worker in workers:
                worker.end()
            raise
        self._threads = [
            threading.Thread(target=self._work, args=(number, worker), name=f"worker-{number}", daemon=True)
            for number, worker in enumerate(workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """Films that wait for a worker, or are in one."""
        return self._open

    @property
    def ready(self) -> int:
        """Workers that can answer."""
        return self._ready

    def submit(self, film: bytes, asked: Mapping[str, Any]) -> Future[FilmReply]:
        """Has a film answered.

        Args:
            film: The bytes of its file.
            asked: As of `film_worker.answer`.

        Returns:
            The answer to come, or a FilmLostError.

        Raises:
            PoolBusyError: Too many films wait, or the pool is stopping.
        """
        job = _Job(film, dict(asked))
        with self._lock:
            if self._stopping:
                raise PoolBusyError("the service is stopping")
            if self._open >= self._settings.limits.waiting + self._settings.workers:
                raise PoolBusyError(f"{self._open} films are waiting already")
            self._open += 1
            self._jobs.put(job)
        job.future.add_done_callback(lambda _: self._done(job))
        return job.future

    def _done(self, job: _Job) -> None:
        # A film that is given up gives back its place and its memory, though a busy worker comes to it only later.
        job.film = b""
        with self._lock:
            self._open -= 1

    def renew(self, model: str, seconds: float = 120.0) -> bool:
        """Has every worker replaced by one of another bundle, each between two films.

        Args:
            model: Folder of the bundle.
            seconds: Longest time to wait until all are replaced.

        Returns:
            Whether all were; the others take the new bundle after their film.

        Raises:
            BundleError: The bundle cannot be used; the workers go on with theirs.
            FilmLostError: A worker does not start; they go on with theirs.
        """
        Worker(self._settings, model).end()
        with self._lock:
            self._model, self._version = model, self._version + 1
            wanted = self._version
        with self._renewed:
            return self._renewed.wait_for(
                lambda: len(self._versions) == len(self._threads) and min(self._versions.values()) >= wanted, seconds
            )

    def stop(self, seconds: float) -> None:
        """Lets the films that wait be answered, and ends the workers.

        Args:
            seconds: Longest time to wait for them.
        """
        with self._lock:
            self._stopping = True
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _work(self, number: int, worker: Worker | None) -> None:
        version = 0
        self._tell("worker_ready", number, version)
        while True:
            with self._lock:
                model, wanted, stopping = self._model, self._version, self._stopping
            if stopping and self._jobs.empty():
                break
            if worker is None or version != wanted:
                fresh = self._started(model)
                if fresh is not None:
                    if worker is not None:
                        worker.end()
                        self._tell("worker_ended", number, version, reason="renewed")
                    worker, version = fresh, wanted
                    self._tell("worker_ready", number, version)
                elif worker is None:
                    time.sleep(1)
                    continue
            try:
                job = self._jobs.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                continue
            worker = self._answer(number, version, worker, job)
        if worker is not None:
            worker.end()
            self._tell("worker_ended", number, version, reason="stopped")

    def _answer(self, number: int, version: int, worker: Worker, job: _Job) -> Worker | None:
        """The worker that is there afterwards, or None where it was lost."""
        current: Worker | None = worker
        if not job.future.set_running_or_notify_cancel():
            return current
        for last in (False, True):
            assert current is not None
            try:
                job.future.set_result(current.answer(job.film, job.asked, self._settings.limits.film_seconds))
                return current
            except FilmLostError as lost:
                current.end()
                self._tell("worker_ended", number, version, reason=lost.code)
                # Something else may have ended it; a film that kills two of them is to blame.
                current = None if last or lost.code != "worker_died" else self._started(self._model)
                if current is None:
                    job.future.set_exception(lost)
                    return None
                self._tell("worker_ready", number, version)
        return current

    def _started(self, model: str) -> Worker | None:
        try:
            return Worker(self._settings, model)
        except (LucencyError, OSError):
            # No process or no file more: it is tried again.
            return None

    def _tell(self, event: str, number: int, version: int, **facts: Any) -> None:
        with self._renewed:
            self._ready += 1 if event == "worker_ready" else -1
            if event == "worker_ready":
                self._versions[number] = version
            self._renewed.notify_all()
        if self._listener is not None:
            self._listener(event, {"worker": number, **facts})
