"""`pushbot quickstart`: everything a newcomer needs on one machine, up at once, and gone again with Ctrl-C.

`plan.py` reads what the configuration says about places and ports, `demo.py` keeps the web app's git
repository, `server.py` knows the IRC servers, `processes.py` starts and ends processes and finds what
a killed quickstart left behind, `show.py` is what people see, `serving.py` puts it together.
"""

from pushbot.cli.quickstart.command import quickstart

__all__ = ["quickstart"]
