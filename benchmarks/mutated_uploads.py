"""Thousands of damaged films sent to a running service: it must answer or refuse each, live on, and not grow.

`python -m benchmarks.mutated_uploads [--films 10000] [--seed 0] [--model BUNDLE]`.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.film_mutations import MUTATIONS, damaged, whole_films
from benchmarks.running_service import running_service

if TYPE_CHECKING:
    import httpx

_CLIENTS = 4
_EARLY = 500


@dataclass
class Outcome:
    """What became of the uploads.

    Attributes:
        statuses: How many answers had which HTTP status.
        codes: How many problems had which code.
        slowest: Seconds of the slowest answer.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0


def mutated_uploads(client: httpx.Client, films: int, *, seed: int = 0, first: int = 0) -> Outcome:
    """Sends damaged films, as many of each kind and damage as can be, some at a time.

    Args:
        client: Of the service.
        films: How many.
        seed: Of the damage.
        first: Number of the first, so that a second call goes on.
    """
    whole = whole_films(seed)
    names, kinds = sorted(whole), sorted(MUTATIONS)
    outcome = Outcome()

    def send(number: int) -> tuple[int, str, float]:
        name, kind = names[number % len(names)], kinds[number // len(names) % len(kinds)]
        data = damaged(name, whole, kind, random.Random(f"{seed} {number}"))
        begun = time.perf_counter()
        answer = client.post("/v1/predictions", files={"films": (name, data)})
        seconds = time.perf_counter() - begun
        return answer.status_code, "" if answer.status_code == 200 else answer.json()["code"], seconds

    with ThreadPoolExecutor(_CLIENTS) as pool:
        for status, code, seconds in pool.map(send, range(first, first + films)):
            outcome.statuses[status] += 1
            outcome.codes[code] += 1
            outcome.slowest = max(outcome.slowest, seconds)
    return outcome


def main() -> None:
    """Sends them and prints what came of it."""
    import httpx

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--films", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", default=None)
    given = parser.parse_args()
    with (
        running_service(given.model) as service,
        httpx.Client(base_url=service.url, trust_env=False, timeout=120) as client,
    ):
        begun = time.perf_counter()
        first = mutated_uploads(client, min(_EARLY, given.films), seed=given.seed)
        early = service.memory()
        rest = mutated_uploads(client, given.films - sum(first.statuses.values()), seed=given.seed, first=_EARLY)
        late = service.memory()
        alive = client.get("/healthz").status_code == 200
        seconds = time.perf_counter() - begun
        statuses, codes = first.statuses + rest.statuses, first.codes + rest.codes
        ended = Counter(line.get("reason") for line in service.lines if line["event"] == "worker_ended")
    print(
        f"{sum(statuses.values())} damaged films in {seconds:.0f} s, slowest {max(first.slowest, rest.slowest):.2f} s"
    )
    print("status: " + ", ".join(f"{status} {number}" for status, number in sorted(statuses.items())))
    print("codes: " + ", ".join(f"{code or 'answered'} {number}" for code, number in codes.most_common()))
    print(f"workers ended: {dict(ended) or 'none'}; alive: {'yes' if alive else 'no'}")
    print(
        f"memory after {_EARLY}: {early / 2**20:.0f} MiB, at the end: {late / 2**20:.0f} MiB ({late / early - 1:+.1%})"
    )


if __name__ == "__main__":
    main()
