"""What is exported of a trained classifier: the same weights, films -> logit, heat map, embedding.

The twin walks the classifier's own layers, so both share their weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import layers, ops

from lucency.learning.backend import jit
from lucency.learning.recipe_sections import ModelSection


def _through_pool(layer: Any, entering: Any, gradient: Any) -> Any:
    _, height, width, channels = entering.shape
    return ops.reshape(gradient, (-1, 1, 1, channels)) * ops.ones((1, height, width, 1)) / (height * width)


def _through_flatten(layer: Any, entering: Any, gradient: Any) -> Any:
    return ops.reshape(gradient, (-1, *entering.shape[1:]))


def _through_dense(layer: Any, entering: Any, gradient: Any) -> Any:
    if layer.activation is keras.activations.relu:
        before = ops.matmul(entering, layer.kernel) + layer.bias
        gradient = gradient * ops.cast(before > 0, gradient.dtype)
    elif layer.activation is not keras.activations.linear:
        raise ValueError(f"no gradient rule for a Dense layer with activation {layer.activation}")
    return ops.matmul(gradient, ops.transpose(layer.kernel))


def _through_batch_normalization(layer: Any, entering: Any, gradient: Any) -> Any:
    scale = 1 / ops.sqrt(layer.moving_variance + layer.epsilon)
    return gradient * (scale * layer.gamma if layer.scale else scale)


def _unchanged(layer: Any, entering: Any, gradient: Any) -> Any:
    return gradient


HEAD_GRADIENTS: dict[type, Callable[[Any, Any, Any], Any]] = {
    layers.GlobalAveragePooling2D: _through_pool,
    layers.Flatten: _through_flatten,
    layers.Dense: _through_dense,
    layers.BatchNormalization: _through_batch_normalization,
    layers.Dropout: _unchanged,
    layers.GaussianNoise: _unchanged,
}
"""How the gradient of the logit passes each layer that a head may hold, written as forward operations."""


class InferenceTwin(keras.Model):
    """The same weights without augmentation: films -> logit, heat map, embedding.

    The heat map is HiResCAM (Draelos and Carin 2020, arXiv 2011.08891): the gradient of the logit with respect to the
    map that enters the head, times that map, summed over channels; here times the number of cells, so that for a head
    without hidden layers the mean of the heat map plus the bias is the logit. The embedding is the mean of that map.
    """

    def __init__(self, model: Any):
        super().__init__(name="inference", dtype="float32")
        names = [layer.name for layer in model.layers]
        self.network_input = model.get_layer("network_input")
        self.features = model.get_layer("features")
        self.head = model.layers[names.index("features") + 1 :]

    def call(self, films: Any, training: bool = False) -> dict[str, Any]:
        """Films (B, H, W, 1), grey 0..255 -> logit (B,), heatmap (B, h, w), embedding (B, channels), float32."""
        entering = self.features(self.network_input(films), training=False)
        x, passed = entering, []
        for layer in self.head:
            passed.append((layer, x))
            x = layer(x, training=False)
        gradient = ops.ones_like(x)
        for layer, before in reversed(passed):
            gradient = HEAD_GRADIENTS[type(layer)](layer, before, gradient)
        _, height, width, _ = entering.shape
        heatmap = ops.sum(gradient * entering, axis=-1) * (height * width)
        return {"logit": x[:, 0], "heatmap": heatmap, "embedding": ops.mean(entering, axis=(1, 2))}


class LocaliserTwin(keras.Model):
    """The same weights without augmentation, of a classifier whose heat map is its own.

    The embedding is the mean of the last map of the backbone.
    """

    def __init__(self, model: Any, size: tuple[int, int] | None = None):
        """As it was built, or for films of another height and width, which are multiples of 32."""
        super().__init__(name="inference", dtype="float32")
        parts = [model.get_layer(name) for name in ("network_input", "features", "localiser")]
        if size is not None:
            parts = _resized(parts, size)
        self.network_input, self.features, self.localiser = parts

    def call(self, films: Any, training: bool = False) -> dict[str, Any]:
        """Films (B, H, W, 1), grey 0..255 -> logit (B,), heatmap (B, h, w), embedding (B, channels), float32."""
        maps = self.features(self.network_input(films), training=False)
        said = self.localiser(maps, training=False)
        return {"logit": said["logit"][:, 0], "heatmap": said["map"], "embedding": ops.mean(maps[1], axis=(1, 2))}


def _resized(parts: Sequence[Any], size: tuple[int, int]) -> list[Any]:
    """Models, each fed by the one before it, around the same layers, for films of another height and width."""
    entering: Any = keras.Input((*size, 1))
    built: list[Any] = []
    for part in parts:
        built.append(keras.models.clone_model(part, input_tensors=entering, clone_function=lambda layer: layer))
        entering = keras.tree.map_structure(lambda leaving: keras.Input(leaving.shape[1:]), built[-1].output)
    return built


def has_localiser(model: Any) -> bool:
    """Whether a model of `build_classifier` has a heat map of its own."""
    return any(layer.name == "localiser" for layer in model.layers)


class MirroredTwin(keras.Model):
    """The mean of what a twin says of a film and of its mirror image, each heat map laid over the film as it is.

    Both go through the graph as one batch, so that a graph that is written out holds its weights once.
    """

    def __init__(self, twin: Any):
        super().__init__(name="inference", dtype="float32")
        self.twin = twin

    def call(self, films: Any, training: bool = False) -> dict[str, Any]:
        """Films (B, H, W, 1), grey 0..255 -> logit (B,), heatmap (B, h, w), embedding (B, channels), float32."""
        said = self.twin(ops.concatenate([films, ops.flip(films, axis=2)], axis=0), training=False)
        count = ops.shape(films)[0]
        film, mirrored = ({name: part(values, count) for name, values in said.items()} for part in (_first, _second))
        mirrored["heatmap"] = ops.flip(mirrored["heatmap"], axis=2)
        return {name: (film[name] + mirrored[name]) / 2 for name in said}


def _first(values: Any, count: Any) -> Any:
    return values[:count]


def _second(values: Any, count: Any) -> Any:
    return values[count:]


class ScaledTwin(keras.Model):
    """The mean of what a classifier with a heat map of its own says of a film at several sizes.

    Films that are larger than those of training look as these did after augmentation (Touvron et al. 2019, "Fixing the
    train-test resolution discrepancy", arXiv 1906.06423). The heat maps are brought to the size of the first by
    bilinear interpolation.

    Args:
        model: With a localiser.
        scales: Sides of the film, as shares of the input's; at least one.
    """

    def __init__(self, model: Any, scales: Sequence[float]):
        super().__init__(name="inference", dtype="float32")
        _, height, width, _ = model.input_shape
        self.own = (height, width)
        self.sizes = [(round(height * scale), round(width * scale)) for scale in scales]
        self.twins = [LocaliserTwin(model, None if size == self.own else size) for size in self.sizes]

    def call(self, films: Any, training: bool = False) -> dict[str, Any]:
        """Films (B, H, W, 1), grey 0..255 -> logit (B,), heatmap (B, h, w), embedding (B, channels), float32."""
        # Resized as whole numbers, films of uint8 would be rounded, which the exported graph does not do.
        films = ops.cast(films, "float32")
        answers: list[dict[str, Any]] = []
        for size, twin in zip(self.sizes, self.twins, strict=True):
            sized = films if size == self.own else ops.image.resize(films, size, interpolation="bilinear")
            said = twin(sized, training=False)
            if answers:
                _, rows, columns = answers[0]["heatmap"].shape
                heat = ops.image.resize(said["heatmap"][..., None], (rows, columns), interpolation="bilinear")
                said = {**said, "heatmap": heat[..., 0]}
            answers.append(said)
        return {name: sum(said[name] for said in answers) / len(answers) for name in answers[0]}


def inference_twin(model: Any, plan: ModelSection) -> Any:
    """What is exported of a model of `build_classifier`: films -> logit, heat map, embedding.

    Args:
        model: Trained, in float32.
        plan: The recipe's `[model]`, whose `mirror` and `scales` say what an answer is the mean of.
    """
    if not has_localiser(model):
        twin = InferenceTwin(model)
    else:
        twin = ScaledTwin(model, plan.scales) if plan.scales else LocaliserTwin(model)
    twin = MirroredTwin(twin) if plan.mirror else twin
    twin.compile(jit_compile=jit())
    return twin
