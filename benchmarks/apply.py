"""Lines a second through `pushbot apply --jsonl`, which tries the queue's rules offline."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

from benchmarks.report import Figure, Peer

CASES = Path(__file__).parents[1] / "tests" / "queue" / "pushbot-cases.jsonl"
"""Topics and commands of every kind, said over and over."""
LINES = 12_000
FLOOR = """
import json, sys
for line in sys.stdin.buffer:
    row = json.loads(line)
    sys.stdout.write(json.dumps({"topic": row["topic"], "said": [], "refusal": None}) + "\\n")
    sys.stdout.flush()
"""


def measure() -> list[Figure]:
    """Lines a second through `pushbot apply --jsonl`, beside a loop that only parses and writes."""
    program = _rate("-m", "pushbot", "apply", "--jsonl")
    floor = _rate("-c", FLOOR)
    return [Figure("lines", program, "/s", Peer("JSON read and written, no more", floor), at_least=2000)]


def _rate(*arguments: str) -> float:
    """Lines a second, the start of the program not counted."""
    with CASES.open("rb") as cases:
        lines = list(islice(cycle(cases.readlines()), LINES))
    with tempfile.TemporaryDirectory(prefix="pushbot-bench-") as name:
        few = _seconds(Path(name), lines[:1], *arguments)
        return (LINES - 1) / (_seconds(Path(name), lines, *arguments) - few)


def _seconds(folder: Path, lines: list[bytes], *arguments: str) -> float:
    given, written = folder / "in", folder / "out"
    given.write_bytes(b"".join(lines))
    with given.open("rb") as source, written.open("wb") as target:
        began = time.perf_counter()
        subprocess.run([sys.executable, *arguments], stdin=source, stdout=target, check=True)
        seconds = time.perf_counter() - began
    answers = written.read_bytes().count(b"\n")
    assert answers == len(lines), f"{answers} answers to {len(lines)} lines"
    return seconds
