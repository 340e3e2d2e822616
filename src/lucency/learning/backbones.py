"""BACKBONES: one row each, with the factory, the input convention, the head it takes, its weights and their licence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np

from lucency.learning import architectures
from lucency.learning.input_convention import CONVENTIONS, IMAGENET_DEVIATION, IMAGENET_MEAN, Convention

__all__ = ["BACKBONES", "CONVENTIONS", "Backbone", "Convention"]


@dataclass(frozen=True)
class Backbone:
    """One row of `BACKBONES`.

    Attributes:
        factory: (H, W, 3) -> keras.Model from the network's input convention to the map that enters the head.
        convention: Key of `CONVENTIONS`; "unchanged" where the network scales its input itself.
        pooling: How the map is brought to a vector for the logit.
        smallest_side: Smallest input side in pixels.
        weights_url: Where the ImageNet weights come from, or None where there are none.
        weights_digest: MD5 or SHA-256 of that file as Keras states it, or None where it states none.
        weights_licence: Licence of those weights.
        settle: What is done to the model after any weights were loaded, or None.
    """

    factory: Callable[[tuple[int, int, int]], Any]
    convention: Convention
    pooling: Literal["average", "flatten"]
    smallest_side: int
    weights_url: str | None = None
    weights_digest: str | None = None
    weights_licence: str | None = None
    settle: Callable[[Any], None] | None = None

    @property
    def weights_file(self) -> str | None:
        """File name of the ImageNet weights."""
        return self.weights_url.rpartition("/")[2] if self.weights_url else None


def _stack(layers: Callable[[], list[Any]]) -> Callable[[tuple[int, int, int]], Any]:
    def build(shape: tuple[int, int, int]) -> Any:
        return keras.Sequential([keras.Input(shape), *layers()])

    return build


def _application(name: str) -> Callable[[tuple[int, int, int]], Any]:
    def build(shape: tuple[int, int, int]) -> Any:
        return getattr(keras.applications, name)(include_top=False, weights=None, input_shape=shape)

    return build


def _settle_efficientnet(model: Any) -> None:
    """Gives EfficientNet (v1) the constants of its first layers, which Keras sets only with `weights="imagenet"`.

    The published weights want (x - mean) / deviation ** 1.5: Keras divides by the deviation in a Normalization layer,
    whose constants come with the weights file, and by its square root in a layer that is left out without
    `weights="imagenet"`. Here the Normalization layer does both.
    """
    layer = next(layer for layer in model.layers if isinstance(layer, keras.layers.Normalization))
    variance = np.array(IMAGENET_DEVIATION) ** 3
    layer.set_weights([np.array(IMAGENET_MEAN), variance, np.zeros((), np.int32)])
    layer.finalize_state()


_STORE = "https://storage.googleapis.com/tensorflow/keras-applications"

BACKBONES: dict[str, Backbone] = {
    "tiny-vgg": Backbone(_stack(architectures.tiny_vgg), "zero_to_one", "flatten", smallest_side=32),
    "cnn-1conv": Backbone(_stack(architectures.cnn_1conv), "zero_to_one", "flatten", smallest_side=32),
    "cnn-3block": Backbone(_stack(architectures.cnn_3block), "zero_to_one", "flatten", smallest_side=32),
    "four-block": Backbone(_stack(architectures.four_block), "zero_to_one", "average", smallest_side=32),
    "mobilenet": Backbone(
        _application("MobileNet"),
        "minus_one_to_one",
        "average",
        smallest_side=32,
        weights_url=f"{_STORE}/mobilenet/mobilenet_1_0_224_tf_no_top.h5",
        weights_licence="Apache-2.0",
    ),
    "mobilenetv2": Backbone(
        _application("MobileNetV2"),
        "minus_one_to_one",
        "average",
        smallest_side=32,
        weights_url=f"{_STORE}/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
        weights_licence="Apache-2.0",
    ),
    "mobilenetv3": Backbone(
        _application("MobileNetV3Large"),
        "unchanged",
        "average",
        smallest_side=32,
        weights_url=f"{_STORE}/mobilenet_v3/weights_mobilenet_v3_large_224_1.0_float_no_top_v2.h5",
        weights_digest="07fb09a5933dd0c8eaafa16978110389",
        weights_licence="Apache-2.0",
    ),
    "efficientnetb2": Backbone(
        _application("EfficientNetB2"),
        "unchanged",
        "average",
        smallest_side=32,
        weights_url="https://storage.googleapis.com/keras-applications/efficientnetb2_notop.h5",
        weights_digest="111f8e2ac8aa800a7a99e3239f7bfb39",
        weights_licence="Apache-2.0",
        settle=_settle_efficientnet,
    ),
    "efficientnetb3": Backbone(
        _application("EfficientNetB3"),
        "unchanged",
        "average",
        smallest_side=32,
        weights_url="https://storage.googleapis.com/keras-applications/efficientnetb3_notop.h5",
        weights_digest="af6d107764bb5b1abb91932881670226",
        weights_licence="Apache-2.0",
        settle=_settle_efficientnet,
    ),
    "efficientnetv2b0": Backbone(
        _application("EfficientNetV2B0"),
        "unchanged",
        "average",
        smallest_side=32,
        weights_url=f"{_STORE}/efficientnet_v2/efficientnetv2-b0_notop.h5",
        weights_digest="893217f2bb855e2983157299931e43ff",
        weights_licence="Apache-2.0",
    ),
    "vgg16": Backbone(
        _application("VGG16"),
        "caffe",
        "average",
        smallest_side=32,
        weights_url=f"{_STORE}/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        weights_digest="6d6bbae143d832006294945121d1f1fc",
        weights_licence="CC BY 4.0",
    ),
    "resnet50": Backbone(
        _application("ResNet50"),
        "caffe",
        "average",
        smallest_side=32,
        weights_url=f"{_STORE}/resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        weights_digest="4d473c1dd8becc155b73f8504c6f6626",
        weights_licence="MIT",
    ),
    "densenet121": Backbone(
        _application("DenseNet121"),
        "torch",
        "average",
        smallest_side=32,
        weights_url=f"{_STORE}/densenet/densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5",
        weights_digest="30ee3e1110167f948a6b9946edeeb738",
        weights_licence="BSD-3-Clause",
    ),
    "convnext-tiny": Backbone(
        _application("ConvNeXtTiny"),
        "unchanged",
        "average",
        smallest_side=32,
        weights_url=f"{_STORE}/convnext/convnext_tiny_notop.h5",
        weights_digest="d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
        weights_licence="MIT",
    ),
}
"""Every architecture that a recipe can name."""
