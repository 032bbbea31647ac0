# shellcheck shell=bash
# Sourced by the scripts beside it: one line per phase, with the time it took.

# phase NAME COMMAND...: runs the command; prints "== NAME (12 s)", and the
# command's own output only when it fails.
phase() {
    local name=$1 log status=0 begin=$SECONDS
    shift
    log=$(mktemp)
    "$@" >"$log" 2>&1 || status=$?
    if ((status)); then
        cat "$log" >&2
        printf '== %s FAILED (%d s)\n' "$name" $((SECONDS - begin)) >&2
    else
        printf '== %s (%d s)\n' "$name" $((SECONDS - begin))
    fi
    rm -f "$log"
    return "$status"
}
