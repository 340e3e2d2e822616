"""The network of a run as the field saves it: films (B, H, W, 3), 0..1, to one sigmoid unit: RUN MODEL.keras."""

import sys
from pathlib import Path

import keras
from keras import layers

from lucency.learning.saving import load_trained

trained = load_trained(Path(sys.argv[1]) / "model.keras")
convention = trained.get_layer("network_input")
features = trained.get_layer("features")
names = [layer.name for layer in trained.layers]

films = keras.Input((*trained.input_shape[1:3], 3))
x = features(layers.Rescaling(255 * convention.scale, offset=convention.offset)(films))
for layer in trained.layers[names.index("features") + 1 :]:
    x = layer(x)
keras.Model(films, layers.Activation("sigmoid")(x)).save(sys.argv[2])
