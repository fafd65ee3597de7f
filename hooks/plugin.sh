# The gate of the Claude Code plugin. hooks.json has sh read this file, with its path in $0 and the event in $1.
#
# What the gate needs to know was found by the first chat and is remembered in the plugin's data folder: no event
# looks for an interpreter, but for the first one, and a chat's start after the interpreter has gone or the plugin is
# another version's.

hooks=${0%/*}
words=$CLAUDE_PLUGIN_DATA/words

# Asks each Python of PATH whether it can run the hooks; the first that can writes the words.
find_python() {
    [ -z "${DISPATCH_HOOKS_TASK-}" ] || return 0
    mkdir -p -m 700 "$CLAUDE_PLUGIN_DATA"
    for name in python3 python3.14 python3.13 python3.12 python3.11 python; do
        found=$(command -v "$name") || continue
        "$found" -I -S "$hooks/remember.py" "$CLAUDE_PLUGIN_DATA" </dev/null && . "$words" && return
    done
    echo 'sought=1' >"$words"
    [ "$1" != session-start ] || echo '{"systemMessage":"dispatch-hooks: no Python 3.11 or newer on PATH, so nothing can be dispatched. Install one (apt install python3, brew install python) and start claude again."}'
    exit 0
} 2>/dev/null

[ ! -f "$words" ] || . "$words"
case $1 in
session-start) [ -x "${python-}" ] && [ "$plugin" = "$hooks" ] || find_python "$1" ;;
prompt) [ -x "${python-}" ] || [ -n "${sought-}" ] || find_python "$1" ;;
esac
[ ! -x "${python-}" ] || . "$hooks/gate.sh"
