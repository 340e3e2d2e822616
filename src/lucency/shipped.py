"""The models in the box: bundles that come with the package, and what a user's word for a bundle means."""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path

from lucency.errors import BundleError

DEFAULT_MODEL = "lucency-1"
"""The model that answers where no bundle is named."""

MODELS = (DEFAULT_MODEL,)
"""Every model that ships. To add one, put its bundle into `models/<name>` and add its name."""

_FOLDER = Path(__file__).parent / "models"
_SIGNS = ("card.json", "bundle/card.json", "run.json")
"""By which a folder shows that it was made as a bundle or a run."""


def shipped_models() -> tuple[str, ...]:
    """Names of the models that came with this installation; none where it was built without them."""
    return tuple(name for name in MODELS if (_FOLDER / name / "card.json").is_file())


def shipped_folder(name: str) -> Path:
    """The bundle folder of a model in the box.

    Args:
        name: One of `MODELS`.

    Raises:
        BundleError: There is none of that name, or it did not come with this installation.
    """
    if name not in MODELS:
        raise BundleError("is no model in the box", where=name, hint=_nearest(name) or f"There is: {', '.join(MODELS)}")
    folder = _FOLDER / name
    if not (folder / "card.json").is_file():
        raise BundleError(
            f"the model {name} did not come with this installation of lucency",
            where=folder,
            hint="Name a bundle of your own with --bundle or LUCENCY_BUNDLE, or install a version that brings a model",
        )
    return folder


def bundle_folder(given: str | os.PathLike[str] | None = None) -> Path:
    """The folder that is meant by what a user gave for a bundle.

    Args:
        given: None for the default model, the name of a model in the box, or a path. A name is a `str` without a
            folder before it: "./lucency-1" and `Path("lucency-1")` are paths, whatever is in the box.

    Returns:
        A path that is not looked into, apart from that of a model in the box.

    Raises:
        BundleError: A bundle or run in the working folder is called like a model in the box, so that either may be
            meant; the word is neither a name nor a path; or the model did not come with this installation.
    """
    if given is None:
        return shipped_folder(DEFAULT_MODEL)
    path = Path(given)
    if isinstance(given, str) and given in MODELS:
        if any((path / sign).is_file() for sign in _SIGNS):
            raise BundleError(
                "is the name of a model in the box and of a bundle or run in this folder",
                where=given,
                hint=f"For yours give {os.path.join(os.curdir, given)}, for the one in the box {_FOLDER / given}",
            )
        return shipped_folder(given)
    if path.name == os.fspath(given) and not path.exists():
        raise BundleError("does not exist, and no model in the box is called so", where=given, hint=_advice(path.name))
    return path


def _advice(name: str) -> str:
    folder = "Give the folder that `lucency train` or `lucency export` wrote as 'bundle', or a model in the box: "
    return _nearest(name) or folder + ", ".join(MODELS)


def _nearest(name: str) -> str:
    near = get_close_matches(name.casefold(), MODELS, n=1)
    return f"Did you mean the model in the box, '{near[0]}'?" if near else ""
