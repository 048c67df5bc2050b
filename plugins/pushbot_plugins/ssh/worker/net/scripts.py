r"""The two shell programs that run on a host, and how a command is put to them.

`GUARD` is the shell that is kept as long as the connection. It is three processes in one group. The first waits for
the others. The second, the guard, reads what we send and hands it on; when the connection goes, or we close its
input, it ends what the command under way has started: by TERM, and what is left GRACE seconds later by KILL. Its
last word is the command's mark and `=`, with a 1 if something could not be ended. The third, the carrier, carries
commands out, one by one, each in a subshell with its input from /dev/null. What earlier commands left running in the
group (`nohup`) is told from the command's own by its start time, and left alone; what has a session of its own
(`setsid`) is in no danger either.

`FEED` carries out a single command, whose input is what we send after it. Nobody guards it there, so the guard of
the same connection is told of its group (by a line `=MARK GROUP`) and ends that as well.

A command is sent as lines: a mark that nobody else knows, its text with a dot before each line, an empty line. The
mark comes back after its output, with the exit status. If the connection goes within, none of it is carried out.

Both are one line without single quotes and exclamation marks, so that every login shell (bash, csh, fish) passes
them on whole. They need a POSIX sh and /proc. Nothing is forked that need not be: it counts with hundreds of hosts.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from pushbot_plugins.ssh.worker.seams import HostTrouble

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

GRACE = 5
"""Whole seconds between TERM and KILL."""
LATEST = GRACE + 2
"""Whole seconds after which a host gives up on ending processes."""

READY = "pushbot-listens"
"""What a shell says first, on a line of its own, and then a number: GUARD that of its carrier, FEED its group."""

_NEWLINE = "n=${IFS#??};"
_TAKE = 'c=; while :; do IFS= read -r l || exit; [ "$l" ] || break; c=$c$n${l#.}; done;'
"""Reads the text of a command into `c`."""
_RUN = '(eval "unset c k l m n s t$c")'

_RELAY = (
    "trap t=1 TERM HUP; g=; k=; c=; while t=; do if IFS= read -r l; then case $l in"
    " :*) k=${l#:};; =*) m=${l#=}; g=${m#* }; m=${m%% *};;"
    ' "") printf "%s\\n" "$c"; m=${c%%$n*}; c=;; *) c=$c$l$n;; esac;'
    ' elif [ -z "$t" ]; then break; fi; done; exec 3>&2 >/dev/null 2>&1;'
)
"""Hands a whole command on in one piece. `:` is followed by the number of the carrier, which has told us."""
_BUSY = (
    "w=$k; [ -r /proc/$k/task/$k/children ] && { w=; read -r w </proc/$k/task/$k/children; };"
    ' left=; if [ "$w$g" ]; then'
)
"""A shell that idles ends without a look at all processes, which takes long where there are thousands."""
_END = (
    # $1 is called with: pid, state, parent, group, ..., and as the 21st when it was started
    " each() { IFS=$n; for s in $(set +f; exec cat /proc/[0-9]*/stat); do"
    ' IFS=" "; set -- $1 ${s%% *} ${s##*") "}; "$@"; done; };'
    # the only child of the carrier is the command under way
    ' begun() { [ "$3" = "$k" ] && b=${21}; };'
    ' own() { [ "$b" ] && [ "$4" = "$p" ] && [ ${21} -ge $b ] && [ $3 -ne $q ] && [ $1 -ne $q ]'
    " && [ $1 -ne $k ] && [ $1 -ne $$ ]; };"
    ' end() { [ "$2" = Z ] && return; case " $g " in *" $4 "*) ;; *) own "$@" || return;; esac;'
    " left=1; [ $x ] && kill -$x $1; };"
    ' set -f; read -r s </proc/self/stat; q=${s%% *}; set -- ${s##*") "}; p=$3; b=; each begun;'
    " x=TERM; f=; while left=; each end; [ $left ]; do sleep 0.1; read -r u s </proc/uptime; u=${u%%.*}; f=${f:-$u};"
    " x=; [ $((u-f)) -gt GRACE ] && x=KILL; [ $((u-f)) -gt LATEST ] && break; done; fi;"
)
_CARRY = (
    'read -r k s </proc/self/stat; printf "\\nREADY %s\\n" $k; trap t=1 TERM HUP;'
    ' while t=; IFS= read -r m || [ "$t" ]; do [ "$m" ] || continue;'
    f' {_TAKE} {_RUN} </dev/null; printf "%s %s\\n" $m $?; done;'
)


def _shell(*parts: str) -> str:
    text = " ".join(("exec 2>&1; trap : TERM HUP;", _NEWLINE, *parts))
    text = text.replace("READY", READY).replace("GRACE", str(GRACE)).replace("LATEST", str(LATEST))
    return f"exec /bin/sh -c '{text}'"


GUARD = _shell(f'{{ {_RELAY} {_BUSY} {_END} printf "%s =%s\\n" "$m" "$left" >&3; }} | {{ {_CARRY} }}')
FEED = _shell(
    'read -r s </proc/self/stat; set -- ${s##*") "}; printf "\\nREADY %s\\n" $3; shift $#;',
    f'IFS= read -r m; {_TAKE} {_RUN}; printf "%s %s\\n" $m $?',
)
"""What to ask a host's login shell for."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_OWN_PROCESS = re.compile(r"\$\{?\$|PPID")


def request(mark: str, script: str, arguments: Sequence[str], env: Mapping[str, str]) -> bytes:
    """The lines that have `script` carried out with `arguments` and the variables of `env`.

    A script that asks for its own process number gets a process of its own; any other runs in a subshell, which is
    faster. Raises HostTrouble for what no shell can be given: a name that is none, a NUL.
    """
    for name in env:
        if not _NAME.match(name):
            raise HostTrouble("run", f"{name!r} is no name for a variable of the environment")
    exports = [f"export {name}={shlex.quote(value)}" for name, value in env.items()]
    words = shlex.join(arguments)
    if _OWN_PROCESS.search(script):
        body = [f"exec /bin/sh -c {shlex.quote(script)} sh {words}"]
    else:
        body = [f"set -- {words}", script] if words else [script]
    text = "\n".join([*exports, *body])
    if "\0" in text:
        raise HostTrouble("run", "no command can be given a NUL byte")
    lines = "".join(f".{line}\n" for line in text.split("\n"))
    return f"{mark}\n{lines}\n".encode(errors="surrogateescape")
