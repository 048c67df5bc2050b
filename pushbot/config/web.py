"""What comes in by HTTP: what is made of `[web]`, `[hooks.NAME]` and `[lanes.NAME.auto]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.web.spec import HookSpec, WebSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pushbot.config.reading import Reading
    from pushbot.config.schema import LaneTable


def read_web(reading: Reading) -> WebSpec | None:
    """What the listener is told, None without one; notes what does not fit."""
    table, whole = reading.found.table, reading.found.whole
    hooks = []
    for name, hook in table.hooks.items():
        key = ("hooks", name)
        if table.web is None and whole("web"):
            reading.note(key, "nothing listens for it", '[web] with `listen = "127.0.0.1:8800"`')
        for i, lane in enumerate(hook.lanes):
            if lane not in table.lanes and whole("lanes", lane):
                reading.note_unknown((*key, "lanes", i), "lane", lane, table.lanes)
        secret = hook.secret
        if secret.startswith("file:"):
            secret = f"file:{reading.path(secret.removeprefix('file:'))}"
        hooks.append(HookSpec(name, hook.form, secret, hook.lanes))
    if table.web is None:
        return None
    host, _, port = table.web.listen.rpartition(":")
    return WebSpec(host.strip("[]"), int(port), table.web.max_body, tuple(hooks))


def check_auto(reading: Reading, lanes: Mapping[str, LaneTable], stages: Mapping[str, tuple[str, ...]]) -> None:
    """Note lanes with builds that go by themselves and nowhere to go; `stages` are those of each pipeline."""
    for name, lane in lanes.items():
        key = ("lanes", name, "auto")
        if lane.auto is None:
            continue
        pipeline = reading.found.table.pipelines.get(lane.pipeline or "")
        if pipeline is None:
            if lane.pipeline is None:
                reading.note(key, "the lane has no pipeline", "a `pipeline` with a stage to go to")
            continue
        if pipeline.repository is None and reading.found.whole("pipelines", lane.pipeline or "", "repository"):
            reading.note(key, f"pipeline '{lane.pipeline}' has no `repository`", "one, for revisions to come from")
        known = stages.get(lane.pipeline or "", ())
        if lane.auto.stage not in known and reading.found.whole("pipelines", lane.pipeline or ""):
            reading.note_unknown((*key, "stage"), "stage", lane.auto.stage, known)
