#!/usr/bin/env bash
# Starts, stops and shows JupyterLab (port 8888) and TensorBoard (6006), as services of yours that listen on 127.0.0.1.
# In REMOTE_DIR, or /data/ceruleanml.
# Usage: jserve start|stop|status|url      `make ssh` or `make jserve` on the laptop forwards the ports
set -uo pipefail

units=(ceruleanml-jupyter.service ceruleanml-tensorboard.service)
export REMOTE_DIR=${REMOTE_DIR:-/data/ceruleanml}
bin=$REMOTE_DIR/.venv/bin
# The notebooks' copies of what lies in buckets lie where those of the command line do.
# shellcheck disable=SC1091 # the start-up script lays it
[ ! -r /etc/profile.d/ceruleanml.sh ] || . /etc/profile.d/ceruleanml.sh
# Without a login of its own a shell over ssh does not know where its services listen.
export XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/run/user/$(id -u)}

# Jupyter makes a token of its own at each start and keeps it in a file of yours; it never stands in a command line.
url() {
    local line tries
    for tries in 1 2 3 4 5 6 7 8 9 10; do
        line=$("$bin/jupyter" server list 2>/dev/null | grep -o '^http://[^ ]*') && break
        [ "$tries" -eq 10 ] || sleep "${JSERVE_PAUSE_S:-1}"
    done
    [ -n "$line" ] || { echo 'jserve: JupyterLab does not run: jserve status says why' >&2; return 1; }
    echo "JupyterLab   $line"
    echo 'TensorBoard  http://127.0.0.1:6006/'
}

# The folder in which the services run, or nothing. systemd quotes its variables for a shell to read.
running_in() {
    systemctl --user --quiet is-active "${units[0]}" || return 0
    (unset REMOTE_DIR && eval "$(systemctl --user show-environment | grep '^REMOTE_DIR=')" && echo "${REMOTE_DIR:-/data/ceruleanml}")
}

case ${1:-} in
    start)
        [ -x "$bin/jupyter" ] || { echo "jserve: $bin/jupyter is missing: run setup-environment first" >&2; exit 2; }
        running=$(running_in)
        [ -z "$running" ] || [ "$running" = "$REMOTE_DIR" ] ||
            { echo "jserve: they run in $running: say jserve stop there first" >&2; exit 2; }
        # So that they go on when you log out; the idle guard ends them with the machine.
        loginctl enable-linger 2>/dev/null || echo 'jserve: they will end when you log out' >&2
        systemctl --user daemon-reload && systemctl --user import-environment REMOTE_DIR ${CERULEANML_CACHE+CERULEANML_CACHE} && systemctl --user start "${units[@]}" && url
        ;;
    stop) systemctl --user stop "${units[@]}" ;;
    status) systemctl --user --no-pager --lines=5 status "${units[@]}" ;;
    url) url ;;
    *)
        sed -n '4s/^# //p' "$0" >&2
        exit 2
        ;;
esac
