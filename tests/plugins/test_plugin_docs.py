"""docs/plugins.md: its executor comes in by its configuration, and passes the suite, as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from pushbot.config import load

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "plugins.md").read_text("utf-8")
EXECUTOR, SUITE = re.findall(r"^```python\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)
TOOL = """#!/bin/sh
case $1 in start) echo ticket ;; status) echo succeeded ;; esac
"""


def made(folder: Path) -> Path:
    """What the page has people write, in a folder; its configuration."""
    (folder / "plugins").mkdir()
    (folder / "plugins" / "my_deploy.py").write_text(EXECUTOR, encoding="utf-8")
    (folder / "test_my_deploy.py").write_text(SUITE, encoding="utf-8")
    (folder / "deploy-tool").write_text(TOOL, encoding="utf-8")
    (folder / "deploy-tool").chmod(0o755)
    said = TEXT.partition("      plugin_path = ")[2].partition("\n- ")[0]
    config = "plugin_path = " + "".join(f"{line.strip()}\n" for line in said.splitlines())
    chat = '[chats.irc]\nhost = "127.0.0.1"\n[lanes.web]\nrooms = ["irc/#push"]\npipeline = "web"\n'
    file = folder / "pushbot.toml"
    file.write_text(config + chat, encoding="utf-8")
    return file


def test_its_configuration_has_no_mistakes(tmp_path: Path) -> None:
    (lane,) = load(made(tmp_path)).lanes
    assert [(stage.name, stage.executor_name) for stage in lane.stages] == [("production", "my_deploy:ToolExecutor")]


def test_its_suite_passes(tmp_path: Path) -> None:
    made(tmp_path)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_my_deploy.py"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, " passed" in done.stdout) == (0, True), done.stdout + done.stderr
