"""Releases on one machine: timestamped folders, a `current` link, one process (`python -m pushbot_plugins.release`).

A root holds what a stage has:

    releases/20260131235959/   one release, with its record in `.release.json`
    current                    a link to the release that is live, flipped by one atomic rename
    repo/                      a mirror of the git repository
    shared/                    what outlives a release: logs, the pid file, whatever `checkout --share` names

Each verb is one step of a deploy and may be repeated after a crash: which release belongs to a run
is found by PUSHBOT_RUN. Only the standard library is used, so that the tool can be copied to any machine.
"""
