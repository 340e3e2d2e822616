"""The films of a run -> the gate of its bundle."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lucency.bundle import GATE_FILE, Bundle, read_bundle, write_bundle
from lucency.errors import DatasetError, MissingExtraError, RunError
from lucency.film_look import film_measures
from lucency.gate import Gate, GateAnswer
from lucency.imaging.geometry import InputSpec, to_input
from lucency.predictor import Predictor
from lucency.workflows.run_folder import RunFolder, read_rows
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    from lucency.evaluation.fit_gate import MeasuredFilms

Film = npt.NDArray[np.uint8]

MOST_FILMS = 2000
"""So many films of a split are looked at, drawn by chance; more make a gate slower to fit and hardly better."""

VARIED_FILMS = 200
"""So many training films are shown otherwise too."""

PICTURES_OF_A_KIND = 24
DRAWN_OF_A_KIND = 8

_BATCH = 16
# Pictures for the gate and pictures it is tried on are drawn from different seeds.
_TRIED_FROM = 1_000_000


def fit_bundle_gate(
    run: RunFolder, bundle: Bundle, *, workers: int | None = None, teller: Teller
) -> dict[str, Any] | None:
    """Writes `gate.npz` beside the model of a bundle; the card that says so is the caller's to write.

    Args:
        run: The run, whose training and validation films are looked at where they are at hand.
        bundle: Its bundle, with or without a gate; only its model and its input are used.
        workers: Threads that decode films which no prepared array holds yet.
        teller: Hears of progress, and why there is no gate.

    Returns:
        Facts for the card, without the hash; None where no gate can be fitted, and then there is no `gate.npz`.
    """
    path, why = bundle.folder / GATE_FILE, ""
    try:
        films = films_of_run(run, bundle.card.input, workers=workers, teller=teller)
        gate, facts = fit_films_gate(Predictor(bundle, gate=False), films["train"], films["val"], teller=teller)
    except (MissingExtraError, ModuleNotFoundError) as missing:
        why = f"a package is missing ({missing})"
    except DatasetError as error:
        why = error.what
    if why:
        path.unlink(missing_ok=True)
        teller.say(f"The bundle has no gate: {why}")
        return None
    # The old one stays until the new one is whole.
    temporary = path.with_name(path.name + ".part")
    with temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **gate.arrays())
    os.replace(temporary, path)
    teller.say(
        f"Gate: fitted on {facts['training_films']} training films; limits from {facts['validation_films']} validation "
        f"films, of which it refuses {facts['validation_refused']} (aimed at: "
        f"{100 * facts['refused_share_aimed_at']:g} % of films like them)"
    )
    return facts


def add_gate(run: str | os.PathLike[str], *, workers: int | None = None, teller: Teller | None = None) -> Bundle:
    """Fits a gate for the bundle of a run, anew where it has one, and writes it into the bundle.

    Args:
        run: A run folder with a bundle; its films must be at hand.
        workers: Threads that decode films.
        teller: Hears of progress.

    Returns:
        The bundle with its gate; its identity is another one, since it answers otherwise.

    Raises:
        RunError: No gate can be fitted; the bundle then has none.
        BundleError: The run has no bundle.
    """
    teller = teller or Teller()
    folder = RunFolder.open(run)
    opened = read_bundle(folder.path)
    facts = fit_bundle_gate(folder, opened, workers=workers, teller=teller)
    bundle = write_bundle(opened.folder, replace(opened.card, gate=facts))
    if facts is None:
        raise RunError(
            "no gate could be fitted", where=run, hint="Bring back the training and validation films of the run"
        )
    return bundle


def judge_drawn(predictor: Predictor, gate: Gate, *, teller: Teller) -> dict[str, list[GateAnswer]]:
    """What a gate says of drawn pictures that are no radiographs, and of drawn chest and skull films, by kind.

    They are others than those that the gate was fitted with, but of the same kinds.

    Args:
        predictor: Of the bundle.
        gate: Its gate.
        teller: Hears of progress.
    """
    from lucency.datasets.foreign_anatomy import ANATOMIES, draw_foreign_film

    spec = predictor.bundle.card.input
    drawn = list(_pictures(spec, DRAWN_OF_A_KIND, _TRIED_FROM))
    drawn += [
        (f"{anatomy}_film", _shown(draw_foreign_film(anatomy, _TRIED_FROM + seed, size=480), spec))
        for anatomy in ANATOMIES
        for seed in range(DRAWN_OF_A_KIND)
    ]
    answers: dict[str, list[GateAnswer]] = {}
    for start in range(0, len(drawn), _BATCH):
        batch = drawn[start : start + _BATCH]
        found = predictor.score(np.stack([picture for _, picture in batch])).get("embedding")
        for place, (kind, picture) in enumerate(batch):
            answers.setdefault(kind, []).append(gate.judge(picture, None if found is None else found[place]))
        teller.progress("trying the gate on drawn pictures", min(start + _BATCH, len(drawn)), len(drawn))
    return answers


@dataclass(frozen=True, eq=False)
class GateFilms:
    """Films of one split.

    Attributes:
        films: N films, each uint8 (H, W, C), grey 0..255, as `to_input` makes them.
        groups: N names of groups; None where nothing is known.
    """

    films: Sequence[Film] = ()
    groups: list[str] | None = None


def films_of_run(
    run: RunFolder,
    spec: InputSpec,
    *,
    splits: Sequence[str] = ("train", "val"),
    keep: Callable[[Mapping[str, str]], bool] | None = None,
    workers: int | None = None,
    teller: Teller,
) -> dict[str, GateFilms]:
    """At most `MOST_FILMS` films of each split of a run, from prepared arrays, or decoded.

    Args:
        run: The run. Where it knows no films, or none is at hand, the splits are empty.
        spec: Network input.
        splits: Which.
        keep: Which rows of its manifest to look at; all where None.
        workers: Threads that decode films which no prepared array holds yet.
        teller: Hears of progress.

    Raises:
        DatasetError: No film of a class can be read.
    """
    found = {split: GateFilms() for split in splits}
    home = run.path.parent / "prepared"
    if not (run.path / "manifest.csv").is_file():
        return found
    rows = [row for row in read_rows(run.path / "manifest.csv") if row["split"] in found and (not keep or keep(row))]
    if not home.is_dir() and not any((run.path / row["path"]).is_file() for row in rows):
        return found
    import pandas as pd

    from lucency.datasets.manifest import Manifest
    from lucency.datasets.manifest_file import MANIFEST_COLUMNS
    from lucency.workflows.run_films import prepare_films
    from lucency.workflows.split_films import split_films

    random = np.random.default_rng(0)
    chosen = []
    for split in found:
        part = [row for row in rows if row["split"] == split]
        kept = np.sort(random.permutation(len(part))[:MOST_FILMS]).tolist()
        chosen += [
            {**part[place], "path": str(run.path / part[place]["path"]), "label": int(part[place]["label"])}
            for place in kept
        ]
    # Not `Manifest.read`, which wants every film to be there: what was prepared is enough.
    table = pd.DataFrame(chosen).reindex(columns=list(MANIFEST_COLUMNS), fill_value="")
    manifest = Manifest(table, source="films of the run")
    prepared = prepare_films(manifest, spec, home, workers=workers, teller=teller)
    for split in found:
        films = split_films(prepared.manifest, prepared, split)
        found[split] = GateFilms(_Rows(films.images, films.rows, spec.channels), films.groups)
    return found


class _Rows(Sequence[Film]):
    """Chosen rows of a prepared array, as the network takes them."""

    def __init__(self, images: Film, rows: npt.NDArray[np.int64], channels: int):
        self._images, self._rows, self._channels = images, rows, channels

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: Any) -> Any:
        return np.repeat(np.asarray(self._images[self._rows[place]])[..., None], self._channels, axis=-1)


def fit_films_gate(
    predictor: Predictor, training: GateFilms, validation: GateFilms, *, teller: Teller
) -> tuple[Gate, dict[str, Any]]:
    """The gate for a bundle from films, and the facts for its card; see `evaluation.fit_gate.fit_gate`.

    Raises:
        DatasetError: Too few films.
    """
    from lucency.evaluation.fit_gate import check_counts, fit_gate

    check_counts(len(training.films), len(validation.films))
    spec = predictor.bundle.card.input
    return fit_gate(
        measure_films(predictor, training, what="training films for the gate", teller=teller),
        measure_films(predictor, validation, what="validation films for the gate", teller=teller),
        varied=_varied(training.films, spec),
        pictures=np.stack([film_measures(picture) for _, picture in _pictures(spec, PICTURES_OF_A_KIND)]),
    )


def measure_films(predictor: Predictor, films: GateFilms, *, what: str, teller: Teller) -> MeasuredFilms:
    """Films as the gate sees them.

    Args:
        predictor: Gives the embeddings.
        films: At least one.
        what: What they are called in progress.
        teller: Hears of progress.
    """
    from lucency.evaluation.fit_gate import MeasuredFilms

    measures, embeddings = [], []
    for start in range(0, len(films.films), _BATCH):
        batch = films.films[start : start + _BATCH]
        found = predictor.score(np.asarray(batch)).get("embedding")
        if found is not None:
            embeddings.append(found)
        measures += [film_measures(film) for film in batch]
        teller.progress(f"measuring {what}", len(measures), len(films.films))
    return MeasuredFilms(np.stack(measures), np.concatenate(embeddings) if embeddings else None, films.groups)


def _varied(films: Sequence[Film], spec: InputSpec) -> npt.NDArray[np.float32]:
    from lucency.datasets.varied_films import vary_film

    chosen = np.random.default_rng(0).permutation(len(films))[:VARIED_FILMS]
    shown = (_shown(film, spec) for place in chosen for film in vary_film(films[place][..., 0], int(place)).values())
    return np.stack([film_measures(film) for film in shown])


def _pictures(spec: InputSpec, count: int, first: int = 0) -> Iterator[tuple[str, Film]]:
    from lucency.datasets.non_radiographs import KINDS, draw_non_radiograph

    for kind in KINDS:
        for seed in range(first, first + count):
            random = np.random.default_rng(seed)
            # About as large as the input, so that small networks do not wait for large pictures.
            height = max(64, round(max(spec.height, spec.width) * random.uniform(0.7, 1.5)))
            picture = draw_non_radiograph(kind, seed, (height, int(height * random.uniform(0.6, 1.6))))
            yield kind, _shown(picture, spec)


def _shown(picture: Film, spec: InputSpec) -> Film:
    return to_input(picture.astype(np.float32), spec)[0]
