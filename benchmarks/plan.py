"""How long `pushbot plan` takes for 9,000 hosts in 9 zones: the whole process, from start to end."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.report import Figure, Peer

ZONES = [f"{region}-{letter}" for region in ("lon", "dub", "nyc") for letter in "abc"]
HOSTS_OF_EACH = 1000
TIMES = 9
CONFIG = """
[chats.irc]
host = "127.0.0.1"
[lanes.web]
rooms = ["irc/#push"]
pipeline = "web"
[inventories.fleet]
sources = [{ type = "file", path = "hosts" }]
compare = [{ type = "file", path = "cmdb" }]
[[pipelines.web.stages]]
name = "production"
executor = "ssh"
hosts = { from = "fleet", where = { role = "web" } }
rollout = { batch = [1, "1%", "10%"], order = "region", max_failures = "1%" }
"""
SSH = (
    'executor = { type = "ssh", agent = true, release = { root = "/srv/web", repository = "https://git.example/web" } }'
)
FLOOR = """
import sys
with open(sys.argv[1]) as file:
    names = [line.split()[0] for line in file]
assert len(names) == 9000
"""


def measure() -> list[Figure]:
    """A plan of a file of 9,000 hosts, compared with another one, beside a Python that only reads the file."""
    with tempfile.TemporaryDirectory(prefix="pushbot-bench-") as name:
        folder = Path(name)
        lines = [
            f"web{number:04}.{zone} region={zone[:3]} zone={zone} role=web\n"
            for zone in ZONES
            for number in range(HOSTS_OF_EACH)
        ]
        for copy in ("hosts", "cmdb"):
            (folder / copy).write_text("".join(lines), "utf-8")
        config = folder / "pushbot.toml"
        config.write_text(CONFIG.replace('executor = "ssh"', SSH), "utf-8")
        plan = ["-m", "pushbot", "plan", str(config), "web", "production"]
        floor = ["-c", FLOOR, str(folder / "hosts")]
        _seconds(plan)  # compiles what is not yet, and says at once when something is wrong
        pairs = [(_seconds(plan), _seconds(floor)) for _ in range(TIMES)]
    took, read = (1000 * statistics.median(each) for each in zip(*pairs, strict=True))
    return [Figure("9,000 hosts, median", took, "ms", Peer("Python started, the file read", read), at_most=1000)]


def _seconds(arguments: list[str]) -> float:
    began = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - began
    assert "plan" not in arguments or "9,000 hosts (3,000 lon, 3,000 dub, 3,000 nyc)" in done.stdout, done.stdout
    return seconds
