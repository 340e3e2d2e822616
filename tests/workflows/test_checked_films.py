"""The checks before training, on films whose copies are given by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from heard import Heard

from lucency.datasets.audit.copies import Copies, CopyLink
from lucency.datasets.audit.findings import Finding
from lucency.datasets.split import assign_split
from lucency.workflows.audit_films import decode_once
from lucency.workflows.checked_films import COPIES_TOGETHER, CheckedFilms, check_series
from lucency.workflows.run_series import RunSeries
from lucency.workflows.scan import read_films
from lucency.workflows.teller import Teller
from lucency.workflows.told_findings import tell_findings


@pytest.fixture(scope="module")
def checked(drawn_films: Path, tmp_path_factory: pytest.TempPathFactory) -> CheckedFilms:
    """120 films without groups; each of the first 20 has a copy among the next 20."""
    films = read_films(drawn_films)
    free = dict.fromkeys(("group", "patient_id", "study_id", "body_part"), "")
    films = replace(films, table=films.table.assign(**free).astype(dict.fromkeys(free, "str")))
    survey = decode_once(films, tmp_path_factory.mktemp("prepared"), workers=None, teller=Teller())
    cluster = np.arange(len(films))
    cluster[20:40] = np.arange(20)
    return CheckedFilms(films, survey, Copies(cluster, tuple(CopyLink(r, r + 20, "near", 0.9) for r in range(20))))


def test_copies_stay_on_one_side_and_the_first_line_says_so(checked: CheckedFilms) -> None:
    films = checked.films
    grouped = checked.keep_together(films, Teller())
    split = assign_split(grouped, val=0.2, test=0.2)
    side = list(split.table["split"])
    assert side[:20] == side[20:40]
    assert set(side) == {"train", "val", "test"}
    first = next(one for one in checked.findings(films, split, []) if one.severity == "note")
    assert first.check == "leakage"
    assert "120 films were compared" in first.message
    assert "100 distinct radiographs" in first.message
    known = [one for one in checked.findings(films, split, []) if "No patient" in one.message]
    assert "copies only" in known[0].message


def test_films_that_were_left_out_do_not_shift_the_others(checked: CheckedFilms) -> None:
    # The heads of the first five clusters cannot be read.
    films = checked.films.keep(checked.films.table.index.to_series() >= 5)
    grouped = checked.keep_together(films, Teller())
    groups = list(grouped.table["group"])
    assert groups[:15] == groups[20:35]
    assert len(set(groups[:15])) == 15
    assert groups[15:20] == [""] * 5
    torn = films.table.assign(split=["test"] * 20 + ["train"] * 90 + ["val"] * 5).astype({"split": "str"})
    left_out = Finding("files", "error", "5 films cannot be read.")
    found = checked.findings(films, replace(films, table=torn), [left_out])
    leak = found[0]
    assert (leak.check, leak.severity) == ("leakage", "warning")
    assert left_out in found
    assert set(leak.image_ids) == set(films.table["image_id"].iloc[:15])


def test_an_older_series_goes_on_with_the_groups_it_has(checked: CheckedFilms, tmp_path: Path) -> None:
    series = RunSeries(tmp_path, "folds")
    (tmp_path / "folds").mkdir()
    plan = {"schema_version": 1}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    films = checked.films
    assert check_series(series, films, workers=None, teller=Teller()).keep_together(films, Teller()) is films
    (tmp_path / "plan.json").write_text(json.dumps({**plan, COPIES_TOGETHER: True}))
    assert check_series(series, films, workers=None, teller=Teller()).copies is not None


def test_films_that_no_table_can_name_are_told(checked: CheckedFilms, tmp_path: Path) -> None:
    films = replace(checked.films, misnamed=("caf\\xe9.jpg",))
    found = replace(checked, films=films).findings(films, assign_split(films), [])
    heard = Heard()
    tell_findings(found, tmp_path, strict=False, teller=heard)
    (line,) = [line for line in heard.lines if "UTF-8" in line]
    assert line == "error: 1 film left out, since its name is not valid UTF-8; rename it: caf\\xe9.jpg."
    assert not any("film(s) cannot be used" in line for line in heard.lines)
