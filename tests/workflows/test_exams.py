"""Answers for exams of several films, by a bundle and by a run."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lucency.decision import ExamRule
from lucency.errors import BundleError, DatasetError
from lucency.workflows.evaluate import evaluate
from lucency.workflows.find_exams import find_exams
from lucency.workflows.train import TrainResult

Run = Callable[..., tuple[int, str, str]]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def films(drawn_films: Path) -> list[tuple[Path, int]]:
    """Twelve films of each class with their labels."""
    return [
        (film, label)
        for folder, label in (("Fractured", 1), ("Not_fractured", 0))
        for film in sorted((drawn_films / folder).iterdir())[:12]
    ]


@pytest.fixture
def exams(films: list[tuple[Path, int]], tmp_path: Path) -> Path:
    """A table: exams of one fractured and one other film, of three others, of a fractured one, and two films alone."""
    names = [*(f"mixed {i}" for i in range(6)), *(f"single {i}" for i in range(5)), ""]
    names += [*(f"mixed {i}" for i in range(6)), *["three"] * 3, "", *["two"] * 2]
    lines = [f"{film},{label},{name}" for (film, label), name in zip(films, names, strict=True)]
    path = tmp_path / "exams.csv"
    path.write_text("\n".join(["path,label,study_id", *lines]) + "\n", "utf-8")
    return path


def test_an_evaluation_of_exams(trained: TrainResult, exams: Path, tmp_path: Path) -> None:
    assert trained.bundle is not None
    (tmp_path / "out").mkdir()
    (tmp_path / "out/heat_maps.csv").write_text("of an earlier evaluation of films\n", "utf-8")
    report = evaluate(trained.bundle, exams, out=tmp_path / "out", per_exam=True, allow_seen=True, resamples=50)
    assert not (tmp_path / "out/heat_maps.csv").exists()
    # Six mixed, five single, "three", "two" and two films alone; fractured are the mixed, the single and one alone.
    assert (report.unit, report.films, report.fractured) == ("exam", 15, 12)
    assert "on 15 test exams" in report.verdict
    assert any(note.startswith("24 films make up 15 exams, 8 of them with several films") for note in report.notes)
    assert any(note.startswith("2 of 24 films name no exam (study_id)") for note in report.notes)
    predictions, views = rows(tmp_path / "out/predictions.csv"), rows(tmp_path / "out/views.csv")
    assert list(predictions[0]) == [
        "exam",
        "films",
        "highest_film",
        "group",
        "label",
        "logit",
        "probability",
        "decision",
    ]
    assert [int(row["films"]) for row in predictions].count(1) == 7
    for row in predictions:
        held = [view for view in views if view["exam"] == row["exam"]]
        best = max(held, key=lambda view: float(view["probability"]))
        assert len(held) == int(row["films"])
        assert row["highest_film"] == best["image_id"]
        assert float(row["probability"]) == pytest.approx(float(best["probability"]), abs=1e-12)
        assert int(row["label"]) == max(int(view["label"]) for view in held)
        assert (row["decision"] == "fractured") == any(view["decision"] == "fractured" for view in held)
    content = json.loads((tmp_path / "out/report.json").read_text("utf-8"))
    assert content["unit"] == "exam"
    page = (tmp_path / "out/report.html").read_text("utf-8")
    assert "15 test exams of" in page
    assert "log-odds that its films give / 1.000" in page
    exam = next(row for row in predictions if row["films"] == "3")
    assert f"exam of {Path(exam['exam']).name}, highest of 3 films" in page
    # A film that is loaded only when it is scrolled to is missing from a print.
    assert "lazy" not in page
    # Numbers of exams may be those of a hospital: they stay in the table that was given.
    assert not any(
        "mixed" in (tmp_path / "out" / name).read_text("utf-8") for name in ("predictions.csv", "report.html")
    )


@pytest.fixture
def own_run(trained: TrainResult, tmp_path: Path) -> Path:
    """A copy of the run whose films come in pairs of one exam."""
    copy = Path(shutil.copytree(trained.run, tmp_path / "runs" / "copy"))
    manifest = rows(copy / "manifest.csv")
    seen = dict.fromkeys(("train", "val", "test"), 0)
    with (copy / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(manifest[0]), lineterminator="\n")
        writer.writeheader()
        for row in manifest:
            place = seen[row["split"]] // 2
            seen[row["split"]] += 1
            writer.writerow({**row, "study_id": f"{row['split']} {place}"})
    return copy


def test_a_rule_is_fitted_on_the_validation_films_of_the_run_and_kept(own_run: Path, trained: TrainResult) -> None:
    assert trained.bundle is not None
    before = json.loads((own_run / "report.json").read_text("utf-8"))
    report = evaluate(own_run, per_exam=True, exam_rule="fitted")
    folder = own_run / "evaluation-test-exams-fitted"
    assert report.unit == "exam"
    assert any("on 9 validation exams" in note for note in report.notes)
    assert {point["name"] for point in report.operating_points} == {"youden", "screening", "confirm"}
    assert [row["name"] for row in report.baselines] == ["majority"]
    card = json.loads((own_run / "bundle/card.json").read_text("utf-8"))
    rule = ExamRule.from_json(card["exams"])
    assert rule.validation["exams"] == 9
    assert rule.calibration.temperature == report.temperature
    thresholds = {point.name: point.threshold for point in rule.operating_points}
    assert {point["name"]: point["threshold"] for point in report.operating_points} == thresholds
    assert (folder / "views.csv").is_file()
    # The test films have no say: without their exams the rule is the same.
    manifest = (own_run / "manifest.csv").read_text("utf-8")
    (own_run / "manifest.csv").write_text(manifest.replace(",test,", ",nowhere,"), "utf-8")
    from lucency.bundle import read_bundle
    from lucency.learning.recipe import load_recipe
    from lucency.workflows.exam_rules import fit_run_rule
    from lucency.workflows.run_folder import RunFolder

    bundle = read_bundle(own_run)
    assert bundle.identity == trained.bundle.identity
    assert fit_run_rule(RunFolder(own_run), bundle, load_recipe(own_run / "recipe.toml")).card.exams == rule
    assert json.loads((own_run / "report.json").read_text("utf-8")) == before


def test_a_bundle_without_a_fitted_rule(trained: TrainResult, exams: Path, tmp_path: Path) -> None:
    assert trained.bundle is not None
    with pytest.raises(BundleError, match="no rule for exams was fitted"):
        evaluate(trained.bundle, exams, out=tmp_path / "out", per_exam=True, exam_rule="fitted")
    with pytest.raises(BundleError, match="'best' is no rule"):
        evaluate(trained.bundle, exams, out=tmp_path / "out", per_exam=True, exam_rule="best")


def test_a_run_without_exams_cannot_fit_one(trained: TrainResult, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(trained.run, tmp_path / "runs" / "copy"))
    with pytest.raises(DatasetError, match="none of the 18 validation exams has several films"):
        evaluate(copy, per_exam=True, exam_rule="fitted")
    assert "exams" not in json.loads((copy / "bundle/card.json").read_text("utf-8"))


def test_predicting_exams_of_a_table(
    run: Run, trained: TrainResult, exams: Path, films: list[tuple[Path, int]]
) -> None:
    assert trained.bundle is not None
    bundle = trained.bundle.folder
    code, out, _ = run("predict", exams, "-b", bundle, "--per-exam", "--json")
    content = json.loads(out)
    assert code == 0
    assert content["rule"]["fitted"] is False
    alone = json.loads(run("predict", exams, "-b", bundle, "--json")[1])["predictions"]
    assert [entry["path"] for entry in alone] == [str(film) for film, _ in films]
    of_film = {entry["path"]: entry["probability"] for entry in alone}
    names = [entry["exam"] for entry in content["exams"]]
    assert names[:2] == ["mixed 0", "mixed 1"]
    for entry in content["exams"]:
        highest = max(entry["films"], key=lambda film: film["probability"])
        assert entry["probability"] == pytest.approx(of_film[highest["path"]], abs=1e-12)
        assert entry["highest_film"] == highest["path"]
    # Both films without an exam lie in folders of their own class.
    assert sorted(len(entry["films"]) for entry in content["exams"]) == [1] * 7 + [2] * 7 + [3]
    lines = run("predict", exams, "-b", bundle, "--per-exam")[1].splitlines()
    assert len(lines) == 1 + len(names)
    table = list(csv.DictReader(run("predict", exams, "-b", bundle, "--per-exam", "--csv")[1].splitlines()))
    assert [row["exam"] for row in table] == names
    assert [float(row["probability"]) for row in table] == [entry["probability"] for entry in content["exams"]]


def test_the_fitted_rule_predicts(run: Run, own_run: Path, exams: Path) -> None:
    assert run("predict", exams, "-b", own_run, "--per-exam", "--exam-rule", "fitted")[0] == 6
    evaluate(own_run, per_exam=True, exam_rule="fitted")
    content = json.loads(run("predict", exams, "-b", own_run, "--per-exam", "--exam-rule", "fitted", "--json")[1])
    rule = ExamRule.from_json(content["rule"])
    threshold = next(p.threshold for p in rule.operating_points if p.name == content["operating_point"])
    temperature = json.loads((own_run / "bundle/card.json").read_text("utf-8"))["calibration"]["temperature"]
    for entry in content["exams"]:
        logits = np.array([film["logit"] for film in entry["films"]]) / temperature
        z = {
            "highest": logits.max(),
            "mean": logits.mean(),
            "noisy_or": np.log(np.expm1(np.log1p(np.exp(logits)).sum())),
        }
        expected = 1 / (1 + np.exp(-z[rule.combination] / rule.calibration.temperature))
        assert entry["probability"] == pytest.approx(expected, rel=1e-9)
        assert entry["threshold"] == threshold
        assert entry["decision"] == ("fractured" if expected >= threshold else "not_fractured")


def test_a_bad_film_costs_its_exam_a_warning_and_no_more(
    run: Run, trained: TrainResult, films: list[tuple[Path, int]], tmp_path: Path
) -> None:
    for exam in ("a", "b"):
        (tmp_path / exam).mkdir()
        (tmp_path / exam / "cut.jpg").write_bytes(films[0][0].read_bytes()[:200])
    shutil.copy(films[1][0], tmp_path / "a")
    code, out, err = run("predict", tmp_path / "a", tmp_path / "b", "-b", trained.run, "--per-exam", "--json")
    good, bad = json.loads(out)["exams"]
    assert code == 3
    assert good["warnings"] == ["1 of 2 films cannot be used"]
    assert good["highest_film"].endswith(films[1][0].name)
    assert bad["error"]["code"] == "truncated"
    assert "probability" not in bad
    assert err.count("Error: ") == 2
    lines = run("predict", tmp_path / "a", tmp_path / "b", "-b", trained.run, "--per-exam", "--csv")[1].splitlines()
    assert lines[2].split(",")[2:8] == [""] * 6


def test_the_options_go_together(run: Run, trained: TrainResult, exams: Path) -> None:
    for command in (("predict", exams, "-b", trained.run), ("evaluate", trained.run, exams)):
        assert run(*command, "--exam-rule", "highest")[0] == 2
        assert run(*command, "--per-exam", "--exam-rule", "best")[0] == 2


def test_exams_of_folders_and_of_a_table(tmp_path: Path) -> None:
    for name in ("one/a.png", "one/b.png", "two/c.png", "many/.keep"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    for number in range(13):
        (tmp_path / f"many/{number}.png").write_bytes(b"x")
    (tmp_path / "films.csv").write_text("file,study\none/b.png,E7\ntwo/c.png,E7\n", "utf-8")
    found = find_exams([tmp_path / "films.csv", tmp_path / "one", tmp_path / "many"])
    assert [(exam.name, len(exam.paths)) for exam in found] == [
        ("E7", 2), (str(tmp_path / "one"), 1), (str(tmp_path / "many"), 13),
    ]  # fmt: skip
    assert [bool(exam.doubt) for exam in found] == [False, False, True]


def test_exams_of_dicom_are_numbered(tmp_path: Path) -> None:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    for number, study in enumerate(("1.2.3.7", "1.2.3.8", "1.2.3.7", "")):
        one = Dataset()
        one.file_meta = FileMetaDataset()
        one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        one.SOPClassUID, one.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1", f"1.2.9.{number}"
        if study:
            one.StudyInstanceUID = study
        one.save_as(tmp_path / f"{number}.dcm", enforce_file_format=True)
    found = find_exams([tmp_path])
    assert [(exam.name, [Path(path).name for path in exam.paths]) for exam in found] == [
        ("dicom-1", ["0.dcm", "2.dcm"]),
        ("dicom-2", ["1.dcm"]),
        (str(tmp_path), ["3.dcm"]),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("film,study_id\na.png,1\n", "no column with the path of a film; found film, study_id"),
        ("path,study_id\n", "the table has no rows"),
        ("path,study_id\na.png,1\n,2\n", "row 3 names no film"),
    ],
)
def test_tables_that_name_no_films(run: Run, trained: TrainResult, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "films.csv").write_text(text, "utf-8")
    code, _, err = run("predict", tmp_path / "films.csv", "-b", trained.run, "--per-exam")
    assert code == 4
    assert message in err
