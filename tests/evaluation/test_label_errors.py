from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from lucency.errors import DatasetError
from lucency.evaluation.label_errors import FEWEST_FILMS, find_label_errors, label_error_findings

FILMS, WRONG = 2000, 60


def answers(seed: int = 0, wrong: int = WRONG) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Given labels, probabilities of a fair model (AUROC 0.98), and the rows whose label was turned round."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(FILMS) < 0.2).astype(int)
    logits = np.where(truth == 1, 1.5, -2.0) + rng.normal(0, 1.2, FILMS)
    turned = rng.choice(FILMS, wrong, replace=False)
    given = truth.copy()
    given[turned] = 1 - given[turned]
    return given, 1 / (1 + np.exp(-logits)), turned


def names(count: int) -> list[str]:
    return [f"film{row}" for row in range(count)]


def test_wrong_labels_stand_first():
    given, probabilities, turned = answers()
    found = find_label_errors(given, probabilities, names(FILMS))
    assert abs(found.estimated - WRONG) < 15
    assert len(found.suspects) == found.estimated
    suspected = [int(suspect.image_id[4:]) for suspect in found.suspects]
    assert np.isin(suspected, turned).mean() > 0.7
    assert np.isin(suspected[:20], turned).mean() > 0.9
    qualities = [suspect.quality for suspect in found.suspects]
    assert qualities == sorted(qualities)
    for suspect, row in zip(found.suspects, suspected, strict=True):
        assert suspect.label == given[row]
        assert suspect.probability == probabilities[row]
        assert suspect.quality == (probabilities[row] if given[row] else 1 - probabilities[row])


def test_right_labels_are_left_alone():
    given, probabilities, _ = answers(wrong=0)
    found = find_label_errors(given, probabilities, names(FILMS))
    assert found.share < 0.01
    sure = find_label_errors(given, np.where(given == 1, 0.97, 0.02), names(FILMS))
    assert (sure.estimated, sure.suspects, sure.auroc) == (0, (), 1.0)
    assert label_error_findings(sure) == []


def test_the_finding_names_films_and_turns_into_a_warning():
    few = label_error_findings(find_label_errors(*answers()[:2], names(FILMS)))[0]
    many = label_error_findings(find_label_errors(*answers(wrong=240)[:2], names(FILMS)))[0]
    assert (few.severity, many.severity) == ("note", "warning")
    assert few.check == "labels"
    assert f"of {FILMS} (" in few.message
    assert few.image_ids[0] in few.message
    assert json.loads(json.dumps(few.to_json()))["evidence"]["suspects"][0]["image_id"] == few.image_ids[0]


def test_a_film_of_several_repeats_counts_once():
    given, probabilities, _ = answers()
    once = find_label_errors(given, probabilities, names(FILMS), groups=[f"p{row // 2}" for row in range(FILMS)])
    twice = find_label_errors(
        np.tile(given, 2),
        np.concatenate([probabilities * 0.9, probabilities * 1.1 - np.maximum(0, probabilities * 1.1 - 1)]),
        names(FILMS) * 2,
        groups=[f"p{row // 2}" for row in range(FILMS)] * 2,
    )
    assert twice.films == FILMS
    assert {suspect.image_id for suspect in once.suspects[:20]} == {suspect.image_id for suspect in twice.suspects[:20]}
    assert once.suspects[0].group == f"p{int(once.suspects[0].image_id[4:]) // 2}"
    assert twice.suspects[0].group == f"p{int(twice.suspects[0].image_id[4:]) // 2}"


def test_too_few_films_are_not_doubted():
    given = np.array([1] * (FEWEST_FILMS - 1) + [0] * 100)
    found = find_label_errors(given, np.full(len(given), 0.5), names(len(given)))
    assert (found.estimated, found.suspects) == (0, ())
    (finding,) = label_error_findings(found)
    assert finding.severity == "note"
    assert "19 films fractured" in finding.message
    assert json.dumps(found.to_json())


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_answers_that_say_nothing(value):
    given = np.arange(100) % 2
    found = find_label_errors(given, np.full(100, value), names(100))
    assert 0 <= found.estimated <= 100
    assert found.auroc == 0.5


@pytest.mark.parametrize(
    ("labels", "probabilities", "ids", "match"),
    [
        ([0, 1], [0.2, 1.2], ["a", "b"], "outside 0 to 1"),
        ([0, 2], [0.2, 0.2], ["a", "b"], "neither 0 nor 1"),
        ([0, 1], [0.2, np.nan], ["a", "b"], "not a finite number"),
        ([0, 1], [0.2, 0.3], ["a", "a"], "both labels"),
        ([0, 1], [0.2, 0.3], ["a"], "1 image ids"),
    ],
)
def test_films_that_cannot_be_used(labels, probabilities, ids, match):
    with pytest.raises(DatasetError, match=match):
        find_label_errors(labels, probabilities, ids)


def test_groups_are_as_many_as_films():
    with pytest.raises(DatasetError, match="3 groups"):
        find_label_errors([0, 1], [0.2, 0.3], ["a", "b"], groups=["x", "y", "z"])


def test_it_is_silent_and_imports_cleanlab_late():
    code = (
        "import sys\n"
        "from lucency.evaluation.label_errors import find_label_errors\n"
        "assert 'cleanlab' not in sys.modules\n"
        "labels = [0, 1] * 30\n"
        "find_label_errors(labels, [0.3 + 0.4 * one for one in labels], [str(i) for i in range(60)])\n"
        "assert 'cleanlab' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
