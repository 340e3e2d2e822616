"""Layers as Keras 2 described them, made anew with Keras 3."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

import keras
from keras import layers, ops

from lucency.errors import BundleError
from lucency.learning.foreign_code import CODE_LAYERS


class UnknownLayerError(BundleError):
    """A layer that Keras 3 does not have, or that brings code."""


TRAINING_ONLY = (
    "Random", "Dropout", "SpatialDropout", "StochasticDepth", "GaussianNoise", "GaussianDropout", "AlphaDropout",
    "ActivityRegularization",
)  # fmt: skip
"""How the names of layers begin that do nothing at inference."""

LEFT_OUT = frozenset(
    [
        "batch_input_shape",
        "batch_shape",
        "dtype",
        "ragged",
        "sparse",
        "optional",
        "synchronized",
        "fused",
        "renorm",
        "renorm_clipping",
        "renorm_momentum",
        "virtual_batch_size",
        "adjustment",
        "implementation",
        "input_dtype",
        "build_input_shape",
    ]
)
"""Keys of a description that say nothing of the answer, or that Keras 3 does not know."""

RENAMED_CLASSES = {"BatchNormalizationV1": "BatchNormalization", "BatchNormalizationV2": "BatchNormalization"}

ONLY_OF_SOME: dict[str, tuple[str, ...]] = {
    "DepthwiseConv2D": ("groups", "filters"),
    "SeparableConv2D": ("groups",),
    "SeparableConv1D": ("groups",),
    "Conv2DTranspose": ("groups",),
}
"""Keys that a class inherited in Keras 2 and does not take in Keras 3."""


_HARD_SIGMOID = "hard_sigmoid"


def hard_sigmoid(x: Any) -> Any:
    """The hard sigmoid of Keras 2, 0.2 x + 0.5 from 0 to 1; that of Keras 3 is x / 6 + 0.5."""
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)


class LayerScale(keras.Layer):
    """Each channel times a weight of its own, as ConvNeXt has it (Liu et al. 2022, arXiv 2201.03545)."""

    def __init__(self, projection_dim: int, init_values: float = 1e-6, **given: Any):
        super().__init__(**given)
        self.projection_dim, self.init_values = projection_dim, init_values

    def build(self, shape: Any) -> None:
        """Makes the weights, float32 (channels,)."""
        start = keras.initializers.Constant(self.init_values)
        self.gamma = self.add_weight(shape=(self.projection_dim,), initializer=start, name="gamma")

    def call(self, x: Any) -> Any:
        """Maps (N, h, w, channels) -> the same shape."""
        return x * self.gamma


def make_layer(kind: str, config: Mapping[str, Any], name: str) -> Any:
    """A layer of Keras 3 that computes what the described one does at inference.

    Args:
        kind: Class name of Keras 2.
        config: Its description.
        name: A name that no other layer of the model has.

    Raises:
        UnknownLayerError: There is no such layer, or it is described in a way that Keras 3 does not understand.
    """
    # Slashes, as DenseNet has them in names, are not allowed any more.
    name = name.replace("/", "_")
    if kind in ("TFOpLambda", "SlicingOpLambda"):
        return _operation(name, str(config.get("function", "")))
    if kind == "TensorFlowOpLayer":
        raise UnknownLayerError(f"holds the raw TensorFlow operation '{name}'")
    if kind.startswith(TRAINING_ONLY):
        return layers.Identity(name=name)
    kind = RENAMED_CLASSES.get(kind, kind)
    found: Any = LayerScale if kind == "LayerScale" else getattr(layers, kind, object)
    if not _is_layer(found) or kind in CODE_LAYERS:
        raise UnknownLayerError(f"holds a layer that Keras 3 does not have: {kind} ('{name}')")
    dropped = {*LEFT_OUT, *ONLY_OF_SOME.get(kind, ())}
    kept = {
        key: _activation(value) if key.endswith("activation") else _plain(value)
        for key, value in config.items()
        if key not in dropped and not key.endswith(("_initializer", "_regularizer", "_constraint"))
    }
    kept["name"] = name
    if _mentions_hard_sigmoid(kept):
        raise UnknownLayerError(f"has the hard sigmoid of Keras 2 inside the layer '{name}' ({kind})")
    if kind == "BatchNormalization" and isinstance(kept.get("axis"), list):
        (kept["axis"],) = kept["axis"]
    if kind == "LeakyReLU" and "alpha" in kept:
        kept["negative_slope"] = kept.pop("alpha")
    try:
        return found.from_config({**kept, "dtype": "float32"})
    except (TypeError, ValueError, KeyError) as error:
        reason = str(error).strip().splitlines()[0][:120]
        raise UnknownLayerError(
            f"describes the layer '{name}' ({kind}) as Keras 3 does not know it ({reason})"
        ) from None


def _is_layer(found: Any) -> bool:
    return isinstance(found, type) and issubclass(found, keras.Layer)


def call_arguments(layer: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call that matter: those of an operation, and none of a layer (training, mask).

    Args:
        layer: What `make_layer` made.
        arguments: As the file describes the call.

    Raises:
        UnknownLayerError: An operation is called in a way that its row of `OPERATIONS` does not compute.
    """
    if not isinstance(layer, TensorFlowCall):
        return {}
    given = {key: value for key, value in arguments.items() if key != "name" and value is not None}
    taken = signature(OPERATIONS[layer.function]).parameters
    for key, value in given.items():
        if key not in taken or value not in MEANINGS.get((layer.function, key), (value,)):
            raise UnknownLayerError(
                f"calls tf.{layer.function} in a way that is not known here: {key}={value} ('{layer.name}')"
            )
    return given


def _plain(value: Any) -> Any:
    """Arrays and tuples that Keras 2 wrapped into dictionaries, as plain values."""
    if isinstance(value, dict) and value.get("class_name") in ("__numpy__", "__tuple__", "__ndarray__"):
        inside = value.get("config", value.get("items", value.get("value")))
        return inside.get("value") if isinstance(inside, dict) else inside
    return value


def _activation(value: Any) -> Any:
    named = value.get("config") if isinstance(value, dict) and value.get("class_name") == "function" else value
    return hard_sigmoid if named == _HARD_SIGMOID else _plain(value)


def _mentions_hard_sigmoid(value: Any) -> bool:
    """Whether Keras 3 would build its own hard sigmoid of a description, at any depth."""
    if isinstance(value, dict):
        return any(_mentions_hard_sigmoid(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(_mentions_hard_sigmoid(item) for item in value)
    return bool(value == _HARD_SIGMOID)


OPERATIONS: dict[str, Callable[..., Any]] = {
    "math.truediv": lambda x, y: x / _constant(y),
    "math.divide": lambda x, y: x / _constant(y),
    "math.multiply": lambda x, y: x * _constant(y),
    "math.add": lambda x, y: x + _constant(y),
    "math.subtract": lambda x, y: x - _constant(y),
    "__operators__.add": lambda x, y: x + _constant(y),
    "__operators__.sub": lambda x, y: x - _constant(y),
    "__operators__.mul": lambda x, y: x * _constant(y),
    "__operators__.truediv": lambda x, y: x / _constant(y),
    "__operators__.getitem": lambda x, slice_spec: x[_slices(slice_spec)],
    "nn.bias_add": lambda x, bias: x + _constant(bias),
    "nn.relu": lambda features: ops.relu(features),
    "nn.relu6": lambda features: ops.relu6(features),
    "nn.sigmoid": lambda x: ops.sigmoid(x),
    "math.sigmoid": lambda x: ops.sigmoid(x),
    "nn.softmax": lambda logits, axis=-1: ops.softmax(logits, axis=-1 if axis is None else axis),
    "nn.silu": lambda features: ops.silu(features),
    "nn.swish": lambda features: ops.silu(features),
    "cast": lambda x, dtype: ops.cast(x, "float32"),
    "image.resize": lambda images, size, method="bilinear", antialias=False, preserve_aspect_ratio=False: (
        ops.image.resize(images, tuple(size), interpolation="bilinear", antialias=False)
    ),
    "math.reduce_mean": lambda x, axis=None, keepdims=False: ops.mean(x, axis=axis, keepdims=bool(keepdims)),
    "reshape": lambda tensor, shape: ops.reshape(tensor, tuple(shape)),
}
"""TensorFlow functions that Keras 2 wrote into models, such as those of `preprocess_input` -> the same in Keras."""

MEANINGS: dict[tuple[str, str], tuple[Any, ...]] = {
    ("image.resize", "method"): ("bilinear",),
    ("image.resize", "antialias"): (False,),
    ("image.resize", "preserve_aspect_ratio"): (False,),
    # A cast to an integer rounds, and one to float16 does too.
    ("cast", "dtype"): ("float32", "float64"),
}
"""Function and argument -> the only values under which the row of `OPERATIONS` computes the same."""


class TensorFlowCall(keras.Layer):
    """A row of `OPERATIONS` as a layer, so that its name cannot collide with those of the file."""

    def __init__(self, name: str, function: str):
        super().__init__(name=name, dtype="float32")
        self.function = function

    def call(self, x: Any, **arguments: Any) -> Any:
        """The function of the same arguments that TensorFlow was given."""
        return OPERATIONS[self.function](x, **arguments)


def _operation(name: str, function: str) -> TensorFlowCall:
    if function not in OPERATIONS:
        raise UnknownLayerError(f"calls a TensorFlow function that is not known here: tf.{function} ('{name}')")
    return TensorFlowCall(name, function)


def _constant(value: Any) -> Any:
    return ops.convert_to_tensor(value, "float32") if isinstance(value, list) else value


def _slices(spec: Any) -> tuple[Any, ...]:
    parts: list[Any] = []
    for part in spec if isinstance(spec, list) else [spec]:
        if isinstance(part, dict) and {"start", "stop", "step"} <= set(part):
            parts.append(slice(part["start"], part["stop"], part["step"]))
        elif isinstance(part, dict):
            parts.append(Ellipsis)
        else:
            parts.append(part)
    return tuple(parts)
