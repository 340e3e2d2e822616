"""The field's usual door: a Gradio Interface around `model.predict`. `gradio_interface.py RECIPE PORT [alike]`.

With `alike` the model answers as a bundle of the recipe does, at all the sizes that it says; without, once.
"""

import os
import sys

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr
import numpy as np
from PIL import Image

from lucency.learning.backend import choose_backend

choose_backend()

from lucency.learning.classifier import build_classifier  # noqa: E402
from lucency.learning.inference_twin import inference_twin  # noqa: E402
from lucency.learning.recipe import load_recipe  # noqa: E402

recipe = load_recipe(sys.argv[1], ["model.weights=none"])
model = build_classifier(recipe)
if "alike" in sys.argv:
    model = inference_twin(model, recipe.model)
side = (recipe.input.width, recipe.input.height)


def classify(picture):  # type: ignore[no-untyped-def]
    grey = np.asarray(Image.fromarray(picture).convert("L").resize(side), np.float32)
    said = model.predict(grey[None, ..., None], verbose=0)
    logit = float(np.ravel(said["logit"] if isinstance(said, dict) else said)[0])
    probability = 1 / (1 + np.exp(-logit))
    return {"fractured": probability, "not fractured": 1 - probability}


gr.Interface(fn=classify, inputs=gr.Image(), outputs=gr.Label(), api_name="predict").launch(
    server_name="127.0.0.1", server_port=int(sys.argv[2]), quiet=True
)
