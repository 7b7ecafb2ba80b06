# How the scripts beside this one reach the machine; read by `.`, never run.
# VM: the ssh alias; SSH_CONFIG: the file that knows it; REMOTE_DIR: the repository's folder there.
# shellcheck shell=bash

: "${VM:?the ssh alias of the machine is missing: call this by make}"
: "${SSH_CONFIG:?the ssh configuration is missing: call this by make}"
case $SSH_CONFIG in /*) ;; *) SSH_CONFIG=$PWD/$SSH_CONFIG ;; esac # scripts go elsewhere after reading this
REMOTE_DIR=${REMOTE_DIR:-/data/ceruleanml}

# A word as one word of the shell over there, whatever stands in it.
quoted() { printf '%s' "$1" | sed "s/'/'\\\\''/g; 1s/^/'/; \$s/\$/'/"; }

# Runs a command line over there. Forwards are left to `make ssh`, which may hold the ports.
on_vm() { ssh -F "$SSH_CONFIG" -o ClearAllForwardings=yes "$VM" "$@"; }

# rsync with what every transfer here has: names as they are, links as links, times, and parts that are kept.
transfer() {
    rsync --protect-args --links --times --omit-dir-times --rsh "ssh -F \"$SSH_CONFIG\" -o ClearAllForwardings=yes" "$@"
}

# Ends with one line.
stop() {
    echo "$1" >&2
    exit 2
}

case $(rsync --version 2>/dev/null | head -n 1) in
    rsync*version\ [3-9]*) ;;
    *) stop "rsync 3 is needed on this machine too (macOS brings another program of that name): install rsync" ;;
esac
