"""`make fuzz`: each parser for a minute (SECONDS), guided by coverage, each in a process of its own.

    python -m tests.fuzz.forever [SECONDS] [TARGET ...]

What breaks a parser is kept in a file whose name is told; give its bytes to the target to see it again. The exit
code is 1 when anything broke. Needs atheris (libFuzzer for Python), which the extra `fuzz` installs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

ONE = "--one"


def main(arguments: list[str]) -> int:
    """Fuzz the targets named, all if none is, one after the other."""
    targets = import_module("tests.fuzz.targets")
    seconds, names = (arguments[0], arguments[1:]) if arguments else ("60", [])
    broken = []
    with tempfile.TemporaryDirectory(prefix="pushbot-fuzz-") as folder:
        for name in names or targets.TARGETS:
            corpus = Path(folder, name)
            corpus.mkdir()
            for index, seed in enumerate(targets.SEEDS.get(name, ())):
                (corpus / f"seed-{index}").write_bytes(seed)
            _say(f"{name}: {seconds} s ...")
            command = [sys.executable, "-m", "tests.fuzz.forever", ONE, name, str(corpus), f"-max_total_time={seconds}"]
            options = ["-max_len=2000", "-timeout=10", "-rss_limit_mb=4096", "-verbosity=0", "-print_final_stats=1"]
            found = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
            units = next((line for line in found.stderr.splitlines() if "number_of_executed_units" in line), "?")
            _say(f"{name}: {'BROKEN' if found.returncode else 'well'}, {units.rpartition(' ')[2]} inputs")
            if found.returncode:
                broken.append(name)
                _say(found.stdout[-3000:] + found.stderr[-3000:])
    if broken:
        _say(f"broken: {', '.join(broken)}")
    return 1 if broken else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def one(name: str, arguments: list[str]) -> None:
    """Fuzz one target in this process, by coverage of what it runs through; ends the process."""
    try:
        atheris = import_module("atheris")
    except ImportError:
        sys.exit("atheris is missing: pip install '.[fuzz]'")
    with atheris.instrument_imports(include=["pushbot", "pushbot_plugins", "icalendar"]):
        targets = import_module("tests.fuzz.targets")
    atheris.Setup([sys.argv[0], *arguments], targets.TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1:2] == [ONE]:
        os.environ.setdefault("PYTHONHASHSEED", "0")
        one(sys.argv[2], sys.argv[3:])
    else:
        sys.exit(main(sys.argv[1:]))
