"""The notebook tells the whole story, holds small outputs of a whole run, and runs from top to bottom."""

from __future__ import annotations

import ast
import base64
import copy
import io
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from PIL import Image

import lucency

from .conftest import REPOSITORY
from .test_hygiene import MACHINE_PATH, REGISTRIES

NOTEBOOK = REPOSITORY / "notebooks" / "quickstart.ipynb"
LARGEST = 2**20
TINY = """
DRAWN = 120
OVERRIDES = ["input.height=64", "input.width=64", "training.epochs=2", "evaluation.resamples=100"]
"""


@pytest.fixture(scope="module")
def notebook() -> Any:
    """The notebook; read only."""
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.fixture(scope="module")
def code(notebook: Any) -> list[Any]:
    """Its code cells."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs_of(cells: list[Any]) -> list[Any]:
    return [output for cell in cells for output in cell.outputs]


def printed(cells: list[Any]) -> str:
    """All text that the cells put out."""
    texts = [output.get("text", "") for output in outputs_of(cells)]
    texts += [output.data.get(kind, "") for output in outputs_of(cells) if "data" in output for kind in ("text/plain",)]
    return "\n".join(texts)


def pictures(cells: list[Any]) -> list[Image.Image]:
    found = [output.data["image/png"] for output in outputs_of(cells) if "image/png" in output.get("data", {})]
    return [Image.open(io.BytesIO(base64.b64decode(png))) for png in found]


def test_it_is_a_notebook_of_a_small_size(notebook: Any) -> None:
    nbformat.validate(notebook)
    assert NOTEBOOK.stat().st_size < LARGEST
    assert notebook.metadata.kernelspec.name == "python3"


def test_it_was_stored_after_a_whole_run(code: list[Any]) -> None:
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert [output for output in outputs_of(code) if output.output_type == "error"] == []
    assert [output for output in outputs_of(code) if output.get("name") == "stderr"] == []
    assert len(pictures(code)) >= 7
    assert max(picture.width for picture in pictures(code)) <= 900


def test_its_outputs_name_no_machine(notebook: Any) -> None:
    texts = [cell.source for cell in notebook.cells] + [printed([c for c in notebook.cells if c.cell_type == "code"])]
    assert [found for text in texts for found in MACHINE_PATH.findall(text)] == []
    assert [host for host in REGISTRIES for text in texts if host in text] == []


def test_the_code_uses_names_that_exist(code: list[Any]) -> None:
    for cell in code:
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.ImportFrom) and node.module == "lucency":
                assert {alias.name for alias in node.names} <= set(dir(lucency))


def test_its_links_lead_somewhere(notebook: Any) -> None:
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    links = re.findall(r"\]\(([^)#]+)", prose)
    assert len(links) > 8
    assert [link for link in links if not (NOTEBOOK.parent / link).is_file()] == []


def test_where_the_data_lie_is_one_cell(code: list[Any]) -> None:
    (cell,) = [cell for cell in code if "parameters" in cell.metadata.get("tags", [])]
    assigned = {
        target.id for node in ast.parse(cell.source).body if isinstance(node, ast.Assign) for target in node.targets
    }
    assert assigned == {"DATA", "WORK", "DRAWN", "RECIPE", "OVERRIDES"}
    later = "\n".join(other.source for other in code[code.index(cell) + 1 :])
    for name in assigned:
        assert f"\n{name} =" not in later


def test_installing_is_skipped_where_lucency_is(code: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess

    asked: list[list[str]] = []
    monkeypatch.setattr(subprocess, "check_call", lambda command: asked.append(command))
    exec(code[0].source, {})
    assert asked == []
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    exec(code[0].source, {})
    assert asked[0][-1] == "..[train,dicom]"


def test_the_stored_run_learned_something(code: list[Any]) -> None:
    # A picture of a model that guesses would teach nobody anything.
    text = printed(code)
    assert float(re.findall(r"^auroc +([\d.]+)", text, re.MULTILINE)[0]) > 0.85
    assert "TensorFlow was imported: False" in text
    assert "left out (truncated)" in text
    assert "under both labels" in text


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # What Jupyter itself warns of is not ours.
def test_it_runs_from_top_to_bottom(notebook: Any, tmp_path: Path) -> None:
    import nbclient

    mine = copy.deepcopy(notebook)
    place = next(n for n, cell in enumerate(mine.cells) if "parameters" in cell.metadata.get("tags", []))
    mine.cells.insert(place + 1, nbformat.v4.new_code_cell(TINY))
    client = nbclient.NotebookClient(mine, timeout=600, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()

    cells = [cell for cell in mine.cells if cell.cell_type == "code"]
    assert "121 films, 60 fractured" in printed(cells)
    assert "TensorFlow was imported: False" in printed(cells)
    assert len(pictures(cells)) >= 7
    (runs,) = (tmp_path / "quickstart").glob("runs-*")
    for made in ("first/report.html", "compared/compare.html", "frozen/model.keras", "bundle.zip"):
        assert (runs / made).is_file()
    # What the notebook works in is all that it wrote.
    assert [entry.name for entry in tmp_path.iterdir()] == ["quickstart"]
