"""What the class numbers of YOLO labels mean: data.yaml, classes.txt, obj.names."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lucency.datasets.film_index import parts_of
from lucency.datasets.film_tree import FilmTree
from lucency.datasets.vocabulary import SPLIT_WORDS, squeeze
from lucency.errors import DatasetError, MissingExtraError

LIST_NAMES = frozenset(("classes.txt", "obj.names", "_darknet.labels", "classes.names", "predefined_classes.txt"))
YAML_NAMES = frozenset(("data.yaml", "data.yml", "dataset.yaml", "dataset.yml"))

Parts = tuple[str, ...]


@dataclass(frozen=True)
class ClassNames:
    """One file that names classes.

    Attributes:
        path: The file.
        folder: Its folder in the tree; () where it lies above.
        names: Number of a class -> its name.
        keypoints: Whether rows of labels go on with key points after the box.
        splits: Folders and lists of films, as parts, each with its split.
    """

    path: Path
    folder: Parts
    names: Mapping[int, str]
    keypoints: bool = False
    splits: tuple[tuple[Parts, str], ...] = ()


def is_names_file(name: str) -> bool:
    """Whether a file is called like one that names classes."""
    return name.casefold() in LIST_NAMES | YAML_NAMES


def find_names(tree: FilmTree) -> list[ClassNames]:
    """The files of a tree that name classes, and the data.yaml above it, those that lie deepest first.

    Raises:
        DatasetError: One is broken.
        MissingExtraError: PyYAML is not installed.
    """
    found: list[ClassNames] = []
    for text in tree.texts:
        path, name = Path(tree.path(text)), text[-1].casefold()
        if name in LIST_NAMES:
            lines = [line.strip() for line in _text(path).splitlines()]
            if any(lines):
                found.append(ClassNames(path, text[:-1], {i: line for i, line in enumerate(lines) if line}))
        elif name in YAML_NAMES:
            found.append(_from_yaml(path, text[:-1]))
    if not found:
        # GRAZPEDWRI-DX calls it meta.yaml; files of YAML about something else are passed over.
        others = [text for text in tree.texts if text[-1].casefold().endswith((".yaml", ".yml"))]
        for text in others:
            with suppress(DatasetError):
                found.append(_from_yaml(Path(tree.path(text)), text[:-1]))
    above = [path for name in sorted(YAML_NAMES) if (path := tree.root.parent / name).is_file()]
    if not found and above:
        # Where one split of a set is given, its data.yaml lies one folder up.
        found.append(_from_yaml(above[0], ()))
    return sorted(found, key=lambda one: -len(one.folder))


def _from_yaml(path: Path, folder: Parts) -> ClassNames:
    try:
        import yaml  # type: ignore[import-untyped, unused-ignore]
    except ModuleNotFoundError as missing:
        raise MissingExtraError("pyyaml", extra="tables", need="Reading data.yaml") from missing
    try:
        content = yaml.safe_load(_text(path))
    except (yaml.YAMLError, ValueError, RecursionError) as bad:
        reason = " ".join(str(getattr(bad, "problem", None) or bad).split())
        mark = getattr(bad, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark is not None else ""
        raise DatasetError(f"this is not YAML: {reason[:120]}{line}", where=path) from None
    if not isinstance(content, dict) or "names" not in content:
        raise DatasetError(
            "names no classes: the key 'names' is missing", where=path, hint="For example names: [fracture]"
        )
    return ClassNames(path, folder, _names(content["names"], path), "kpt_shape" in content, _splits(content))


def _names(names: Any, path: Path) -> dict[int, str]:
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not names:
        raise DatasetError("names no classes: 'names' is neither a list nor a mapping from numbers", where=path)
    numbered = {}
    for number, name in names.items():
        if not str(number).isdigit() or isinstance(name, (dict, list)) or name is None:
            raise DatasetError(f"the class {number!r}: {name!r} is no number with a name", where=path)
        numbered[int(number)] = str(name).strip()
    return numbered


def _splits(content: Mapping[Any, Any]) -> tuple[tuple[Parts, str], ...]:
    splits = []
    for key in content:
        split = SPLIT_WORDS.get(squeeze(str(key)))
        entries = content[key] if isinstance(content[key], list) else [content[key]]
        for entry in entries if split else []:
            if isinstance(entry, str) and (parts := parts_of(entry)):
                splits.append((parts, str(split)))
    return tuple(splits)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as bad:
        raise DatasetError(
            f"cannot be read ({getattr(bad, 'strerror', None) or 'it is not UTF-8 text'})", where=path
        ) from None
