"""Keeps a Predictor loaded and answers films from disk whenever a line comes in: BUNDLE FILM ..."""

import json
import math
import sys
import time

from lucency import Predictor

predictor = Predictor(sys.argv[1])
for _ in sys.stdin:
    begun, answers = time.perf_counter(), []
    for path in sys.argv[2:]:
        answers.append(predictor.predict(path).logit)
    seconds = time.perf_counter() - begun
    # Before calibration, as the Keras model says it.
    print(json.dumps({"seconds": seconds, "answers": [1 / (1 + math.exp(-logit)) for logit in answers]}), flush=True)
