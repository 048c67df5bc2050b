"""Inventories, and what stages say about their hosts: put together from their tables, with what must fit."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, cast

from pushbot.fleet.model import AT_ONCE
from pushbot.plugins import Group
from pushbot.ports import Versions, traits_of
from pushbot.service.spec import HostsSpec, InventorySpec, Source, VersionSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pushbot.config.inheritance import Stage
    from pushbot.config.problems import Key
    from pushbot.config.reading import Reading
    from pushbot.config.tables.hosts import InventoryTable, SourceTable
    from pushbot.fleet.model import Rollout
    from pushbot.ports import Executor, Inventory


def read_inventories(reading: Reading) -> dict[str, InventorySpec]:
    """The inventories by name; a list that is no good is left out, and noted."""
    tables = reading.found.table.inventories
    reading.note_twice("inventory", ((("inventories", name), name) for name in tables))
    return {name: _inventory(reading, name, table) for name, table in tables.items()}


def _inventory(reading: Reading, name: str, table: InventoryTable) -> InventorySpec:
    key = ("inventories", name)
    if not table.sources and reading.found.whole(*key, "sources"):
        reading.note((*key, "sources"), "missing", f"at least one [[inventories.{name}.sources]]")
    lists = [((*key, "sources", place), source) for place, source in enumerate(table.sources)]
    lists += [((*key, "compare", place), source) for place, source in enumerate(table.compare)]
    names = _names([source for _, source in lists])
    reading.note_twice("list", (((*at, "name"), called) for (at, _), called in zip(lists, names, strict=True)))
    made = [_source(reading, at, source, called) for (at, source), called in zip(lists, names, strict=True)]
    border = len(table.sources)
    return InventorySpec(
        name=name,
        sources=tuple(source for source in made[:border] if source is not None),
        compare=tuple(source for source in made[border:] if source is not None),
        mismatch=table.on_mismatch,
        env=tuple(
            (label, value, reading.environment(env))
            for label, values in table.env.items()
            for value, env in values.items()
        ),
    )


def _names(tables: list[SourceTable]) -> list[str]:
    """What the lists are called: as they say, or else by their type, with a number where there are several of it."""
    plain = Counter(table.type for table in tables if table.name is None)
    count: Counter[str] = Counter()
    names = []
    for table in tables:
        count[table.type] += table.name is None
        names.append(table.name or (f"{table.type} {count[table.type]}" if plain[table.type] > 1 else table.type))
    return names


def _source(reading: Reading, key: Key, table: SourceTable, name: str) -> Source | None:
    made = cast("Inventory | None", reading.built(Group.INVENTORIES, table, key))
    return None if made is None else Source(name, made)


def hosts_of(
    reading: Reading, stage: Stage, executor: Executor, inventories: Mapping[str, InventorySpec]
) -> tuple[HostsSpec | None, Rollout, VersionSpec | None]:
    """A stage's hosts, rollout and versions; none of them where its executor is not for hosts."""
    table = stage.table
    if not traits_of(executor).hosts:
        _check_without_hosts(reading, stage)
        return None, AT_ONCE, None
    versions = None
    if table.versions is not None:
        versions = VersionSpec(table.versions.probe(), table.versions.every)
        if not isinstance(executor, Versions):
            what = f"the executor '{table.executor.type}' cannot ask hosts for their version"
            reading.note(stage.at("versions"), what, "no `versions` here")
    rollout = table.rollout.rollout() if table.rollout is not None else AT_ONCE
    hosts = table.hosts
    if hosts is None or hosts.inventory is None:
        if stage.whole(reading, "hosts"):
            key = stage.at("hosts") if hosts is None else stage.at("hosts", "from")
            reading.note(key, "missing", f"the inventory of its hosts, for the executor '{table.executor.type}'")
        return None, rollout, versions
    inventory = inventories.get(hosts.inventory)
    if inventory is None:
        if reading.found.whole("inventories", hosts.inventory):
            reading.note_unknown(stage.at("hosts", "from"), "inventory", hosts.inventory, inventories)
        return None, rollout, versions
    return HostsSpec(inventory, hosts.selection()), rollout, versions


def _check_without_hosts(reading: Reading, stage: Stage) -> None:
    """Note what a stage itself says about hosts that its executor has no use for; what it inherits is not for it."""
    useless = f"the executor '{stage.table.executor.type}' is not for hosts"
    for name in ("hosts", "rollout", "versions"):
        if getattr(stage.own, name) is not None:
            reading.note((*stage.key, name), useless, f"no `{name}` here")
    for name in ("steps", "post", "rollback_steps"):
        for place, step in enumerate(getattr(stage.own, name)):
            if step.once:
                reading.note((*stage.key, name, place, "once"), useless, "no `once`: each step is run once")
