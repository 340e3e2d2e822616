"""Bundle + films -> stress test: how the answers change when the films are damaged, and where the model breaks."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lucency.bundle import Bundle, read_bundle
from lucency.errors import DatasetError, MissingExtraError, RunError
from lucency.workflows.run_folder import RunFolder, now, versions
from lucency.workflows.stressed_films import StressFilms, choose_films, films_of_data, films_of_run
from lucency.workflows.stressed_scores import FilmScores, score_damaged
from lucency.workflows.teller import Teller

SCHEMA_VERSION = 1

DEFAULT_LIMIT = 500
"""Films that are taken where no other number is given: each is read once, but scored 61 times."""

_LEVEL = 0.95


@dataclass(frozen=True)
class StressReport:
    """What a stress test gave.

    Attributes:
        out: Folder with `stress.html`, `stress.json`, `stress.csv` and `figures/`.
        content: The content of `stress.json`.
    """

    out: Path
    content: Mapping[str, Any]

    @property
    def verdict(self) -> str:
        """The result in plain words."""
        return str(self.content["verdict"])


def stress(
    bundle: Bundle | str | os.PathLike[str],
    data: str | os.PathLike[str] | None = None,
    *,
    split: str = "test",
    out: str | os.PathLike[str] | None = None,
    corruptions: Sequence[str] | None = None,
    severities: Sequence[int] | None = None,
    limit: int = DEFAULT_LIMIT,
    labels: Mapping[str, int] | None = None,
    groups: str | os.PathLike[str] | None = None,
    operating_point: str | None = None,
    resamples: int = 1000,
    seed: int = 0,
    workers: int | None = None,
    teller: Teller | None = None,
) -> StressReport:
    """Damages films in twelve ways at five severities, and says at which severity the bundle's answers break.

    Each film is read once, damaged at its own resolution and scored through the same pixel path as any other film.
    Decisions are those of the operating point alone: a gate or an abstention of the bundle is not asked.

    Args:
        bundle: A bundle, its folder, a run folder, or the name of a model in the box.
        data: Folder of films or table; where None, `bundle` must be a run folder, whose own films are used.
        split: Which films, where the data have splits: "test", "val" or "train". Data without splits are used whole.
        out: Folder for what is written; `RUN/stress` for a run's own test films, `RUN/stress-<split>` for others, and
            `stress-<name of the data>` in the working folder otherwise.
        corruptions: Rows of `CORRUPTIONS`; all of them where None.
        severities: 1 to 5; all of them where None.
        limit: About how many films, drawn at random as whole groups with the classes as common as they are; 0 for all.
        labels: Further names of classes; only with `data`.
        groups: CSV with image_id and group; whole groups are resampled for the intervals. Only with `data`.
        operating_point: Name of the operating point that decides; the bundle's default where None.
        resamples: Of the bootstrap.
        seed: Of the choice of films and of the bootstrap.
        workers: Threads that decode and damage films.
        teller: Hears of progress.

    Raises:
        BundleError: The bundle cannot be used.
        DatasetError: The films cannot be used, or there is no corruption or severity of that name.
        RunError: The folder to write holds something else.
    """
    teller = teller or Teller()
    try:
        import lucency.reporting.stress_page  # noqa: F401 - asked for before any work is done
        from lucency.datasets.corruptions import CORRUPTIONS, SEVERITIES, corruption_named
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), extra="train", need="A stress test") from None
    from lucency.predictor import Predictor
    from lucency.workflows.stress_folder import write_stress

    for name in corruptions or ():
        corruption_named(name)
    asked = [name for name in CORRUPTIONS if corruptions is None or name in corruptions]
    levels = sorted(set(SEVERITIES if severities is None else severities))
    if not asked or not levels or not set(levels) <= set(SEVERITIES):
        raise DatasetError("no corruption or severity to try", hint="Severities are 1 to 5")
    if limit < 0:
        raise DatasetError(f"a limit of {limit} films is none", hint="Give 1 or more, or 0 for all films")
    opened = bundle if isinstance(bundle, Bundle) else read_bundle(bundle)
    predictor = Predictor(opened, operating_point=operating_point)
    target = _target(bundle, data, split, out)
    if data is None:
        if labels or groups:
            raise DatasetError("labels and groups go with films of their own", hint="Give the films as well")
        if isinstance(bundle, Bundle) or not (Path(bundle) / "run.json").is_file():
            raise DatasetError(
                "no films were given", hint="Give a folder of films or a table, or a run folder as the bundle"
            )
        manifest, optimistic = films_of_run(RunFolder.open(bundle), split)
    else:
        manifest, optimistic = films_of_data(opened, data, split, labels=labels, groups=groups, teller=teller)
    films = choose_films(manifest, optimistic, limit=limit, seed=seed)
    if len(films.paths) < films.in_split:
        teller.say(
            f"{len(films.paths)} of {films.in_split} films are taken, whole groups at random; --limit 0 takes all."
        )
    scores = score_damaged(predictor, films, asked, levels, workers=workers, teller=teller)
    for image_id, reason in scores.left_out[:5]:
        teller.say(f"left out: {image_id}: {reason}")
    if len(scores.left_out) > 5:
        teller.say(f"left out: {len(scores.left_out) - 5} more")
    content = _content(predictor, films, scores, asked, levels, resamples=resamples, seed=seed)
    content |= {
        "split": split,
        "data": Path(data).resolve().name if data is not None else None,
        "limit": limit,
        "made": now(),
        "versions": versions(),
    }
    write_stress(target, content)
    teller.say(str(content["verdict"]))
    for note in content["notes"]:
        teller.say(note)
    teller.say(f"Page: {target / 'stress.html'}")
    return StressReport(target, content)


def _target(
    bundle: Bundle | str | os.PathLike[str],
    data: str | os.PathLike[str] | None,
    split: str,
    out: str | os.PathLike[str] | None,
) -> Path:
    """The folder to write; nothing but an earlier stress test may lie there."""
    if out is not None:
        target = Path(out)
    elif data is not None:
        target = Path(f"stress-{Path(data).resolve().stem}")
    else:
        home = bundle.folder if isinstance(bundle, Bundle) else Path(bundle)
        target = home / ("stress" if split == "test" else f"stress-{split}")
    RunFolder.refuse_run(target)
    if target.exists() and not target.is_dir():
        raise RunError("is a file, and a stress test writes a folder", where=target, hint="Give another --out")
    held = sorted(entry.name for entry in target.iterdir()) if target.is_dir() else []
    if held and "stress.json" not in held:
        raise RunError(f"is not empty and holds no stress test (it holds {held[0]})", where=target, hint="Give --out")
    return target


def _content(
    predictor: Any,
    films: StressFilms,
    scores: FilmScores,
    asked: Sequence[str],
    levels: Sequence[int],
    *,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    from lucency.datasets.corruptions import CORRUPTIONS
    from lucency.evaluation.stress import LIMITS, StressedScores, evaluate_stress
    from lucency.evaluation.stress_verdict import corruption_sentence, stress_verdict
    from lucency.evaluation.verdict import reservations

    kept = scores.kept.tolist()
    if not kept:
        image_id, reason = scores.left_out[0]
        raise DatasetError(f"none of {len(films.paths)} films can be read, such as {image_id}: {reason}")
    labels = [films.labels[place] for place in kept]
    groups = None if films.groups is None else [films.groups[place] for place in kept]
    found = evaluate_stress(
        labels,
        scores.clean,
        [
            StressedScores(
                name,
                CORRUPTIONS[name].title,
                tuple(levels),
                tuple(CORRUPTIONS[name].values[level - 1] for level in levels),
                tuple(CORRUPTIONS[name].label(level) for level in levels),
                scores.damaged[name],
                strikes_by_chance=CORRUPTIONS[name].share_of_films,
            )
            for name in asked
        ],
        groups=groups,
        calibration=predictor.bundle.card.calibration,
        operating_point=predictor.operating_point,
        image_ids=[films.image_ids[place] for place in kept],
        resamples=resamples,
        level=_LEVEL,
        seed=seed,
    )
    for row in found["corruptions"]:
        row["meaning"] = CORRUPTIONS[row["name"]].meaning
        row["sentence"] = corruption_sentence(row, found["clean"], films=found["films"])
    unknown = sum(films.boxes[place] is None for place in kept)
    notes = reservations(
        films=found["films"],
        fractured=found["fractured"],
        distinct_scores=len(set(scores.clean.tolist())),
        groups=found["groups"] if groups is not None else None,
    )
    if scores.left_out:
        notes.append(f"{len(scores.left_out)} of {len(films.paths)} chosen films cannot be used and are left out.")
    sparing = [CORRUPTIONS[name].title.lower() for name in asked if CORRUPTIONS[name].spares_boxes]
    if unknown and sparing:
        notes.append(
            f"Where the fracture lies is not known on {unknown} of {found['fractured']} fractured films: there "
            f"{' or '.join(sparing)} may hide it, and a miss is then no mistake."
        )
    return {
        "schema_version": SCHEMA_VERSION,
        "verdict": stress_verdict(found, optimistic_reason=films.optimistic),
        "bundle": predictor.bundle.identity,
        "operating_point": predictor.operating_point.name,
        "threshold": predictor.operating_point.threshold,
        **found,
        "films_in_split": films.in_split,
        "left_out": [{"image_id": image_id, "reason": reason} for image_id, reason in scores.left_out],
        "without_boxes": unknown,
        "limits": dict(LIMITS),
        "notes": notes,
        "optimistic_reason": films.optimistic,
        "bootstrap": {"resamples": resamples, "level": _LEVEL, "seed": seed},
    }
