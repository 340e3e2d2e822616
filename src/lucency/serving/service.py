"""The service behind both doors: the model that answers, its workers, its counters and its log."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from typing import Any

from lucency.bundle import read_bundle
from lucency.card import Card
from lucency.errors import LucencyError
from lucency.serving.logs import ServiceLog
from lucency.serving.measures import Measures
from lucency.serving.settings import ServeSettings
from lucency.serving.worker import FilmLostError, FilmReply
from lucency.serving.worker_pool import FilmPool


class Service:
    """One model and its workers.

    Args:
        settings: How it runs.
        log: Where it writes.

    Raises:
        LucencyError: The bundle cannot be used, or workers do not start.
    """

    def __init__(self, settings: ServeSettings, log: ServiceLog):
        self.settings, self.log = settings, log
        self.measures = Measures(lambda: self.pool.waiting, lambda: self.pool.ready, lambda: self.log.lost)
        bundle = read_bundle(settings.model)
        self.card: Card = bundle.card
        self.identity: str = bundle.identity
        self.stopping = False
        self._usual_seconds = 0.2
        self._cards = {self.identity: self.card}
        self._renewing, self._asked_again = threading.Lock(), threading.Event()
        self.pool = FilmPool(settings, str(bundle.folder), self.identity, listener=self._heard)
        self.measures.model.labels(self.identity).set(1)

    def card_of(self, reply: FilmReply) -> Card:
        """The card of the bundle that gave a prediction: while a model is renewed, workers have two."""
        return self._cards.get(reply.said["prediction"]["bundle"], self.card)

    def count(self, reply: FilmReply | FilmLostError) -> None:
        """Counts one answer, or the loss of one."""
        if isinstance(reply, FilmLostError):
            self.measures.films.labels(reply.code).inc()
            return
        said = reply.said
        outcome = said["error"]["code"] if "error" in said else said["prediction"]["decision"]
        self.measures.films.labels(outcome).inc()
        self.measures.film_seconds.observe(reply.seconds)
        self._usual_seconds += 0.1 * (reply.seconds - self._usual_seconds)

    def wait_seconds(self) -> int:
        """After how many seconds a caller who was sent away may try again."""
        return max(1, math.ceil(self.pool.waiting * self._usual_seconds / self.settings.workers))

    def renew(self) -> None:
        """Reads the model again and has it answer from the next film on; where it cannot be used, the old one does."""
        # Who asks while it is being read asks for what lies there now, which may be newer than what was read.
        self._asked_again.set()
        while self._asked_again.is_set() and self._renewing.acquire(blocking=False):
            try:
                self._asked_again.clear()
                self._renew()
            finally:
                self._renewing.release()

    def _renew(self) -> None:
        try:
            bundle = read_bundle(self.settings.model)
            self._cards = {self.identity: self.card, bundle.identity: bundle.card}
            whole = self.pool.renew(str(bundle.folder), bundle.identity)
        except LucencyError as error:
            self.log.line("model_kept", level="error", model=self.identity, reason=type(error).__name__,
                          error=str(error))  # fmt: skip
            return
        self.measures.model.clear()
        self.card, self.identity = bundle.card, bundle.identity
        self.measures.model.labels(self.identity).set(1)
        self.log.line("model_renewed", level="info" if whole else "warning", model=self.identity)

    def stop(self) -> None:
        """Lets what is in flight be answered, takes nothing new, and ends the workers."""
        self.stopping = True
        self.pool.stop(self.settings.limits.stop_seconds)

    def _heard(self, event: str, facts: Mapping[str, Any]) -> None:
        reason = facts.get("reason")
        if event == "worker_ended":
            self.measures.workers_ended.labels(reason).inc()
        usual = reason in (None, "stopped", "renewed")
        self.log.line(event, level="info" if usual else "warning", **facts)
        if event == "bundle_changed" and not self._renewing.locked():
            # What lies there now shall answer under its own name, and be told of at /v1/model.
            threading.Thread(target=self.renew, name="renew", daemon=True).start()
