"""How soon an answer comes: from a cold start, from a loaded model, and from `lucency --help`."""

from __future__ import annotations

import sys

from benchmarks.measurement import Answerer, Figure, command, in_turn
from benchmarks.workbench import SCRIPTS, Workbench, lucency_command

COLD_TURNS = 5
WARM_TURNS = 7
HELP_TURNS = 15


def cold(bench: Workbench) -> list[Figure]:
    """Process start to answer for one film, against TensorFlow and against the least that is possible."""
    film, bundle = bench.sample[0], bench.run / "bundle"
    times = in_turn(
        {
            "ours": command(*lucency_command(), "predict", film, "--bundle", bundle),
            "floor": command(sys.executable, SCRIPTS / "predict_floor.py", bundle / "model.onnx", film),
            "usual": command(sys.executable, SCRIPTS / "predict_usual.py", bench.usual_model, film),
        },
        COLD_TURNS,
    )
    ours, usual, floor = (times.median(name) for name in ("ours", "usual", "floor"))
    return [
        Figure(
            "cold",
            "cold `lucency predict film.jpg` against TensorFlow, load_model, predict",
            "s",
            ours,
            usual,
            usual / ours,
            ("at least", 12),
            times.best_ratio("usual", "ours"),
        ),
        Figure(
            "cold",
            "the floor (Python, Pillow, ONNX Runtime alone) against the same",
            "s",
            floor,
            usual,
            usual / floor,
            None,
            times.best_ratio("usual", "floor"),
            f"`lucency predict` takes {ours / floor:.2f} times the floor",
        ),
    ]


def warm(bench: Workbench) -> list[Figure]:
    """One film after another with the model loaded; reading, decoding and resizing are part of it."""
    films = bench.sample
    with (
        Answerer(sys.executable, SCRIPTS / "answer_lucency.py", bench.run / "bundle", *films) as ours,
        Answerer(sys.executable, SCRIPTS / "answer_usual.py", bench.usual_model, *films) as usual,
    ):
        # Letterbox against squash: near enough to show that both ask the same network.
        pairs = zip(ours.ask()["answers"], usual.ask()["answers"], strict=True)
        apart = max(abs(mine - theirs) for mine, theirs in pairs)
        times = in_turn(
            {
                "ours": lambda: float(ours.ask()["seconds"]) / len(films),
                "usual": lambda: float(usual.ask()["seconds"]) / len(films),
            },
            WARM_TURNS,
        )
    return [
        Figure(
            "warm",
            "warm film, `Predictor.predict(path)` against PIL, model.predict",
            "ms",
            1000 * times.median("ours"),
            1000 * times.median("usual"),
            times.ratio("usual", "ours"),
            ("at least", 4),
            times.best_ratio("usual", "ours"),
            # A run trained for the benchmark says nearly the same of every film.
            note=f"the probabilities differ by at most {apart:.3f}" if bench.given_run else "",
        )
    ]


def help_text(bench: Workbench) -> list[Figure]:
    """`lucency --help` from a cold start."""
    del bench
    times = in_turn(
        {"ours": command(*lucency_command(), "--help"), "bare": command(sys.executable, "-c", "pass")}, HELP_TURNS
    )
    ours, bare = times.median("ours"), times.median("bare")
    note = f"{ours / bare:.1f} times `python -c pass`; best {times.best('ours'):.2f} s"
    return [Figure("help", "`lucency --help`", "s", ours, target=("at most", 0.4), note=note)]
