"""Surveys a folder of damaged films, and says each step on standard output: `python survey_mutated.py FILMS STORE`."""

from __future__ import annotations

import json
import resource
import sys
import threading
import time
from pathlib import Path
from typing import Any

from lucency.datasets.audit import survey_films as survey_module
from lucency.datasets.audit.film_facts import FilmFacts
from lucency.datasets.audit.measure_film import measure_film
from lucency.datasets.layouts import scan

_one_at_a_time = threading.Lock()


def _say(**line: Any) -> None:
    with _one_at_a_time:
        print(json.dumps(line), flush=True)


def _watched(path: str) -> Any:
    name = Path(path).name
    _say(start=name)
    # Of this thread alone: a machine that is busy elsewhere makes no film slow.
    begun = time.thread_time()
    try:
        result = measure_film(path)
    except Exception as error:
        _say(raised=name, error=repr(error))
        result = FilmFacts(code="corrupt"), None
    _say(end=name, seconds=time.thread_time() - begun)
    return result


def main() -> None:
    manifest = scan(sys.argv[1])
    _say(films=len(manifest))
    survey_module.measure_film = _watched
    survey = survey_module.survey_films(manifest, Path(sys.argv[2]))
    for path, facts in zip(manifest.table["path"], survey.facts, strict=True):
        _say(film=Path(path).name, code=facts.code)
    # Kilobytes on Linux, bytes on macOS.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _say(peak=peak * (1 if sys.platform == "darwin" else 1024))


if __name__ == "__main__":
    main()
