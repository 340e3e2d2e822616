"""Pretrained weights: found, fetched, checked, and filled into a backbone."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

from lucency.datasets.checksum import Checksum
from lucency.datasets.download import download
from lucency.datasets.folder_lock import folder_lock
from lucency.errors import LucencyError, RecipeError
from lucency.learning.backbones import BACKBONES, Backbone


def load_weights(backbone: Any, name: str, weights: str, *, cache: Path | None = None, url: str | None = None) -> None:
    """Fills a backbone with pretrained weights, in place.

    Args:
        backbone: Model made by the row's factory.
        name: Key of `BACKBONES`.
        weights: "none", "imagenet", or the path of a `.h5` or `.weights.h5` file.
        cache: Folder for downloaded weights; Keras's own (`~/.keras/models`) by default.
        url: Another address of the ImageNet weights.

    Raises:
        RecipeError: The file is missing, cannot be fetched, or holds another architecture.
    """
    row = BACKBONES[name]
    if weights == "none":
        return
    path = _fetch(name, row, cache, url) if weights == "imagenet" else Path(weights).expanduser()
    if not path.is_file():
        raise RecipeError(
            "the weights file does not exist",
            where=path,
            hint='Give "imagenet", "none", or the path of a weights file for this architecture',
        )
    with path.open("rb") as file:
        head = file.read(64)
    if head.startswith(b"version https://git-lfs"):
        raise RecipeError("this is a Git-LFS pointer, not the weights", where=path, hint="Run: git lfs pull")
    wanted = f"Give a whole .h5 or .weights.h5 file of the {name} backbone without its top, or --weights none"
    if not head.startswith(b"\x89HDF"):
        raise RecipeError("is no weights file", where=path, hint=wanted)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            backbone.load_weights(str(path))
    except Exception as error:  # Keras and h5py raise four kinds of error for one and the same cause.
        reason = str(error).strip().splitlines()[0][:160] if str(error).strip() else type(error).__name__
        if "could not be loaded" in reason or "layers" in reason:
            reason = "they are of another network, or of one with its top"
        raise RecipeError(f"the weights do not fit {name} ({reason})", where=path, hint=wanted) from None


def _fetch(name: str, row: Backbone, cache: Path | None, url: str | None) -> Path:
    digest = row.weights_digest if url is None else None
    url = url or row.weights_url
    if url is None:
        raise RecipeError(f"there are no ImageNet weights for {name}", hint='Set model.weights to "none"')
    file = url.rpartition("/")[2]
    folder = cache or Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with folder_lock(folder, doing="fetching weights"):
            # A file that is there already is checked and kept.
            return download(url, folder / file, checksum=_checksum(digest), tries=3)
    except (LucencyError, OSError) as failed:
        reason = failed.what if isinstance(failed, LucencyError) else failed.strerror
        raise RecipeError(
            f"the ImageNet weights of {name} cannot be fetched ({reason})",
            where=url,
            hint=f"Fetch that file where there is internet and put it at {folder / file}, or give --weights PATH or "
            "--weights none",
        ) from None


def _checksum(digest: str | None) -> Checksum | None:
    if digest is None:
        return None
    return Checksum("md5" if len(digest) == 32 else "sha256", digest, "Keras")
