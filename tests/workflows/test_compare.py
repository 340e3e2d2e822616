"""`compare`: the right films, the right numbers, and every reason not to trust them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from sibling_runs import change, resplit, sibling
from sklearn.metrics import roc_auc_score

from lucency.bundle import read_bundle, write_bundle
from lucency.errors import DatasetError
from lucency.workflows.compare import compare
from lucency.workflows.run_folder import read_rows, write_rows
from lucency.workflows.teller import Teller
from lucency.workflows.train import TrainResult

QUICK = {"latency": 0, "resamples": 60}


@pytest.fixture(autouse=True)
def _undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    # Drawing takes most of the time of a small comparison; tests/cli/test_comparing.py looks at the figures.
    monkeypatch.setattr("lucency.reporting.compare_figures.comparison_figures", lambda content, histories: {})


@pytest.fixture
def first(trained: TrainResult) -> Path:
    return trained.run


@pytest.fixture
def second(first: Path, tmp_path: Path) -> Path:
    return sibling(first, tmp_path / "augmented")


def test_the_numbers_are_those_of_the_stored_answers(first: Path, second: Path, tmp_path: Path) -> None:
    found = compare([first, second], out=tmp_path / "out", **QUICK).content
    rows = [{row["image_id"]: row for row in read_rows(run / "predictions.csv")} for run in (first, second)]
    labels = [int(row["label"]) for row in rows[0].values()]
    expected = [roc_auc_score(labels, [float(held[name]["logit"]) for name in rows[0]]) for held in rows]
    assert [run["metrics"]["auroc"]["value"] for run in found["runs"]] == pytest.approx(expected)
    (difference,) = found["differences"]
    assert difference["metrics"]["auroc"]["value"] == pytest.approx(expected[1] - expected[0])
    assert found["films"] == len(labels)
    report = json.loads((first / "report.json").read_text("utf-8"))
    assert found["runs"][0]["confusion"] == report["confusion"]
    assert [run["name"] for run in found["runs"]] == ["tiny", "augmented"]
    assert found["baseline"] == "tiny"
    assert found["left_out"] == []
    assert len(found["sentences"]) == 1


def test_groups_decide_which_test_is_used(first: Path, second: Path, tmp_path: Path) -> None:
    found = compare([first, second], out=tmp_path / "grouped", **QUICK).content
    assert found["groups"] < found["films"]
    assert found["differences"][0]["metrics"]["loss"]["p_by"] == "bootstrap"
    assert found["differences"][0]["metrics"]["accuracy"]["p_by"] != "mcnemar"
    alone = []
    for run, name in ((first, "a"), (second, "b")):
        alone.append(shutil.copytree(run, tmp_path / name))
        change(tmp_path / name / "predictions.csv", lambda row: {**row, "group": ""})
    found = compare(alone, out=tmp_path / "single", **QUICK).content
    assert found["groups"] == found["films"]
    assert found["differences"][0]["metrics"]["accuracy"]["p_by"] == "mcnemar"


def test_what_is_written(first: Path, second: Path, tmp_path: Path) -> None:
    done = compare([first, second], out=tmp_path / "out", latency=3, resamples=60)
    assert json.loads((done.out / "compare.json").read_text("utf-8")) == done.content
    page = (done.out / "compare.html").read_text("utf-8")
    assert done.content["sentences"][0].split(",")[0] in page
    assert str(tmp_path) not in page
    rows = read_rows(done.out / "predictions.csv")
    assert len(rows) == done.content["films"]
    assert list(rows[0])[:4] == ["image_id", "group", "label", "logit tiny"]
    assert done.content["recipe_differences"] == [{"key": "augmentation.rotation", "values": [0.0, 20.0]}]
    assert done.content["data_differences"] == []
    entry = done.content["runs"][1]
    assert entry["size"]["model_bytes"] == (second / "bundle" / "model.onnx").stat().st_size
    assert entry["size"]["parameters"] == json.loads((second / "run.json").read_text("utf-8"))["parameters"]
    assert 0 < entry["latency"]["median_seconds"] <= entry["latency"]["p95_seconds"] < 5
    assert done.content["runs"][0]["latency"]["ratio"] == 1
    assert entry["latency"]["ratio"] > 0
    assert (done.content["timing"]["films"], done.content["timing"]["predictions"]) == ("real", 3)
    history = read_rows(second / "history.csv")
    assert entry["training"]["epochs"] == 2
    assert entry["training"]["seconds"] == pytest.approx(sum(float(row["seconds"]) for row in history))


def test_films_that_another_run_trained_on_are_left_out_and_said_first(
    first: Path, second: Path, tmp_path: Path
) -> None:
    test = sorted(row["image_id"] for row in read_rows(first / "predictions.csv"))
    train = sorted(row["image_id"] for row in read_rows(first / "manifest.csv") if row["split"] == "train")
    swapped = dict.fromkeys(test[:3], "train") | {test[3]: "val"} | dict.fromkeys(train[:2], "test")
    resplit(second, lambda row: swapped.get(row["image_id"], row["split"]))
    done = compare([first, second], out=tmp_path / "out", **QUICK)
    assert done.content["films"] == len(test) - 4
    left = {film["image_id"]: film["used"] for film in done.content["left_out"]}
    assert left == {
        **{film: {"augmented": "train"} for film in test[:3]},
        test[3]: {"augmented": "val"},
        **{film: {"tiny": "train"} for film in train[:2]},
    }
    warning = done.content["notes"][0]
    assert warning["severity"] == "warning"
    assert f"6 of {len(test) + 2} films are left out" in warning["message"]
    assert "3 trained augmented, 1 chose the thresholds of augmented" in warning["message"]
    page = (done.out / "compare.html").read_text("utf-8")
    assert page.index(warning["message"]) < page.index('class="verdict"')


def test_a_bundle_knows_its_films_by_their_fingerprints(first: Path, second: Path, tmp_path: Path) -> None:
    bundle = read_bundle(shutil.copytree(second / "bundle", tmp_path / "carried"))
    films = read_rows(first / "manifest.csv")
    test = [row["sha256"] for row in films if row["split"] == "test"]
    write_bundle(bundle.folder, bundle.card, films={"train": test[:5], "val": []})
    found = compare([first, bundle.folder], out=tmp_path / "out", **QUICK).content
    assert found["films"] == len(test) - 5
    assert {name for film in found["left_out"] for name in film["used"]} == {"carried"}
    assert found["runs"][1]["training"] is None


def test_a_bundle_that_knows_no_training_film_is_warned_of(first: Path, second: Path, tmp_path: Path) -> None:
    bundle = read_bundle(shutil.copytree(second / "bundle", tmp_path / "imported"))
    write_bundle(bundle.folder, bundle.card, films={"train": [], "val": []})
    assert not read_bundle(bundle.folder).films_used("train")
    notes = compare([first, bundle.folder], out=tmp_path / "out", **QUICK).content["notes"]
    warning = next(note["message"] for note in notes if note["severity"] == "warning")
    assert "Which films trained imported is not known" in warning
    both = compare([first, second], out=tmp_path / "both", **QUICK).content["notes"]
    assert not any("is not known" in note["message"] for note in both)


def test_a_bundle_answers_the_test_films_of_the_runs(first: Path, second: Path, tmp_path: Path) -> None:
    carried = shutil.copytree(second / "bundle", tmp_path / "carried")
    compare([first, carried], out=tmp_path / "out", **QUICK)
    stored = {row["image_id"]: float(row["logit"]) for row in read_rows(first / "predictions.csv")}
    for row in read_rows(tmp_path / "out" / "predictions.csv"):
        # The sibling has the network of the first run: only what it has stored differs.
        assert float(row["logit carried"]) == pytest.approx(stored[row["image_id"]], abs=1e-5)


def test_films_of_ones_own_serve_bundles_without_answers(
    first: Path, second: Path, drawn_films: Path, tmp_path: Path
) -> None:
    bundles = [shutil.copytree(run / "bundle", tmp_path / name) for run, name in ((first, "a"), (second, "b"))]
    found = compare(bundles, films=drawn_films, out=tmp_path / "out", **QUICK).content
    test = [row for row in read_rows(first / "manifest.csv") if row["split"] == "test"]
    assert found["films"] == len(test)
    assert len(found["left_out"]) == 120 - len(test)
    assert found["films_from"] == drawn_films.name
    # One network with two temperatures ranks films alike.
    assert found["differences"][0]["metrics"]["auroc"]["value"] == 0
    again = compare(bundles, films=drawn_films, out=tmp_path / "out", **QUICK).content
    assert again["differences"] == found["differences"]


def test_the_baseline_comes_first_whether_it_is_named_among_the_runs_or_not(
    first: Path, second: Path, tmp_path: Path
) -> None:
    third = sibling(first, tmp_path / "third", seed=2)
    for others in ([first, second, third], [first, second]):
        found = compare(others, baseline=third, out=tmp_path / "out", **QUICK).content
        assert [run["name"] for run in found["runs"]] == ["third", "tiny", "augmented"]
        assert [row["run"] for row in found["differences"]] == ["tiny", "augmented"]
        assert "tiny and third" in found["sentences"][0]


def test_validation_films_are_said_to_flatter(first: Path, second: Path, tmp_path: Path) -> None:
    found = compare([first, second], split="val", out=tmp_path / "out", **QUICK).content
    assert found["films"] == len(read_rows(first / "validation.csv"))
    assert "optimistic" in found["notes"][0]["message"]


def test_runs_tested_on_their_validation_films_are_compared_on_them_with_a_warning(
    first: Path, second: Path, drawn_films: Path, tmp_path: Path
) -> None:
    runs = [shutil.copytree(run, tmp_path / f"from val {n}") for n, run in enumerate((first, second))]
    for run in runs:
        details = json.loads((run / "run.json").read_text("utf-8"))
        details["data"]["test_is_val"] = True
        (run / "run.json").write_text(json.dumps(details), "utf-8")
        val = [row for row in read_rows(run / "manifest.csv") if row["split"] == "val"]
        change(run / "manifest.csv", lambda row: row if row["split"] != "test" else None)
        answers = read_rows(run / "predictions.csv")
        rows = [{**answers[0], "image_id": row["image_id"], "label": row["label"], "group": ""} for row in val]
        write_rows(run / "predictions.csv", list(answers[0]), rows)
    found = compare(runs, out=tmp_path / "out", **QUICK).content
    assert found["films"] == len(val)
    assert "optimistic" in found["notes"][0]["message"]
    # One that has test films of its own did not choose its thresholds on these films: that would be no fair match.
    with pytest.raises(DatasetError, match="no film is left"):
        compare([runs[0], sibling(first, tmp_path / "own", seed=3)], out=tmp_path / "unfair", **QUICK)
    # Films of the user's own are new to a model, or left out.
    fresh = compare(runs, films=drawn_films, out=tmp_path / "fresh", **QUICK).content
    assert len(fresh["left_out"]) == 120 - fresh["films"] >= len(val)


def test_a_patient_on_both_sides_is_said(first: Path, second: Path, tmp_path: Path) -> None:
    films = read_rows(first / "manifest.csv")
    test = next(row for row in films if row["split"] == "test")
    train = next(row for row in films if row["split"] == "train")
    change(
        second / "manifest.csv",
        lambda row: {**row, "patient_id": "P" if row["image_id"] in (test["image_id"], train["image_id"]) else ""},
    )
    found = compare([first, second], out=tmp_path / "out", **QUICK).content
    assert found["related"] >= 1
    assert any("share a patient" in note["message"] for note in found["notes"])


def test_one_name_twice_is_told_apart_by_the_folder_above(first: Path, tmp_path: Path) -> None:
    runs = [sibling(first, tmp_path / name / "run", seed=seed) for name, seed in (("x", 1), ("y", 2))]
    found = compare(runs, out=tmp_path / "out", **QUICK).content
    assert [run["name"] for run in found["runs"]] == ["x/run", "y/run"]


def test_runs_without_films_are_timed_on_a_synthetic_one(first: Path, second: Path, tmp_path: Path) -> None:
    runs = [shutil.copytree(run, tmp_path / f"moved {n}") for n, run in enumerate((first, second))]
    for run in runs:
        change(run / "manifest.csv", lambda row: {**row, "path": f"gone/{row['image_id']}.jpg"})
    found = compare(runs, out=tmp_path / "out", latency=2, resamples=60).content
    assert found["timing"]["films"] == "synthetic"
    assert found["films"] > 0


def test_the_teller_hears_warnings_and_sentences(first: Path, second: Path, tmp_path: Path) -> None:
    class Hearing(Teller):
        said: list[str] = []  # noqa: RUF012 - one teller, one test

        def say(self, text: str) -> None:
            self.said.append(text)

    teller = Hearing()
    found = compare([first, second], out=tmp_path / "out", teller=teller, **QUICK).content
    assert teller.said[-2:] == [*found["sentences"], f"Comparison: {tmp_path / 'out' / 'compare.html'}"]
