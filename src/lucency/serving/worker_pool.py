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

_AGAIN_SECONDS = 3.0
"""Until a worker that did not start is started again."""

Listener = Callable[[str, Mapping[str, Any]], None]
"""Hears what became of workers: "worker_ready", "worker_ended", "worker_failed" where one did not start, and
"bundle_changed" where it did with another bundle than it should; with facts."""


class PoolBusyError(LucencyError):
    """As many films wait for a worker as may, or the service is stopping."""


class ChangedBundleError(LucencyError):
    """The folder holds another bundle than the one that was read there."""


@dataclass
class _Job:
    film: bytes
    asked: Mapping[str, Any]
    future: Future[FilmReply] = field(default_factory=Future)
    tried: bool = False


@dataclass(frozen=True)
class _Model:
    folder: str
    identity: str
    version: int = 0


class FilmPool:
    """Workers and the films that wait for them.

    Args:
        settings: How many, and what they may take.
        model: Folder of the bundle that they answer with.
        identity: Of that bundle; a worker that finds another there is not taken.
        listener: Hears of workers that start and end, in a thread of the pool.

    Raises:
        BundleError: The bundle cannot be used.
        ChangedBundleError: It is another one.
        FilmLostError: Workers do not start.
    """

    def __init__(self, settings: ServeSettings, model: str, identity: str, *, listener: Listener | None = None):
        self._settings, self._model, self._listener = settings, _Model(model, identity), listener
        self._jobs: queue.Queue[_Job] = queue.Queue()
        self._lock = threading.Lock()
        self._open = 0
        self._stopping = False
        self._ready = 0
        self._renewed = threading.Condition(self._lock)
        self._versions: dict[int, int] = {}
        # The first tells whether the bundle can be used at all, before a port is bound.
        workers: list[Worker] = []
        try:
            for _ in range(settings.workers):
                workers.append(self._started(self._model))
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

    def renew(self, model: str, identity: str, seconds: float = 120.0) -> bool:
        """Has every worker replaced by one of another bundle, each between two films.

        Args:
            model: Folder of the bundle.
            identity: Of that bundle.
            seconds: Longest time to wait until all are replaced.

        Returns:
            Whether all were; the others take the new bundle after their film.

        Raises:
            BundleError: The bundle cannot be used; the workers go on with theirs.
            ChangedBundleError: It is another one; likewise.
            FilmLostError: A worker does not start; likewise.
        """
        self._started(_Model(model, identity)).end()
        with self._lock:
            wanted = self._model.version + 1
            self._model = _Model(model, identity, wanted)
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

    def _work(self, number: int, begun: Worker) -> None:
        worker: Worker | None = begun
        version = 0
        job: _Job | None = None
        failed: tuple[_Model, float] | None = None
        self._tell("worker_ready", number, version)
        while True:
            with self._lock:
                model, stopping = self._model, self._stopping
            if stopping and job is None and self._jobs.empty():
                break
            again = failed is None or failed[0] is not model or time.monotonic() >= failed[1]
            if again and (worker is None or version != model.version):
                fresh = self._tried(number, model)
                failed = (model, time.monotonic() + _AGAIN_SECONDS) if fresh is None else None
                if fresh is not None:
                    if worker is not None:
                        worker.end()
                        self._tell("worker_ended", number, version, reason="renewed")
                    worker, version = fresh, model.version
                    self._tell("worker_ready", number, version)
            if worker is None:
                time.sleep(_LOOK_SECONDS)
                continue
            job = job or self._next()
            if job is None:
                continue
            try:
                job.future.set_result(worker.answer(job.film, job.asked, self._settings.limits.film_seconds))
            except FilmLostError as lost:
                worker.end()
                worker = None
                self._tell("worker_ended", number, version, reason=lost.code)
                # Something else may have ended it; a film that kills two of them is to blame.
                if lost.code == "worker_died" and not job.tried:
                    job.tried = True
                    continue
                job.future.set_exception(lost)
            job = None
        if worker is not None:
            worker.end()
            self._tell("worker_ended", number, version, reason="stopped")

    def _next(self) -> _Job | None:
        try:
            job = self._jobs.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            return None
        return job if job.future.set_running_or_notify_cancel() else None

    def _started(self, model: _Model) -> Worker:
        worker = Worker(self._settings, model.folder)
        if worker.identity != model.identity:
            worker.end()
            raise ChangedBundleError("the bundle was changed in place", hint="Exchange it as a whole, by a link")
        return worker

    def _tried(self, number: int, model: _Model) -> Worker | None:
        try:
            return self._started(model)
        except (LucencyError, OSError) as error:
            # No process or no file more, or a bundle that is being exchanged: it is tried again.
            event = "bundle_changed" if isinstance(error, ChangedBundleError) else "worker_failed"
            self._hear(event, number, reason=type(error).__name__, error=str(error))
            return None

    def _tell(self, event: str, number: int, version: int, **facts: Any) -> None:
        with self._renewed:
            self._ready += 1 if event == "worker_ready" else -1
            if event == "worker_ready":
                self._versions[number] = version
            self._renewed.notify_all()
        self._hear(event, number, **facts)

    def _hear(self, event: str, number: int, **facts: Any) -> None:
        if self._listener is not None:
            self._listener(event, {"worker": number, **facts})
