"""The build step: turns page.json into public/index.html and public/index.txt, or fails with what is wrong in it."""
# ruff: noqa: INP001, T201 - a program of its own

import html
import json
from pathlib import Path
from string import Template

PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>version $version</title>
<style>body { background: $colour; color: white; font: 2rem sans-serif; padding: 4rem }</style>
<h1>$message</h1>
<p>version $version, revision $revision, on $stage</p>
""")

TEXT = Template("$message\nversion $version, revision $revision, on $stage\n")


def main() -> None:
    """Leave `$revision` and `$stage` in the pages: the server knows them."""
    page = json.loads(Path("page.json").read_text(encoding="utf-8"))
    public = Path("public")
    public.mkdir(exist_ok=True)
    escaped = {name: html.escape(str(page[name])) for name in ("version", "colour", "message")}
    (public / "index.html").write_text(PAGE.safe_substitute(escaped), encoding="utf-8")
    (public / "index.txt").write_text(TEXT.safe_substitute(page), encoding="utf-8")
    print(f"built version {page['version']}: {page['message']}")


if __name__ == "__main__":
    main()
