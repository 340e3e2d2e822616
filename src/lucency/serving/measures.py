"""What the service counts, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE = CONTENT_TYPE_LATEST

_SECONDS = (0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6)


class Measures:
    """Counters of one service; labels come from closed lists, never from what a caller sent.

    Args:
        waiting: Gives the number of films in workers or waiting for them.
        ready: Gives the number of workers that can answer.
        lost: Gives the number of lines of the log that could not be written.
    """

    def __init__(self, waiting: Callable[[], int], ready: Callable[[], int], lost: Callable[[], int]):
        self._registry = registry = CollectorRegistry()
        self.requests = Counter(
            "lucency_requests",
            "Requests by route, method and status.",
            ("route", "method", "status"),
            registry=registry,
        )
        self.request_seconds = Histogram(
            "lucency_request_seconds", "Time of a request.", ("route",), buckets=_SECONDS, registry=registry
        )
        self.films = Counter(
            "lucency_films", "Films by decision, or by the code of the error.", ("outcome",), registry=registry
        )
        self.film_seconds = Histogram(
            "lucency_film_seconds", "Time of a film in a worker.", buckets=_SECONDS, registry=registry
        )
        self.workers_ended = Counter(
            "lucency_workers_ended", "Workers that ended, by reason.", ("reason",), registry=registry
        )
        Gauge("lucency_films_open", "Films in workers or waiting for them.", registry=registry).set_function(waiting)
        Gauge("lucency_workers_ready", "Workers that can answer.", registry=registry).set_function(ready)
        Gauge("lucency_log_lines_lost", "Lines of the log that could not be written.", registry=registry).set_function(
            lost
        )
        self.model = Gauge("lucency_model", "1 for the model that answers.", ("model",), registry=registry)

    def text(self) -> bytes:
        """All of them in Prometheus's text format."""
        return generate_latest(self._registry)
