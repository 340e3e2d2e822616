"""The head of a foreign Keras model: the layers from its last map to its units, and the gradient back through them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers, ops

from lucency.learning.inference_twin import HEAD_GRADIENTS
from lucency.learning.output_mapping import Activation, OutputMapping

_LAST: dict[str, Activation] = {"sigmoid": "sigmoid", "softmax": "softmax", "linear": "linear"}

SLOPES: dict[str, Callable[[Any], Any]] = {
    "linear": ops.ones_like,
    "relu": lambda x: ops.cast(x > 0, x.dtype),
    "relu6": lambda x: ops.cast(ops.logical_and(x > 0, x < 6), x.dtype),
    "sigmoid": lambda x: ops.sigmoid(x) * (1 - ops.sigmoid(x)),
    "tanh": lambda x: 1 - ops.square(ops.tanh(x)),
    "softplus": ops.sigmoid,
    "silu": lambda x: ops.sigmoid(x) * (1 + x * (1 - ops.sigmoid(x))),
    "elu": lambda x: ops.where(x > 0, ops.ones_like(x), ops.exp(ops.minimum(x, 0.0))),
    "selu": lambda x: 1.0507009873554805 * ops.where(
        x > 0, ops.ones_like(x), 1.6732632423543772 * ops.exp(ops.minimum(x, 0.0))
    ),
    "leaky_relu": lambda x: ops.where(x > 0, ops.ones_like(x), 0.2 * ops.ones_like(x)),
}  # fmt: skip
"""Name of an activation -> its derivative at x, written as forward operations."""


def _slope(layer: Any, entering: Any) -> Any:
    name = activation_name(layer)
    if name not in SLOPES:
        raise ValueError(f"no gradient rule for the activation {name}")
    return SLOPES[name](entering)


def _through_dense(layer: Any, entering: Any, gradient: Any) -> Any:
    before = ops.matmul(entering, layer.kernel)
    before = before + layer.bias if layer.use_bias else before
    return ops.matmul(gradient * _slope(layer, before), ops.transpose(layer.kernel))


def _through_pointwise(layer: Any, entering: Any, gradient: Any) -> Any:
    _, height, width, channels = entering.shape
    if (height, width, *layer.kernel_size) != (1, 1, 1, 1) or layer.groups != 1:
        raise ValueError("no gradient rule for a convolution that sees more than one cell")
    kernel = ops.reshape(layer.kernel, (channels, layer.filters))
    before = ops.matmul(entering, kernel)
    before = before + layer.bias if layer.use_bias else before
    return ops.matmul(gradient * _slope(layer, before), ops.transpose(kernel))


def _through_pool(layer: Any, entering: Any, gradient: Any) -> Any:
    _, height, width, channels = entering.shape
    return ops.reshape(gradient, (-1, 1, 1, channels)) * ops.ones((1, height, width, 1)) / (height * width)


def _through_largest(layer: Any, entering: Any, gradient: Any) -> Any:
    _, _, _, channels = entering.shape
    hits = ops.cast(entering >= ops.max(entering, axis=(1, 2), keepdims=True), entering.dtype)
    return ops.reshape(gradient, (-1, 1, 1, channels)) * hits / ops.sum(hits, axis=(1, 2), keepdims=True)


def _through_reshape(layer: Any, entering: Any, gradient: Any) -> Any:
    return ops.reshape(gradient, (-1, *entering.shape[1:]))


def _through_activation(layer: Any, entering: Any, gradient: Any) -> Any:
    return gradient * _slope(layer, entering)


def _through_relu(layer: Any, entering: Any, gradient: Any) -> Any:
    if layer.threshold:
        raise ValueError("no gradient rule for a ReLU with a threshold")
    slope = ops.where(entering > 0, ops.ones_like(entering), layer.negative_slope * ops.ones_like(entering))
    if layer.max_value is not None:
        slope = slope * ops.cast(entering < layer.max_value, entering.dtype)
    return gradient * slope


def _through_leaky(layer: Any, entering: Any, gradient: Any) -> Any:
    return gradient * ops.where(entering > 0, ops.ones_like(entering), layer.negative_slope * ops.ones_like(entering))


def _through_layer_normalization(layer: Any, entering: Any, gradient: Any) -> Any:
    if layer.rms_scaling or len(entering.shape) != 2:
        raise ValueError("no gradient rule for this layer normalization")
    centred = entering - ops.mean(entering, axis=-1, keepdims=True)
    deviation = ops.sqrt(ops.mean(ops.square(centred), axis=-1, keepdims=True) + layer.epsilon)
    normal, scaled = centred / deviation, gradient * (layer.gamma if layer.scale else 1.0)
    along = ops.mean(scaled * normal, axis=-1, keepdims=True)
    return (scaled - ops.mean(scaled, axis=-1, keepdims=True) - normal * along) / deviation


def _unchanged(layer: Any, entering: Any, gradient: Any) -> Any:
    return gradient


FOREIGN_GRADIENTS: dict[type, Callable[[Any, Any, Any], Any]] = {
    **HEAD_GRADIENTS,
    layers.GlobalAveragePooling2D: _through_pool,
    layers.GlobalMaxPooling2D: _through_largest,
    layers.Dense: _through_dense,
    layers.Conv2D: _through_pointwise,
    layers.Flatten: _through_reshape,
    layers.Reshape: _through_reshape,
    layers.Activation: _through_activation,
    layers.ReLU: _through_relu,
    layers.LeakyReLU: _through_leaky,
    layers.LayerNormalization: _through_layer_normalization,
    layers.Identity: _unchanged,
    layers.GaussianDropout: _unchanged,
    layers.AlphaDropout: _unchanged,
    layers.SpatialDropout2D: _unchanged,
    layers.ActivityRegularization: _unchanged,
}
"""How a gradient passes each layer that the head of somebody else's model may hold."""


def activation_name(layer: Any) -> str:
    """Name of the activation of a layer; "softmax" for that layer, "linear" for a layer without one."""
    if isinstance(layer, layers.Softmax):
        return "softmax"
    found = getattr(layer, "activation", None)
    return "linear" if found is None else str(getattr(found, "__name__", type(found).__name__))


class ForeignHead:
    """The chain from the last map to the units.

    Attributes:
        features: keras.Model from the model's input to that map (N, h, w, channels).
        chain: Layers from the map to the units before their activation.
        activation: The activation that follows.
    """

    def __init__(self, features: Any, chain: list[Any], activation: Activation):
        self.features = features
        self.chain = chain
        self.activation = activation

    def call(self, films: Any, mapping: OutputMapping) -> dict[str, Any]:
        """Films -> units (N, K) before the activation, heatmap (N, h, w) in logits, embedding (N, channels).

        The heat map is HiResCAM (Draelos and Carin 2020, arXiv 2011.08891): the gradient of the logit with respect to
        the map, times the map, times the number of its cells, summed over channels.
        """
        entering = self.features(films, training=False)
        x, passed = entering, []
        for layer in self.chain:
            passed.append((layer, x))
            x = layer(x, training=False)
        units = ops.reshape(x, (-1, mapping.units))
        gradient = ops.reshape(_of_logit(units, mapping), (-1, *x.shape[1:]))
        for layer, before in reversed(passed):
            gradient = FOREIGN_GRADIENTS[type(layer)](layer, before, gradient)
        _, height, width, _ = entering.shape
        heatmap = ops.sum(gradient * entering, axis=-1) * (height * width)
        return {"units": units, "heatmap": heatmap, "embedding": ops.mean(entering, axis=(1, 2))}


def _of_logit(units: Any, mapping: OutputMapping) -> Any:
    """Gradient of the logit with respect to the units, (N, K)."""
    if mapping.units == 1:
        return ops.ones_like(units) * mapping.sign
    masks = []
    for classes in (mapping.positive, mapping.negative):
        inside = ops.convert_to_tensor([[0.0 if index in classes else -1e30 for index in range(mapping.units)]])
        if mapping.independent:
            masked = units + inside
            masks.append(ops.cast(masked >= ops.max(masked, axis=1, keepdims=True), "float32"))
        else:
            masks.append(ops.softmax(units + inside, axis=1))
    return masks[0] if mapping.independent else masks[0] - masks[1]


def find_head(model: Any) -> ForeignHead | str:
    """The head of a flat model, or why there is none that a heat map could be made of.

    Args:
        model: keras.Model of one input and one output, without models inside.
    """
    chain: list[Any] = []
    tensor = model.outputs[0]
    while True:
        operation, node_index, _ = tensor._keras_history
        node = operation._inbound_nodes[node_index]
        if not isinstance(operation, keras.Layer) or isinstance(operation, layers.InputLayer):
            return f"its head holds an operation for which there is no rule ({operation.name})"
        chain.insert(0, operation)
        if len(node.input_tensors) != 1:
            return f"its head has branches (at '{operation.name}')"
        tensor = node.input_tensors[0]
        if len(tensor.shape) == 4 and tuple(tensor.shape[1:3]) != (1, 1):
            break
    if isinstance(tensor._keras_history.operation, layers.InputLayer):
        return "its head sees the film itself, with no map between"
    while isinstance(chain[-1], layers.Identity | layers.Dropout | layers.Flatten | layers.Reshape) and len(chain) > 1:
        # Nothing that follows the activation changes a value.
        chain.pop()
    name = activation_name(chain[-1])
    if name not in _LAST:
        return f"its last activation is {name}"
    last = chain.pop()
    if not isinstance(last, layers.Activation | layers.Softmax):
        chain.append(_without_activation(last) if name != "linear" else last)
    unknown = [layer for layer in chain if type(layer) not in FOREIGN_GRADIENTS]
    if unknown:
        return f"its head holds a layer for which there is no rule ({type(unknown[0]).__name__})"
    if any(getattr(layer, "data_format", None) == "channels_first" for layer in chain):
        return "its maps have channels first"
    return ForeignHead(keras.Model(model.inputs, tensor), chain, _LAST[name])


def _without_activation(layer: Any) -> Any:
    config = {**layer.get_config(), "activation": "linear", "name": f"{layer.name}_units"}
    twin = type(layer).from_config(config)
    # A layer of its own, so that the model itself still answers as it was.
    twin.build(layer._build_shapes_dict["input_shape"] if layer._build_shapes_dict else layer.input.shape)
    twin.set_weights(layer.get_weights())
    return twin
