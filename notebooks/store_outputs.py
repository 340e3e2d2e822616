"""Runs quickstart.ipynb from top to bottom and stores its outputs, small: `python notebooks/store_outputs.py`."""

from __future__ import annotations

import base64
import io
import tempfile
from pathlib import Path
from typing import Any

import nbclient
import nbformat
from PIL import Image

NOTEBOOK = Path(__file__).with_name("quickstart.ipynb")
WIDEST = 900
COLOURS = 96


def main() -> None:
    """Executes the notebook in an empty folder, with the values that it comes with."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        client = nbclient.NotebookClient(
            notebook, timeout=3600, record_timing=False, resources={"metadata": {"path": folder}}
        )
        client.execute()
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs = _joined(cell.outputs)
                for output in cell.outputs:
                    _tidy(output, folder)
    notebook.metadata = {
        "kernelspec": notebook.metadata["kernelspec"],
        "language_info": {"name": "python"},
    }
    nbformat.validate(notebook)
    nbformat.write(notebook, NOTEBOOK)
    print(f"{NOTEBOOK.name}: {NOTEBOOK.stat().st_size / 1024:.0f} KiB")


def _is_empty(output: Any) -> bool:
    return "data" in output and "image/png" not in output.data and not output.data.get("text/plain")


def _joined(outputs: list[Any]) -> list[Any]:
    """The outputs, with what was printed in pieces in one."""
    joined: list[Any] = []
    for output in outputs:
        if _is_empty(output):
            continue
        last = joined[-1] if joined else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            joined.append(output)
    return joined


def _tidy(output: Any, folder: str) -> None:
    data = output.get("data", {})
    if "image/png" in data:
        data["image/png"] = _small(data["image/png"])
    # Where it was run is nobody's concern.
    for place in (data, output):
        for key in ("text/plain", "text"):
            if isinstance(place.get(key), str):
                place[key] = place[key].replace(str(Path(folder).resolve()) + "/", "").replace(folder + "/", "")


def _small(png: str) -> str:
    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    picture.thumbnail((WIDEST, WIDEST))
    buffer = io.BytesIO()
    picture.quantize(COLOURS).save(buffer, format="PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


if __name__ == "__main__":
    main()
