theirs=$(eval "$1") # before any variable of ours is set; it reads what Claude Code tells on standard input
# Our line below the person's own in Claude Code's status line: `sh statusline.sh COMMAND`, COMMAND being theirs.
# What it needs to know stands above this when `dispatch-hooks install` has put it into the data folder.
#
# Claude Code runs this after every turn, and every few seconds where it is told to. So Python is started only when a
# record has changed since the line was written; else it costs two stats and a read.

[ -z "$theirs" ] || printf '%s\n' "$theirs"
[ -z "${DISPATCH_HOOKS_TASK-}" ] || exit 0 # we are inside a worker: it is nobody's chat

line=$runtime/hosts/$CLAUDE_PID/line
[ "$line" -nt "$state/changed" ] || "$python" -I -S "$hooks/statusline.py" </dev/null >/dev/null 2>&1
ours=
{ read -r ours <"$line"; } 2>/dev/null
[ -z "$ours" ] || printf '%s\n' "$ours"
exit 0
