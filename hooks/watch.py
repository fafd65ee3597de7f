"""The watcher: a hook with asyncRewake that waits for news. Its one private exit code is the gate's sign to wake."""

import os
import sys

root = os.path.realpath(__file__)
while not os.path.isdir(os.path.join(root, "dispatch_hooks")):
    root = os.path.dirname(root)
sys.path.append(root)

from dispatch_hooks import watcher  # noqa: E402

watcher.main()
