"""The process that decodes films and answers: `python -m lucency.serving.film_worker SOCKET`.

It speaks with the service over one socket, in messages of JSON and of bytes, never of pickles: what a hostile file may
make of this process must not reach the other. It can write no file, and holds one film at a time.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import itertools
import json
import os
import signal
import sys
import zlib
from collections.abc import Callable
from io import BytesIO
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from lucency.errors import FilmError, LucencyError

if TYPE_CHECKING:
    from lucency.imaging.radiograph import Radiograph
    from lucency.predictor import Predictor

_SIDE = 1024
"""Longest side of the film that a page shows."""

_FILMS_A_TRIM = 100
"""Films after which freed memory is given back. After each film it would cost milliseconds: the next film asks for it
again."""


def main() -> None:
    """Reads the settings, says that it is ready or why not, and answers until the service hangs up."""
    # Ctrl-C reaches the whole group of processes; the service decides when this one ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    line = Connection(int(sys.argv[1]))
    try:
        settings = json.loads(line.recv_bytes())
        predictor = _predictor(settings)
    except LucencyError as error:
        _send(line, {"error": {"code": error.code, "message": str(error)}})
        return
    except (EOFError, OSError):
        return
    _confine(settings["worker_bytes"])
    trim = _trim()
    try:
        _send(line, {"ready": predictor.bundle.identity})
        for films in itertools.count(1):
            asked = json.loads(line.recv_bytes())
            film = line.recv_bytes()
            # A stuck decoder must not outlive a service that is gone; the service itself waits less.
            signal.alarm(int(settings["film_seconds"]) + 10)
            reply, parts = answer(predictor, film, asked)
            del film
            signal.alarm(0)
            _send(line, reply, parts)
            del reply, parts
            if films % _FILMS_A_TRIM == 0:
                trim(0)
    except (EOFError, OSError):
        return


def _trim() -> Callable[[int], object]:
    """`malloc_trim(3)` where the C library has it, else nothing: large films leave a wide heap that counts as used."""
    try:
        found = ctypes.CDLL(None).malloc_trim
    except (OSError, TypeError, AttributeError):
        return lambda _: None
    found.argtypes = [ctypes.c_size_t]
    trim: Callable[[int], object] = found
    return trim


def _predictor(settings: dict[str, Any]) -> Predictor:
    from PIL import Image

    from lucency.predictor import Predictor

    Image.preinit()
    predictor = Predictor(settings["model"], threads=settings["threads"])
    # The first answer takes memory and time that later ones do not.
    spec = predictor.bundle.card.input
    import numpy as np

    predictor.score(np.zeros((1, spec.height, spec.width, 1), np.uint8))
    # Imported before memory is bounded, and not at the first DICOM film.
    with contextlib.suppress(ImportError):
        import lucency.imaging.dicom  # noqa: F401
    return predictor


def _confine(allowance: int) -> None:
    """No core dump, no file, and no more memory than now and an allowance."""
    try:
        import resource
    except ImportError:  # Windows has no such limits.
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[0])
    except OSError:
        return
    limit = pages * os.sysconf("SC_PAGE_SIZE") + allowance
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def answer(predictor: Predictor, film: bytes, asked: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """What is said of one film.

    Args:
        predictor: Bundle to ask.
        film: The bytes of its file.
        asked: "include": some of "overlay", "heatmap" and "view"; "operating_point" and "error_rate": as of
            `Predictor.deciding`.

    Returns:
        {"prediction": {...}} or {"error": {"code", "message"}}, with the names of the "parts" that follow; and these.
    """
    from lucency.workflows.predict import FilmAnswer

    try:
        predictor = predictor.deciding(operating_point=asked.get("operating_point"), error_rate=asked.get("error_rate"))
        prediction, radiograph, placement = predictor.predict_with_film(film)
    except FilmError as error:
        return {"error": {"code": error.code, "message": str(error)}, "parts": []}, []
    except LucencyError as error:
        code = "missing_extra" if error.exit_code == 7 else "unreadable"
        return {"error": {"code": code, "message": str(error)}, "parts": []}, []
    except MemoryError:
        return {"error": {"code": "too_large", "message": "There is not enough memory for the film."}, "parts": []}, []
    entry = FilmAnswer("", prediction).to_json()
    del entry["path"]
    entry["operating_point"] = predictor.operating_point.name if predictor.error_rate is None else None
    entry["film"] = {"height": radiograph.pixels.shape[0], "width": radiograph.pixels.shape[1], **radiograph.metadata}
    include = asked.get("include", ())
    parts: list[tuple[str, bytes]] = []
    if "heatmap" in include and prediction.heatmap is not None:
        entry["heatmap"] = [[round(float(cell), 3) for cell in row] for row in prediction.heatmap]
        entry["heatmap_covers"] = dataclasses.asdict(placement)
    if "overlay" in include:
        from lucency.imaging.overlay import draw_overlay
        from lucency.workflows.predict import caption

        scale = predictor.bundle.card.heat_scale
        picture = draw_overlay(radiograph, prediction.heatmap, placement, caption(prediction), scale=scale)
        stream = BytesIO()
        picture.save(stream, "PNG")
        parts.append(("overlay", stream.getvalue()))
    if "view" in include:
        rows, columns, levels = _view(radiograph)
        entry["view"] = {"height": rows, "width": columns}
        parts.append(("view", zlib.compress(levels, 3)))
    return {"prediction": entry, "parts": [name for name, _ in parts]}, [content for _, content in parts]


def _view(radiograph: Radiograph) -> tuple[int, int, bytes]:
    """The film for a screen: its height and width there, and grey levels 0..65535 as little-endian uint16, by rows."""
    import numpy as np
    from PIL import Image

    picture = Image.fromarray(radiograph.pixels)
    if max(picture.size) > _SIDE:
        # Image.thumbnail would change it in place.
        ratio = _SIDE / max(picture.size)
        size = (max(1, round(picture.width * ratio)), max(1, round(picture.height * ratio)))
        picture = picture.resize(size, Image.Resampling.BOX)
    levels = np.clip(np.round(np.asarray(picture) * 257), 0, 65535).astype("<u2")
    return picture.height, picture.width, levels.tobytes()


def _send(line: Connection, message: dict[str, Any], parts: list[bytes] | None = None) -> None:
    line.send_bytes(json.dumps(message, allow_nan=False).encode())
    for part in parts or ():
        line.send_bytes(part)


if __name__ == "__main__":
    main()
    sys.exit(0)
