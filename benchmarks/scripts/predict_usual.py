"""The usual way to ask a saved model about one film: MODEL.keras FILM."""

import sys

import numpy as np
import tensorflow as tf
from PIL import Image

model = tf.keras.models.load_model(sys.argv[1])
height, width = model.input_shape[1:3]
film = np.asarray(Image.open(sys.argv[2]).convert("RGB").resize((width, height))) / 255.0
print(float(model.predict(film[None], verbose=0)[0, 0]))
