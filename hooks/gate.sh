#!/bin/sh
# The gate between Claude Code's hooks and dispatch-hooks: `sh gate.sh EVENT`, the event's JSON on standard input.
# What it needs to know stands above this when `dispatch-hooks install` has put it into the data folder ($python,
# $hooks, $state, $runtime, and what hooks inherit), or was read by plugin.sh.
#
# Nearly every event is none of ours, and starting Python costs ten times what it costs to see that here.
# Plain POSIX sh, and nothing that grows with the square of a prompt's length (as ${prompt#*word} does). printf is
# to be built in, as it nearly always is: a program's argument could not hold a prompt of more than 128 KB.

[ -z "${DISPATCH_HOOKS_TASK-}" ] || exit 0 # we are inside a worker: it is nobody's chat

host=$runtime/hosts/$CLAUDE_PID

run() {
    script=$hooks/$1
    shift
    exec "$python" -I -S "$script" "$@"
}

# Is it for us, as far as can be told without a grammar? Takes the event from standard input into $event.
# Bytes are matched, so that no locale and no invalid text matters; what we start must not see the change.
mentions() {
    event=$(cat)
    locale=${LC_ALL-unset}
    LC_ALL=C
    case $event in
    *'"prompt":"'*[Dd][Ii][Ss][Pp][Aa][Tt][Cc][Hh]*) found=0 ;;
    *'"prompt":"'*) found=1 ;;
    *) found=0 ;; # not an event as we know it: Python shall judge
    esac
    if [ $found = 1 ] && [ -e "$host/tasks" ]; then controls && found=0; fi
    if [ "$locale" = unset ]; then unset LC_ALL; else LC_ALL=$locale; fi
    return $found
} 2>/dev/null

# Does it begin with a control word, with white space before one perhaps, or as Claude Code's own notifications do?
controls() {
    case $event in
    *'"prompt":"'[\ @\\\<]*) ;;
    *'"prompt":"'[Aa][Nn][Ss][Ww][Ee][Rr]*) ;;
    *'"prompt":"'[Cc][Aa][Nn][Cc][Ee][Ll]*) ;;
    *'"prompt":"'[Ss][Tt][Oo][Pp]*) ;;
    *'"prompt":"'[Ss][Hh][Oo][Ww]*) ;;
    *'"prompt":"'[Tt][Ee][Ll][Ll]*) ;;
    *'"prompt":"'[Ss][Tt][Aa][Tt][Uu][Ss]*) ;;
    *'"prompt":"'[Rr][Ee][Tt][Rr][Yy]*) ;;
    *'"prompt":"'[Rr][Ee][Ss][Uu][Mm][Ee]*) ;;
    *'"prompt":"'[Rr][Ee][Ll][Ee][Aa][Ss][Ee]*) ;;
    *'"prompt":"'[Pp][Aa][Uu][Ss][Ee]*) ;;
    *'"prompt":"'[Ss][Tt][Aa][Rr][Tt]*) ;;
    *'"prompt":"'[Dd][Ii][Ff][Ff]*) ;;
    *'"prompt":"'[Mm][Ee][Rr][Gg][Ee]*) ;;
    *'"prompt":"'[Dd][Ii][Ss][Cc][Aa][Rr][Dd]*) ;;
    *) return 1 ;;
    esac
}

# Does a watcher run for this host already? The pid of a killed one may be another process's by now: where there is
# a /proc, its start counts (field 22 of stat; the name in brackets may hold anything).
watched() {
    [ -f "$host/watching" ] || return 1
    { read -r pid && read -r began; } <"$host/watching" || :
    case $pid in
    '' | 0* | *[!0-9]*) return 1 ;;
    esac
    if [ -r /proc/self/stat ]; then
        read -r stat <"/proc/$pid/stat" || return 1
        set -- ${stat##*) }
        [ "${20}" = "$began" ]
    else
        kill -0 "$pid"
    fi
} 2>/dev/null

case $1 in
stop) [ ! -e "$host/news" ] || run stop.py ;;
notification) [ ! -e "$host/asks" ] && [ ! -e "$host/news" ] || run notification.py ;;
session-start) run session_start.py ;;
session-end) [ ! -e "$host/news" ] || run session_end.py ;;
prompt)
    [ ! -e "$host/news" ] || run user_prompt_submit.py
    mentions || exit 0
    printf '%s' "$event" | run user_prompt_submit.py
    ;;
watch-session-start)
    [ -e "$state/outstanding" ] || exit 0
    watched || run watch.py session-start
    ;;
watch-prompt)
    ! watched || exit 0
    [ ! -e "$host/tasks" ] || run watch.py prompt
    mentions || exit 0
    printf '%s' "$event" | run watch.py prompt
    ;;
watch-stop)
    [ -e "$host/tasks" ] || exit 0
    watched || run watch.py stop
    ;;
esac
