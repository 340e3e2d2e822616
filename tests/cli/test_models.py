from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from boxed_model import box_with_a_model

from lucency import DEFAULT_MODEL
from lucency.bundle import Bundle

Run = Callable[..., tuple[int, str, str]]
FIGURE = {"value": 0.8512, "low": 0.7878, "high": 0.9003, "reason": None, "dropped": 0}


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    return box_with_a_model(
        tmp_path,
        monkeypatch,
        metrics={
            "split": "test", "films": 1684, "fractured": 119, "figures": {"auroc": FIGURE},
            "optimistic_reason": "films of one patient are on both sides",
        },
        training_data={"source": "atlas", "splits": {"train": {"films": 2326, "fractured": 406}}},
        licence="Weights: Apache-2.0. " * 12,
    )  # fmt: skip


def test_the_list_says_in_short_what_each_is(run: Run, bundle: Bundle) -> None:
    code, out, err = run("models")
    assert (code, err) == (0, "")
    assert out.startswith(f"{DEFAULT_MODEL} (answers where no bundle is named)\n")
    assert "64 x 64 x 1, letterbox" in out
    assert "atlas: 2,326 films, 406 fractured" in out
    told = "0.851 (95 % interval 0.788 to 0.900) on 1,684 films (test). Optimistic: films of one patient are on both"
    assert told in " ".join(out.split())
    assert out.count("Apache-2.0") == 12
    assert max(map(len, out.splitlines())) <= 110
    assert bundle.card.model_sha256 not in out


def test_a_name_tells_more(run: Run, bundle: Bundle) -> None:
    code, out, _ = run("models", DEFAULT_MODEL)
    assert code == 0
    words = " ".join(out.split())
    for told in (
        bundle.card.intended_use, bundle.identity, bundle.card.model_sha256, str(bundle.folder),
        "youden (decides): from 0.500 on; on validation films: sensitivity 0.800, specificity 0.700",
        "screening: from 0.200 on",
    ):  # fmt: skip
        assert told in words


def test_json_is_all_of_it_either_way(run: Run, bundle: Bundle) -> None:
    whole = json.loads(run("models", "--json")[1])
    assert whole == json.loads(run("models", DEFAULT_MODEL, "--json")[1])
    assert whole["models"][0]["auroc"] == FIGURE


def test_a_bad_name_is_one_line(run: Run, bundle: Bundle) -> None:
    code, out, err = run("models", "lucency-one")
    assert (code, out) == (6, "")
    assert err == f"Error: lucency-one: is no model in the box. Did you mean the model in the box, '{DEFAULT_MODEL}'?\n"


def test_an_installation_without_models(run: Run, bundle: Bundle) -> None:
    shutil.rmtree(bundle.folder)
    code, out, _ = run("models")
    assert code == 0
    assert out.startswith("No model came with this installation")
    assert json.loads(run("models", "--json")[1])["models"] == []
    assert "Models in the box: none" in run("info", "--no-device")[1]


def test_info_names_them(run: Run, bundle: Bundle) -> None:
    assert f"Models in the box: {DEFAULT_MODEL}" in run("info", "--no-device")[1]
    assert json.loads(run("info", "--no-device", "--json")[1])["models"] == [DEFAULT_MODEL]
