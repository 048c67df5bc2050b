"""The SSH engine: `Network` gives a `Remote` for every host, over connections that are made when first needed.

From the bottom up: `scripts.py` is what runs on a host, `shell.py` speaks with it over one channel, `known.py` judges
host keys, `wire.py` makes connections, `jump.py` those through bastions, `places.py` bounds them, `remote.py` is a
host that commands run on, `network.py` what holds it all.
"""

from pushbot_plugins.ssh.worker.net.network import Network

__all__ = ["Network"]
