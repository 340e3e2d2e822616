"""How hard the synthetic films are: AUROC of small CNNs, of one nearest neighbour and of classifiers on thumbnails.

    python benchmarks/synthetic_difficulty.py
    python benchmarks/synthetic_difficulty.py --model tiny-vgg --input 224 --rate 1e-3 --epochs 10

Films are drawn, split by patient (70 % train, 10 % validation, 20 % test), and every figure is on the test films.
The epoch is chosen on the validation films. Needs `pip install "lucency[train]"`.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lucency.datasets.synthetic import DATASET_TABLE, write_dataset

SPLIT = (0.7, 0.1, 0.2)


def network_input(path: Path, side: int) -> NDArray[np.uint8]:
    return np.asarray(Image.open(path).resize((side, side), Image.Resampling.BILINEAR))


def squashed(path: Path, side: int) -> NDArray[np.float32]:
    film = Image.open(path).resize((side, side), Image.Resampling.BOX)
    return np.asarray(np.asarray(film, np.float32).ravel() / 255, np.float32)


def shortcuts(
    rows: list[dict[str, str]], folder: Path, y: NDArray[np.int64], train: NDArray[Any], test: NDArray[Any]
) -> dict[str, float]:
    """Test AUROC of what can be read without looking for a fracture."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    paths = [folder / row["path"] for row in rows]
    small = np.stack([squashed(path, 32) for path in paths])
    thumbs = np.stack([squashed(path, 8) for path in paths])
    distance = (small[test] ** 2).sum(1)[:, None] + (small[train] ** 2).sum(1) - 2 * small[test] @ small[train].T
    to_whole = distance[:, y[train] == 0].min(axis=1)
    to_broken = distance[:, y[train] == 1].min(axis=1)
    facts = np.array([facts_of(path) for path in paths])
    context = np.array([[hash_of(row["body_part"]), hash_of(row["view"])] for row in rows], float)
    forest = RandomForestClassifier(200, min_samples_leaf=3, random_state=0)

    def auroc(scores: NDArray[np.floating]) -> float:
        return round(float(roc_auc_score(y[test], scores)), 3)

    def fitted(model: Any, x: NDArray[np.floating]) -> float:
        return auroc(model.fit(x[train], y[train]).predict_proba(x[test])[:, 1])

    return {
        "1-NN on 32x32 (label of the nearest)": auroc((to_broken < to_whole).astype(float)),
        "1-NN on 32x32 (distance margin)": auroc(to_whole - to_broken),
        "logistic regression on 8x8": fitted(LogisticRegression(C=0.1, max_iter=3000), thumbs),
        "random forest on 8x8": fitted(forest, thumbs),
        "random forest on size, bytes, mean, spread": fitted(forest, facts),
        "random forest on body part and view": fitted(forest, context),
    }


def facts_of(path: Path) -> list[float]:
    film = Image.open(path)
    pixels = np.asarray(film, np.float32)
    return [*film.size, path.stat().st_size, float(pixels.mean()), float(pixels.std())]


def hash_of(text: str) -> int:
    return sum(text.encode())


def build(name: str, side: int) -> Any:
    """The network as the recipe of that name has it, without its augmentation: grey 0..255 in, one logit out."""
    from keras import Sequential, layers

    from lucency.learning.architectures import four_block, tiny_vgg

    stack, pool = (
        (tiny_vgg(), layers.Flatten()) if name == "tiny-vgg" else (four_block(), layers.GlobalAveragePooling2D())
    )
    # Grey goes in once: three equal channels give the first layer no more to work with.
    return Sequential([layers.Input((side, side, 1)), layers.Rescaling(1 / 255), *stack, pool, layers.Dense(1)])


def flipped(films: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Each film mirrored or not along each axis; Keras 3.15's RandomFlip draws both axes as one."""
    films = films.copy()
    for turned in (np.s_[:, :, ::-1], np.s_[:, ::-1]):
        chosen = rng.random(len(films)) < 0.5
        films[chosen] = films[chosen][turned]
    return films


def trained(
    options: argparse.Namespace, x: NDArray[np.uint8], y: NDArray[np.int64], parts: NDArray[np.str_]
) -> dict[str, Any]:
    """Test AUROC of the network at its best epoch on the validation films."""
    import keras
    import tensorflow as tf
    from sklearn.metrics import roc_auc_score

    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    keras.utils.set_random_seed(options.seed)
    train, val, test = (np.flatnonzero(parts == part) for part in ("train", "val", "test"))
    model, rng = build(options.model, options.input), np.random.default_rng(options.seed)
    steps = options.epochs * -(-len(train) // options.batch)
    rate = keras.optimizers.schedules.CosineDecay(options.rate, steps)
    model.compile(keras.optimizers.Adam(rate), keras.losses.BinaryCrossentropy(from_logits=True))
    started, history = time.perf_counter(), []
    best: tuple[float, float, int] = (0.0, 0.0, 0)
    for epoch in range(options.epochs):
        fit = model.fit(flipped(x[train], rng), y[train], batch_size=options.batch, epochs=1, verbose=0)
        scores = model.predict(x[np.r_[val, test]], batch_size=64, verbose=0)[:, 0]
        on_val = float(roc_auc_score(y[val], scores[: len(val)]))
        on_test = float(roc_auc_score(y[test], scores[len(val) :]))
        best = max(best, (on_val, on_test, epoch + 1))
        history.append((round(fit.history["loss"][0], 3), round(on_val, 3), round(on_test, 3)))
        if options.verbose:
            print(epoch + 1, *history[-1], f"{time.perf_counter() - started:.0f}s", flush=True)
    return {
        "auroc": round(best[1], 3),
        "auroc_last_epoch": history[-1][2],
        "epoch": best[2],
        "seconds": round(time.perf_counter() - started, 1),
        "parameters": model.count_params(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--films", type=int, default=1200)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--difficulty", type=float, default=0.5)
    parser.add_argument("--model", choices=("tiny-vgg", "four-block", "none"), default="four-block")
    parser.add_argument("--input", type=int, default=112)
    parser.add_argument("--epochs", type=int, default=18)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=6e-3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        started = time.perf_counter()
        folder = write_dataset(
            Path(place),
            films=options.films,
            seed=options.seed,
            size=options.size,
            difficulty=options.difficulty,
            split=SPLIT,
        )
        drawing = time.perf_counter() - started
        with (folder / DATASET_TABLE).open(encoding="utf-8") as table:
            rows = list(csv.DictReader(table))
        y = np.array([int(row["label"]) for row in rows])
        parts = np.array([row["split"] for row in rows])
        train, test = np.flatnonzero(parts == "train"), np.flatnonzero(parts == "test")
        report: dict[str, Any] = {"settings": vars(options), "drawing_seconds": round(drawing, 1)}
        report["shortcuts"] = shortcuts(rows, folder, y, train, test)
        print(json.dumps(report, indent=2), flush=True)
        if options.model != "none":
            x = np.stack([network_input(folder / row["path"], options.input) for row in rows])[..., None]
            print(json.dumps({"model": trained(options, x, y, parts)}, indent=2))


if __name__ == "__main__":
    main()
