"""The last look before a switch: the tools that a release needs, in the versions wanted, and the ports it will take.

A port is ours when the process that listens on it has its program, its folder, a word of its command line or an open
file below ROOT. Whose a socket is can be seen of one's own processes only, and of all by root (proc(5)): another
user's process counts as somebody else's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pushbot_plugins.ssh.worker.seams import HostTrouble

from .trouble import Said

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pushbot_plugins.ssh.worker.seams import Remote

LIMIT: Final = 60.0
_PATIENCE: Final = 10
"""Seconds in which a tool has to say its version."""
_NEED: Final = re.compile(r"(.+?)(?:>=(\d+(?:\.\d+)*))?")
_VERSION: Final = re.compile(r"(?<![\w.])v?(\d+(?:\.\d+)*)", re.IGNORECASE)

SCRIPT: Final = r"""
export LC_ALL=C
root=$1 patience=$2 tools=$3
shift 3
while [ "$tools" -gt 0 ]; do
    tools=$((tools - 1))
    if ! command -v -- "$1" >/dev/null; then
        printf 'absent\n'
    else
        for ask in --version -version version; do
            said=$(timeout "$patience" "$1" "$ask" </dev/null 2>&1) && break
        done
        printf 'said %s\n' "$(printf '%s\n' "$said" | head -n 3 | tr '\n' ' ')"
    fi
    shift
done
for port; do
    inodes=
    for table in /proc/net/tcp /proc/net/tcp6; do
        [ -r "$table" ] || continue
        while read -r skip own skip state skip skip skip skip skip inode skip; do
            [ "$state" != 0A ] || [ "${own##*:}" != "$port" ] || inodes="$inodes $inode"
        done <"$table"
    done
    for inode in $inodes; do
        found=
        for holder in $(find /proc/[0-9]*/fd -lname "socket:\[$inode\]" 2>/dev/null); do
            pid=${holder#/proc/} pid=${pid%%/*} found=1 ours=
            case "$(readlink "/proc/$pid/exe")/ $(readlink "/proc/$pid/cwd")/" in
            "$root/"* | *" $root/"*) ours=1 ;;
            esac
            [ "$ours" ] || ! tr '\0' '\n' <"/proc/$pid/cmdline" | grep -qF -- "$root/" || ours=1
            [ "$ours" ] || [ -z "$(find "/proc/$pid/fd" -lname "$root/*" 2>/dev/null)" ] || ours=1
            [ "$ours" ] || { read -r name <"/proc/$pid/comm"; printf 'taken %s %s %s\n' "$port" "$pid" "$name"; }
        done
        [ "$found" ] || printf 'hidden %s\n' "$port"
    done
done 2>/dev/null
"""
"""$1 is ROOT, $2 how long a tool may take, $3 how many of the words that follow are tools; the others are ports in
hexadecimal, as /proc/net/tcp has them. A line is said for each tool, and one for each port that is not ours."""


async def preflight(remote: Remote, root: str, needs: Sequence[str], ports: Sequence[int]) -> None:
    """See that the host has what a release needs. Raises HostTrouble with all that is amiss."""
    if not needs and not ports:
        return
    wanted = [(match[1], match[2] or "") for each in needs if (match := _NEED.fullmatch(each))]
    said = Said()
    status = await remote.run(
        SCRIPT,
        arguments=(
            *(root, str(_PATIENCE), str(len(wanted))),
            *(tool for tool, _ in wanted),
            *(f"{port:04X}" for port in ports),
        ),
        limit=LIMIT + 3 * _PATIENCE * len(wanted),
        take=said.take,
    )
    if status:
        raise HostTrouble("preflight", f"the preflight ended with {status}: {said.last}")
    lines = said.text.splitlines()
    answers = [line for line in lines if line == "absent" or line.startswith("said ")]
    amiss = [text for (tool, least), line in zip(wanted, answers, strict=False) if (text := _lacks(tool, least, line))]
    amiss += dict.fromkeys(text for line in lines if (text := _taken(line.split(" ", 3))))
    if len(answers) < len(wanted):
        amiss.append("not all tools could be asked for their version")
    if amiss:
        raise HostTrouble("preflight", "; ".join(amiss))


def _lacks(tool: str, least: str, line: str) -> str | None:
    """What is wrong with a tool that answered so."""
    wanted = f"{tool} {least} or newer is wanted" if least else f"{tool} is wanted"
    if line == "absent":
        return f"{wanted}, and there is none on the PATH"
    if not least:
        return None
    found = _VERSION.search(line.removeprefix("said "))
    if found is None:
        return f"{wanted}, and it does not tell its version"
    if _numbers(found[1]) < _numbers(least):
        return f"{wanted}, found {found[1]}"
    return None


def _numbers(version: str) -> tuple[int, ...]:
    """As numbers to compare; before Java 9, 1.8 was how version 8 was called, which sorts right as it is."""
    numbers = [int(part) for part in version.split(".")]
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def _taken(words: list[str]) -> str | None:
    match words:
        case ["taken", port, pid, name]:
            return f"port {int(port, 16)} is taken by process {pid} ({name}), which is none of ours"
        case ["hidden", port]:
            return f"port {int(port, 16)} is taken by a process of another user"
        case _:
            return None
