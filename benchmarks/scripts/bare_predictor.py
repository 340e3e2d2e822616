"""The predictor alone: `bare_predictor.py MODEL THREADS SECONDS FILM ...` prints how many films in what time."""

import sys
import time
from pathlib import Path

from lucency import Predictor

predictor = Predictor(sys.argv[1] or None, threads=int(sys.argv[2]))
films = [Path(path).read_bytes() for path in sys.argv[4:]]
predictor.predict(films[0])
print("ready", flush=True)
sys.stdin.readline()
begun, count = time.perf_counter(), 0
while time.perf_counter() < begun + float(sys.argv[3]):
    predictor.predict(films[count % len(films)])
    count += 1
print(count, time.perf_counter() - begun, flush=True)
