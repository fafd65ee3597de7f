"""Finds out what the plugin's gate needs to know: remember.py DATA_FOLDER."""

import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036  the first that is found may be any
    sys.exit(1)

root = os.path.realpath(__file__)
while not os.path.isdir(os.path.join(root, "dispatch_hooks")):
    root = os.path.dirname(root)
sys.path.append(root)

from dispatch_hooks import plugin  # noqa: E402

sys.exit(plugin.main(sys.argv[1], os.path.dirname(sys.argv[0])))
