"""The supervisor's process: supervise.py TASK_FOLDER [what it brings along from waiting]."""

import os
import sys

root = os.path.realpath(__file__)
while not os.path.isdir(os.path.join(root, "dispatch_hooks")):
    root = os.path.dirname(root)
sys.path.append(root)

from dispatch_hooks import supervisor  # noqa: E402

sys.exit(supervisor.main(*sys.argv[1:]))
