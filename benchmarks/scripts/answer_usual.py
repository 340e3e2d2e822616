"""Keeps a Keras model loaded and answers films from disk whenever a line comes in: MODEL.keras FILM ..."""

import json
import sys
import time

import numpy as np
import tensorflow as tf
from PIL import Image

model = tf.keras.models.load_model(sys.argv[1])
height, width = model.input_shape[1:3]
for _ in sys.stdin:
    begun, answers = time.perf_counter(), []
    for path in sys.argv[2:]:
        film = np.asarray(Image.open(path).convert("RGB").resize((width, height))) / 255.0
        answers.append(float(model.predict(film[None], verbose=0)[0, 0]))
    print(json.dumps({"seconds": time.perf_counter() - begun, "answers": answers}), flush=True)
