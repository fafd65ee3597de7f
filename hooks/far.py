"""The far side of an ssh launcher: far.py start LOG WORD… | look | find NAME | end JOB.

start reads the environment from standard input (NAME=value, each ended by a NUL), so that no value stands in an
argument list, starts WORD… in a session of its own, and prints its job. look reads jobs from there, one a line.
"""

import os
import sys

root = os.path.realpath(__file__)
while not os.path.isdir(os.path.join(root, "dispatch_hooks")):
    root = os.path.dirname(root)
sys.path.append(root)

from dispatch_hooks.launchers import far  # noqa: E402

sys.exit(far.main(sys.argv[1:]))
