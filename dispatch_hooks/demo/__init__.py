"""`dispatch-hooks demo`: the main job for a person to watch, in a home of its own.

Real are the installed hook commands, the events that they are fed (copies of captured ones), tasks, supervisors,
watcher and digests. Stood in for are Claude Code (chat.py) and an agent CLI (worker.py).
"""
