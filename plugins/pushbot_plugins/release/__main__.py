"""`python -m pushbot_plugins.release VERB …`."""

import sys

from pushbot_plugins.release.cli import main

sys.exit(main())
