"""The download of ImageNet weights, against a local server."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lucency.errors import RecipeError
from lucency.learning.backend import choose_backend

choose_backend()

from lucency.learning.backbones import BACKBONES  # noqa: E402
from lucency.learning.pretrained import load_weights  # noqa: E402


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_weights_are_fetched_once_and_kept(server: tuple[Path, str], tmp_path: Path) -> None:
    folder, address = server
    source = BACKBONES["mobilenet"].factory((64, 64, 3))
    source.save_weights(folder / "w.weights.h5")
    for _ in range(2):
        model = BACKBONES["mobilenet"].factory((96, 96, 3))
        load_weights(model, "mobilenet", "imagenet", cache=tmp_path / "cache", url=f"{address}/w.weights.h5")
        for ours, theirs in zip(model.get_weights(), source.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)
        (folder / "w.weights.h5").unlink(missing_ok=True)


def test_without_the_file_the_error_says_what_to_fetch_and_where_to_put_it(
    server: tuple[Path, str], tmp_path: Path
) -> None:
    _, address = server
    model = BACKBONES["mobilenet"].factory((64, 64, 3))
    with pytest.raises(RecipeError, match=r"gone\.h5.*put it at.*cache.*--weights") as caught:
        load_weights(model, "mobilenet", "imagenet", cache=tmp_path / "cache", url=f"{address}/gone.h5")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "cache" / "gone.h5").exists()


def test_an_architecture_without_weights_says_so() -> None:
    with pytest.raises(RecipeError, match="no ImageNet weights for tiny-vgg"):
        load_weights(BACKBONES["tiny-vgg"].factory((64, 64, 3)), "tiny-vgg", "imagenet")


def test_a_file_that_holds_no_weights_or_those_of_another_network_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("hello", "utf-8")
    BACKBONES["tiny-vgg"].factory((64, 64, 3)).save_weights(tmp_path / "tiny.weights.h5")
    model = BACKBONES["four-block"].factory((64, 64, 3))
    with pytest.raises(RecipeError, match=r"is no weights file.*four-block backbone without its top"):
        load_weights(model, "four-block", str(tmp_path / "text.h5"))
    with pytest.raises(RecipeError, match=r"do not fit four-block.*another network"):
        load_weights(model, "four-block", str(tmp_path / "tiny.weights.h5"))
