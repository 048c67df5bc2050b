"""What `make bench` runs: `python -m benchmarks`, from wherever it is called."""

import runpy
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1])  # so that `benchmarks` and `tests.rig` are found
runpy.run_module("benchmarks", run_name="__main__", alter_sys=True)
