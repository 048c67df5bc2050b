"""What runs on a host: /bin/sh with GNU coreutils, findutils and tar. Fixed texts, and all that varies is $1 and on.

Everywhere $1 is ROOT and $2 the folder of releases as a prefix (`releases/`, nothing with yin-yang). A script that
cannot do its work ends with one of the statuses of `trouble.Ended`; what is said besides is for people. All of them
may be cut off anywhere and run again. Each program that is started costs a host a millisecond, hence the built-ins.
"""

from __future__ import annotations

import re
from typing import Final


def _lean(*parts: str) -> str:
    """The parts as one script, without indentation and comments: a kept shell reads it byte for byte."""
    lines = (line.strip() for part in parts for line in part.splitlines())
    return "\n".join(line for line in lines if line and not re.match(r"#", line)) + "\n"


_START: Final = r"""
export LC_ALL=C
unset TAR_OPTIONS CDPATH
umask 022
root=$1 prefix=$2
"""

_LIVE: Final = r"""
live=
if [ -L current ]; then live=$(readlink current); elif [ -e current ]; then exit 69; fi
case $live in "$root/"*) live=${live#"$root/"} ;; esac
"""

_SETTLE: Final = r"""
# Wait until the link has been what it is for $1 ms, by this host's clock.
settle() {
    flipped=$(stat -c %.3Y current 2>/dev/null) || return 0
    now=$(date +%s%3N)
    left=$(($1 - now + ${flipped%.*}${flipped#*.}))
    [ "$left" -le "$1" ] || left=$1
    [ "$left" -gt 0 ] || return 0
    part=00$((left % 1000))
    sleep "$((left / 1000)).${part#"${part%???}"}"
}
"""

_FLIP: Final = r"""
flip() {
    ln -sfn -- "$1" .pushbot/current && mv -T -- .pushbot/current current || exit 61
    echo switched
}
"""

LOOK: Final = _lean(
    _START,
    r"""
for tool in tar b2sum xargs stat readlink mv ln; do
    command -v "$tool" >/dev/null || echo "missing $tool"
done
at=$root
while [ "$at" ] && [ ! -e "$at" ]; do at=${at%/*}; done
at=${at:-/}
[ -d "$at" ] && [ -w "$at" ] && [ -x "$at" ] || printf 'unwritable %s\n' "$at"
cd -- "$root" 2>/dev/null || exit 0
live=
for each in .pushbot/*/record; do
    name=${each#.pushbot/} name=${name%/record}
    [ -d "$prefix$name" ] && read -r record <"$each" || continue
    [ ! current -ef "$prefix$name" ] || live=$prefix$name
    good=new
    [ ! -e ".pushbot/$name/good" ] || good=good
    printf 'release %s %s %s\n' "$name" "$good" "$record"
done 2>/dev/null
if [ ! -L current ]; then
    [ ! -e current ] || echo blocked
else
    printf 'live %s\n' "${live:-$(readlink current)}"
fi
for each in "$prefix"[0-9]* .pushbot/[0-9]*; do printf 'folder %s\n' "${each##*/}"; done
if [ -f .pushbot/before ]; then
    { read -r digest run; IFS= read -r link; } <.pushbot/before
    printf 'before %s\n' "$link"
fi
""",
)
"""How a host stands, in lines that `standing.py` reads."""

SHIP: Final = _lean(
    _START,
    _SETTLE,
    r"""
name=$3 old=.pushbot/old-$4 new=.pushbot/new-$4 base=$5 packed=$6 settled=$7 record=$8 bytes=$9
shift 9
files=$1
shift
[ -d "$root/.pushbot" ] && [ -d "$root/$prefix" ] || mkdir -p -- "$root/.pushbot" "$root/$prefix" || exit 61
cd -- "$root" || exit 61
for left in .pushbot/*; do
    case $left in
    .pushbot/new-* | .pushbot/old-*) ;;
    .pushbot/[0-9]*) [ ! -d "$prefix${left#.pushbot/}" ] || continue ;;
    *) continue ;;
    esac
    rm -rf -- "$left"
done
left() { stat -f -c 'left %a %S %d %c' .; }
if [ "$bytes" -gt 0 ]; then
    said=$(left)
    fits() { [ $(($2 * $3)) -ge "$bytes" ] && { [ "$5" = 0 ] || [ "$4" -ge "$files" ]; }; }
    fits $said || { printf '%s\n' "$said"; exit 65; }
fi
while [ $# -gt 1 ]; do
    if [ ! -e "shared/$2" ]; then
        [ "$1" != file ] || { printf '%s\n' "$2"; exit 67; }
        mkdir -p -- "shared/$2" || exit 61
    fi
    shift 2
done
[ ! "$prefix" ] || new=.pushbot/$name
trap 'cd -- "$root" && rm -rf -- "$new"' EXIT
set -- --no-same-owner --warning=no-timestamp --transform "flags=rSH;s,^new/,$new/," \
    --transform "flags=RSh;s,^base/,$prefix$base/," -f -
if [ "$packed" ]; then tar -xzp "$@"; else tar -xp "$@"; fi || {
    left
    [ "$base" ] && exit 64
    exit 62
}
[ -f "$new/end" ] || exit 62
cd -- "$new/files" || exit 61
# One process looks at files and, as its input (-), at the tree that was built.
if [ "$base" ]; then
    xargs -0r stat --printf '%f %s %Y %n\0' -- <../list | b2sum --check --quiet --strict ../sums
else
    [ ! -s ../sums ] || b2sum --check --quiet --strict ../sums
fi >../said || {
    read -r line <../said
    [ "$line" != "-: FAILED" ] || exit 64
    while IFS= read -r line; do printf '%s\n' "$line"; done <../said
    exit 63
}
cd -- "$root" && printf '%s\n' "$record" >"$new/record" || exit 61
if [ ! "$prefix" ]; then
    [ "$(readlink current)" != "$name" ] || exit 66
    settle "$settled"
    mkdir -- "$old" || exit 61
    [ ! -e ".pushbot/$name" ] || mv -T -- ".pushbot/$name" "$old/record" || exit 61
    [ ! -e "$name" ] || mv -T -- "$name" "$old/files" || exit 61
    mv -T -- "$new" ".pushbot/$name" || exit 61
fi
mv -T -- ".pushbot/$name/files" "$prefix$name" || exit 61
trap - EXIT
[ "$prefix" ] || rm -rf -- "$old"
""",
)
"""Takes a stream and makes it a release. The last rename is what makes it count.

$3 its name, $4 a word that nobody else has, $5 the name of the release to build upon or nothing, $6 `z` if
compressed, $7 the settle time in ms, $8 the record; then the bytes and the files that have to fit (0: not looked at),
and pairs of kind and path of what is shared.
"""

CHECK: Final = _lean(
    _START,
    r"""
name=$3 tree=$4 content=$5
cd -- "$root/$prefix$name" || exit 64
lists=$root/.pushbot/$name
xargs -0r stat --printf '%f %s %Y %n\0' -- <"$lists/list" | b2sum -l 256 | {
    read -r got skip
    [ "$got" = "$tree" ]
} || exit 64
[ "$content" ] || exit 0
comm -z -23 "$lists/list" "$lists/links" | xargs -0r b2sum -l 256 -z -- | b2sum -l 256 | {
    read -r got skip
    [ "$got" = "$content" ]
} || exit 63
""",
)
"""Whether release $3 still has tree $4 (and, if given, contents $5); files that came beside are no matter."""

SWITCH: Final = _lean(
    _START,
    _SETTLE,
    _FLIP,
    r"""
name=$3 run=$4 settled=$5
cd -- "$root" || exit 61
[ -d "$prefix$name" ] && [ -f ".pushbot/$name/record" ] || exit 68
""",
    _LIVE,
    r"""
[ "$live" != "$prefix$name" ] || [ ! -e ".pushbot/$name/good" ] || exit 0
digest=- link= to=
[ ! -f .pushbot/before ] || { read -r digest was; IFS= read -r link; IFS= read -r to; } <.pushbot/before
old=${link#"$prefix"} now=${live#"$prefix"} of_old=- of_now=-
[ ! -f ".pushbot/$old/record" ] || read -r skip skip skip of_old skip <".pushbot/$old/record"
[ ! -f ".pushbot/$now/record" ] || read -r skip skip skip of_now skip <".pushbot/$now/record"
if [ "$live" = "$prefix$name" ]; then
    # An earlier run died between switching and success: its way back is ours now.
    [ "$to" = "$live" ] || { digest=- link=; }
elif [ "$of_now" != - ] && [ ! -e ".pushbot/$now/good" ] && [ "$to" = "$live" ] && [ "$link" ] && [ -d "$link" ] &&
    [ "$of_old" = "$digest" ] && [ "$link" != "$prefix$name" ]; then
    :  # What is live was never well, and what was before it is still there: that is the way back.
else
    digest=$of_now link=$live
fi
printf '%s %s\n%s\n%s\n' "$digest" "$run" "$link" "$prefix$name" >.pushbot/before.new &&
    mv -T -- .pushbot/before.new .pushbot/before || exit 61
[ "$live" != "$prefix$name" ] || exit 0
settle "$settled"
flip "$prefix$name"
""",
)
"""Makes release $3 live for run $4, $5 ms after the last flip at the earliest; says `switched` when it flipped."""

BACK: Final = _lean(
    _START,
    _SETTLE,
    _FLIP,
    r"""
run=$3 settled=$4
cd -- "$root" 2>/dev/null && [ -f .pushbot/before ] || exit 0
{ read -r digest was; IFS= read -r link; IFS= read -r to; } <.pushbot/before
[ "$was" = "$run" ] || exit 0
""",
    _LIVE,
    r"""
[ "$live" != "$link" ] || exit 0
[ "$live" = "$to" ] || { printf '%s\n' "$live"; exit 70; }
[ "$link" ] || exit 71
name=${link#"$prefix"} of=-
[ ! -f ".pushbot/$name/record" ] || read -r skip skip skip of skip <".pushbot/$name/record"
[ -d "$link" ] && [ "$of" = "$digest" ] || { printf '%s\n' "$link"; exit 68; }
settle "$settled"
flip "$link"
""",
)
"""Goes back to what was live before run $3 switched; $4 as for SWITCH."""

GOOD: Final = _lean(
    _START,
    r"""
revision=$3 run=$4
cd -- "$root" || exit 61
""",
    _LIVE,
    r"""
name=${live#"$prefix"} found=
[ ! -f ".pushbot/$name/record" ] || read -r skip found skip <".pushbot/$name/record"
[ "$found" = "$revision" ] || { printf '%s\n' "$live"; exit 70; }
[ ! -e ".pushbot/$name/good" ] || exit 0
sync -f -- "$live"  # what is called good is to be there after a power cut
printf '%s\n' "$run" >".pushbot/$name/good" || exit 61
""",
)
"""Records for run $4 that what is live, which has to be revision $3, is good."""

CLEAN: Final = _lean(
    _START,
    r"""
keep=$3
cd -- "$root" || exit 0
""",
    _LIVE,
    r"""
link=
[ ! -f .pushbot/before ] || { read -r skip; IFS= read -r link; } <.pushbot/before
for left in .pushbot/new-* .pushbot/old-*; do
    [ ! -e "$left" ] || rm -rf -- "$left"
done
set --
for each in .pushbot/*/record; do
    name=${each#.pushbot/}
    [ ! -f "$each" ] || set -- "${name%/record}" "$@"
done
kept=0
for name; do
    if [ -d "$prefix$name" ]; then
        if [ -e ".pushbot/$name/good" ]; then
            kept=$((kept + 1))
            [ "$kept" -gt "$keep" ] || continue
        fi
        [ "$prefix" ] && [ "$live" != "$prefix$name" ] && [ "$link" != "$prefix$name" ] || continue
        rm -rf -- ".pushbot/$name/files"
        mv -T -- "$prefix$name" ".pushbot/$name/files" || continue
        printf '%s\n' "$name"
    fi
    rm -rf -- ".pushbot/$name"
done
""",
)
"""Deletes all releases but the live one, the one to go back to and the newest $3 good ones, and what crashes left."""
