"""Keras 2 files under Keras 3: the architecture is rebuilt flat from its description, and the weights are copied.

Keras 3 reads few of the files that Keras 2 wrote. Here nothing of the file is executed: its description is data, nested
models are expanded on the way, and whatever matters to training alone is left out.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from lucency.errors import BundleError
from lucency.learning.foreign_file import ForeignFile
from lucency.learning.keras2_layers import UnknownLayerError, call_arguments, make_layer

CONTAINERS = ("Sequential", "Functional", "Model")


@dataclass
class _Leaf:
    """A layer without layers inside: where it stood, and what it became; `layer` is None where it has no weights."""

    name: str
    top: str
    path: str
    layer: Any
    trainable: bool


def rebuild(file: ForeignFile) -> Any:
    """The model of a Keras 2 file as a flat keras.Model, with its weights.

    Raises:
        UnknownLayerError: It holds a layer that Keras 3 does not have.
        BundleError: The description or the weights cannot be understood.
    """
    leaves: list[_Leaf] = []
    place = str(file.path)
    shape = _first_shape(file.config)
    if shape is None:
        raise BundleError("does not say the shape of its input", where=place, hint="Save it after it was built")
    entering = keras.Input(shape[1:], dtype="float32", name="given")
    try:
        leaving = _expand(file.config, entering, leaves, top="", path="")
        model = keras.Model(entering, leaving, name="imported")
    except UnknownLayerError:
        raise
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
        raise BundleError(f"its architecture cannot be rebuilt ({reason})", where=place) from None
    arrays = _from_archive(file, leaves) if file.kind == "keras" else _from_hdf5(file, leaves)
    for leaf in leaves:
        if leaf.layer is not None and leaf.layer.weights:
            _fill(leaf, arrays.get(leaf.path, []), place)
    return model


def _expand(config: Mapping[str, Any], x: Any, leaves: list[_Leaf], *, top: str, path: str) -> Any:
    """Calls the layers of a container, one after another or along its graph, and remembers the leaves."""
    inside = config["config"]
    described = inside if isinstance(inside, list) else inside["layers"]
    counts: Counter[str] = Counter()
    if config["class_name"] == "Sequential":
        for entry in described:
            place = f"{path}layers/{_numbered(entry['class_name'], counts)}"
            x = _call(entry, x, {}, leaves, top=top or entry["config"]["name"], path=place)
        return x
    return _expand_graph(inside, described, x, leaves, counts, top=top, path=path)


def _expand_graph(
    inside: Mapping[str, Any],
    described: Sequence[Mapping[str, Any]],
    x: Any,
    leaves: list[_Leaf],
    counts: Counter[str],
    *,
    top: str,
    path: str,
) -> Any:
    (source,) = _ends(inside["input_layers"])
    (target,) = _ends(inside["output_layers"])
    made: dict[tuple[str, int], Any] = {(source, 0): x}
    paths = {entry["name"]: f"{path}layers/{_numbered(entry['class_name'], counts)}" for entry in described}
    waiting = [(entry, index, node) for entry in described for index, node in enumerate(entry.get("inbound_nodes", []))]
    while waiting:
        ready = [job for job in waiting if all(key in made for key in _sources(job[2]))]
        if not ready:
            raise ValueError("its graph has a loop or more than one input")
        for entry, index, node in ready:
            given, arguments = _arguments(node, made)
            name = entry["name"]
            value = _call(entry, given, arguments, leaves, top=top or name, path=paths[name])
            # A model inside a model counts from 1, since its own graph was its first call.
            made[name, index + 1 if entry["class_name"] in CONTAINERS else index] = value
            made.setdefault((name, index), value)
        waiting = [job for job in waiting if job not in ready]
    return next(value for (name, _), value in reversed(list(made.items())) if name == target)


def _call(
    entry: Mapping[str, Any], x: Any, arguments: dict[str, Any], leaves: list[_Leaf], *, top: str, path: str
) -> Any:
    kind = entry["class_name"]
    if kind == "InputLayer":
        return x
    if kind in CONTAINERS:
        return _expand(entry, x, leaves, top=top, path=f"{path}/")
    known = next((leaf for leaf in leaves if leaf.path == path), None)
    if known is None:
        layer = make_layer(kind, entry["config"], f"{entry['config']['name']}_{len(leaves)}")
        known = _Leaf(entry["config"]["name"], top, path, layer, bool(entry["config"].get("trainable", True)))
        leaves.append(known)
    return known.layer(x, **call_arguments(known.layer, arguments))


def _sources(node: Any) -> Iterator[tuple[str, int]]:
    for part in node if isinstance(node[0], list) else [node]:
        yield part[0], part[1]
        yield from (_reference(value) for value in part[3].values() if _reference(value)) if len(part) > 3 else ()


def _reference(value: Any) -> Any:
    if isinstance(value, list) and len(value) == 3 and isinstance(value[0], str) and isinstance(value[1], int):
        return value[0], value[1]
    return None


def _arguments(node: Any, made: Mapping[tuple[str, int], Any]) -> tuple[Any, dict[str, Any]]:
    parts = node if isinstance(node[0], list) else [node]
    given = [made[part[0], part[1]] for part in parts]
    arguments = dict(parts[0][3]) if len(parts[0]) > 3 else {}
    for key, value in arguments.items():
        if _reference(value):
            arguments[key] = made[_reference(value)]
    return (given[0] if len(given) == 1 else given), arguments


def _ends(listed: Any) -> list[str]:
    return [str(listed[0])] if listed and isinstance(listed[0], str) else [str(part[0]) for part in listed]


def _first_shape(config: Any) -> list[int | None] | None:
    """The shape of the first input that a description names, depth first."""
    if not isinstance(config, dict):
        return None
    inside = config.get("config")
    described = inside if isinstance(inside, list) else inside.get("layers") if isinstance(inside, dict) else None
    for key in ("batch_input_shape", "batch_shape", "build_input_shape"):
        if isinstance(inside, dict) and inside.get(key):
            return list(inside[key])
    for entry in described or []:
        found = _first_shape(entry)
        if found:
            return found
    return None


def _numbered(kind: str, counts: Counter[str]) -> str:
    """The name under which Keras 2 stores a layer in a .keras file: its class, and a number from the second on."""
    name = re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", kind)).lower()
    counts[name] += 1
    return name if counts[name] == 1 else f"{name}_{counts[name] - 1}"


def _from_archive(file: ForeignFile, leaves: Sequence[_Leaf]) -> dict[str, list[tuple[str, Any]]]:
    import h5py

    with zipfile.ZipFile(file.path) as archive:
        content = archive.read("model.weights.h5")
    found: dict[str, list[tuple[str, Any]]] = {}
    with h5py.File(io.BytesIO(content), "r") as store:
        for leaf in leaves:
            # Some versions wrote the containers' own name for the layers.
            for place in (f"{leaf.path}/vars", f"_layer_checkpoint_dependencies/{leaf.name}/vars"):
                if place in store:
                    group = store[place]
                    found[leaf.path] = [("", np.asarray(group[key])) for key in sorted(group, key=int)]
                    break
    return found


def _from_hdf5(file: ForeignFile, leaves: Sequence[_Leaf]) -> dict[str, list[tuple[str, Any]]]:
    import h5py

    found: dict[str, list[tuple[str, Any]]] = {}
    with h5py.File(file.path, "r") as store:
        groups = store.get("model_weights", store)
        for top in dict.fromkeys(leaf.top for leaf in leaves):
            if top not in groups:
                continue
            group = groups[top]
            names = [_text(name) for name in _chunks(group.attrs, "weight_names")]
            arrays = [(name, np.asarray(group[name])) for name in names]
            inside = [leaf for leaf in leaves if leaf.top == top and leaf.layer.weights]
            found.update(_by_name(arrays, inside) or _by_order(arrays, inside))
    return found


def _by_name(arrays: Sequence[tuple[str, Any]], leaves: Sequence[_Leaf]) -> dict[str, list[tuple[str, Any]]]:
    """Weights of each leaf by the name of the layer; empty where names do not tell every one of them apart."""
    found: dict[str, list[tuple[str, Any]]] = {}
    for name, array in arrays:
        prefix, _, variable = re.sub(r":\d+$", "", name).rpartition("/")
        owners = [leaf for leaf in leaves if prefix == leaf.name or prefix.endswith(f"/{leaf.name}")]
        if not owners:
            return {}
        longest = max(len(leaf.name) for leaf in owners)
        owners = [leaf for leaf in owners if len(leaf.name) == longest]
        if len(owners) > 1:
            return {}
        found.setdefault(owners[0].path, []).append((variable, array))
    fits = all(len(found.get(leaf.path, [])) == len(leaf.layer.weights) for leaf in leaves)
    return found if fits else {}


def _by_order(arrays: Sequence[tuple[str, Any]], leaves: Sequence[_Leaf]) -> dict[str, list[tuple[str, Any]]]:
    """Weights of each leaf by the order of Keras 2: what trains comes first, what does not (or is frozen) after it."""
    trained = {leaf.path: len(leaf.layer.trainable_weights) if leaf.trainable else 0 for leaf in leaves}
    waiting = iter(arrays)
    found: dict[str, list[tuple[str, Any]]] = {leaf.path: [] for leaf in leaves}
    for last in (False, True):
        for leaf in leaves:
            count = len(leaf.layer.weights) - trained[leaf.path] if last else trained[leaf.path]
            found[leaf.path] += [("", array) for _, (_, array) in zip(range(count), waiting, strict=False)]
    return found


def _fill(leaf: _Leaf, arrays: Sequence[tuple[str, Any]], place: str) -> None:
    names = [weight.name for weight in leaf.layer.weights]
    by_name = {_ALIASES.get(name, name): array for name, array in arrays}
    ordered = [by_name[name] for name in names] if set(by_name) == set(names) else [array for _, array in arrays]
    wanted = [tuple(weight.shape) for weight in leaf.layer.weights]
    if [array.shape for array in ordered] != wanted:
        raise BundleError(
            f"the weights of the layer '{leaf.name}' are missing or do not fit: the file has "
            f"{[array.shape for array in ordered]}, the layer wants {wanted}",
            where=place,
            hint="Get the file again; it may not be whole",
        )
    leaf.layer.set_weights(ordered)


_ALIASES = {"depthwise_kernel": "kernel"}
"""Names of weights that changed from Keras 2 to 3, where the layer has no other of that name."""


def _chunks(attributes: Any, name: str) -> list[Any]:
    """An HDF5 attribute that Keras cuts into name0, name1 ... where it is long."""
    if name in attributes:
        return list(attributes[name])
    parts: list[Any] = []
    while f"{name}{len(parts)}" in attributes:
        parts.append(list(attributes[f"{name}{len(parts)}"]))
    return [item for part in parts for item in part]


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)
