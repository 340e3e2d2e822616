"""Prepares the first films of a manifest and prints the peak memory in bytes: MANIFEST FOLDER SIDE FILMS."""

import json
import resource
import sys
from dataclasses import replace
from pathlib import Path

from lucency.datasets.manifest import Manifest
from lucency.datasets.prepared import prepare
from lucency.imaging import InputSpec


def peak() -> int:
    # The kernel hands ru_maxrss of the parent on to a child; VmHWM begins anew with each program.
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


manifest = Manifest.read(Path(sys.argv[1]))
side, count = int(sys.argv[3]), int(sys.argv[4])
manifest = replace(manifest, table=manifest.table.head(count))
before = peak()
prepare(manifest, InputSpec(side, side), Path(sys.argv[2]))
print(json.dumps({"before": before, "peak": peak()}))
