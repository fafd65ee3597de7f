"""Claude Code's Stop hook."""

import os
import sys

root = os.path.realpath(__file__)
while not os.path.isdir(os.path.join(root, "dispatch_hooks")):
    root = os.path.dirname(root)
sys.path.append(root)

from dispatch_hooks import host  # noqa: E402
from dispatch_hooks.host import stop  # noqa: E402

host.run(stop)
