"""Draws docs/pictures: `python -m tests.pictures.draw`, which needs Chromium, or with `--json` what they are made of.

Each picture is made of the JSON beside it, which is what the bot would send; a test keeps that as the code has it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.pictures import kit, scenes

if TYPE_CHECKING:
    from tests.pictures.scenes import Scene

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
FRAME = Path(__file__).with_name("frame.html")
WIDTH = 760
FACE = (
    '<div class="face"><svg viewBox="0 0 24 24" fill="none" stroke="#fff" stroke-width="2" stroke-linecap="round">'
    '<rect x="5" y="4" width="14" height="13" rx="3"/><path d="M5 11h14M8 21l2-4M16 21l-2-4"/>'
    '<circle cx="9" cy="14" r=".6"/><circle cx="15" cy="14" r=".6"/></svg></div>'
)


def written(scene: Scene) -> str:
    """The JSON of a picture."""
    return json.dumps(scene.blocks, indent=1, ensure_ascii=False) + "\n"


def drawn(scene: Scene) -> str:
    """The HTML of a picture."""
    inside = kit.page(scene.blocks, scenes.NOW, scene.opened)
    if scene.home:
        tabs = '<div class="title">pushbot</div><div class="tabs"><span class="here">Home</span>'
        tabs += "<span>Messages</span><span>About</span></div>"
        return f'{FRAME.read_text("utf-8")}{tabs}<div class="frame">{inside}</div>'
    pinned = '<div class="pinned"><span class="emoji">📌</span> Pinned by pushbot</div>' if scene.pinned else ""
    who = f'<span class="who">pushbot</span><span class="app">APP</span><span class="at">{scenes.NOW:%H:%M}</span>'
    message = f'<div class="message">{FACE}<div><div>{who}</div>{inside}</div></div>'
    return f'{FRAME.read_text("utf-8")}<div class="frame">{pinned}{message}</div>'


def main() -> None:
    """Write all of it; with `--json` only that."""
    PICTURES.mkdir(exist_ok=True)
    for name, scene in scenes.scenes().items():
        (PICTURES / f"{name}.json").write_text(written(scene), "utf-8")
        if "--json" not in sys.argv:
            _photograph(drawn(scene), PICTURES / f"{name}.png")


def _photograph(html: str, picture: Path) -> None:
    """Ask Chromium for the height of the page, then for its picture, at twice the size for fine screens."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("The pictures are drawn by Chromium, which is not on the PATH: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "page.html")
        page.write_text(f"{html}<script>document.title = document.documentElement.scrollHeight + 16</script>", "utf-8")
        usual = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        usual += ["--disable-background-networking", f"--user-data-dir={folder}/profile"]
        dom = subprocess.run(
            [*usual, "--dump-dom", f"--window-size={WIDTH},100", page.as_uri()],
            capture_output=True,
            check=True,
            text=True,
        )
        height = dom.stdout.partition("<title>")[2].partition("</title>")[0]
        size = [f"--window-size={WIDTH},{int(height)}", "--force-device-scale-factor=2"]
        subprocess.run([*usual, *size, f"--screenshot={picture}", page.as_uri()], capture_output=True, check=True)


if __name__ == "__main__":
    main()
