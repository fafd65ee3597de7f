"""A supervisor while it waits: wait.py SECONDS BELL ENDS COMMAND…

Blocks until the bell rings, one of the processes behind the descriptors ENDS ends, or the time is over; then becomes
COMMAND. It imports nothing that Python does not bring along: there may be hundreds of it.
"""

import posix
import select
import sys

seconds, bell, ends, *command = sys.argv[1:]
handles = [int(fd) for fd in ends.split(",") if fd]
select.select([int(bell), *handles], [], [], float(seconds))
for fd in handles:
    posix.close(fd)
posix.execv(command[0], command)
