"""The release recipe: a revision becomes a package here, and on each host a release that can be switched to.

    recipe = Recipe(releasing, relays, run="web-7", revision=commit, here=here, report=report, facts=job.facts())
    await recipe.prepare()         once; `ship` does it when the first host needs it (a rollback finds all on the hosts)
    standing = await recipe.look(remote)      standing.live, .there, .before: Release or None
    await recipe.ship(remote)      copy, final preflight; nothing live changes
    await recipe.switch(remote)    one atomic rename; True when it changed something
    await recipe.good(remote)      what is live there is good
    await recipe.back(remote)      to what was live before this run's switch; True when it changed something
    await recipe.clean(remote)     what nobody needs any more is deleted
    await recipe.close()           the package is let go of

All of them may be repeated, by this process or by another one after a crash. Trouble with a host is HostTrouble,
with what is done once StepFailed. `prepare` tells `report` the steps identify, update and check out; the others
(copy, preflight, switch, clean up) are the rollout's to tell.

On a host, below ROOT:

    releases/20260131235959/    one release: exactly what was packed (with yin-yang: `yin/` and `yang/`)
    current                     the link that is switched, to `releases/20260131235959`
    shared/                     what outlives releases
    .pushbot/20260131235959/    what we know of it: `record`, `list` (its files), `good` once it was seen to be well
    .pushbot/before             what was live before the last switch, which run switched, and to what
    .pushbot/new-…, old-…       with yin-yang: being made, being deleted

A release is made in the folder beside its record, and gets its place by one rename, the last thing that is done: it
counts when both are there. What else a crash left goes with the next release. The record lies beside the release,
not in it: releases are often document roots, and a record inside might be in a package's way.
"""

from .recipe import Recipe
from .standing import Release, Standing

__all__ = ["Recipe", "Release", "Standing"]
