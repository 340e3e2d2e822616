"""The least that any answer costs: Python, NumPy, Pillow and ONNX Runtime, with nothing checked: MODEL.onnx FILM."""

import sys

import numpy as np
import onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
_, height, width, _ = session.get_inputs()[0].shape
film = np.asarray(Image.open(sys.argv[2]).convert("L").resize((width, height)), np.float32)
print(float(session.run(["logit"], {"film": film[None, ..., None]})[0][0]))
