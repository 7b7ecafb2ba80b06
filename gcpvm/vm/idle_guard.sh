#!/usr/bin/env bash
# Shuts the machine down when nobody has used it for IDLE_MINUTES in a row. The timer runs this once a minute.
# Idle: no keep file, booted longer ago than IDLE_MINUTES, nobody connected, load under 0.5, every GPU under 5 %.
# What cannot be read counts as busy. `idle-guard --why` says what holds it back, and counts nothing.
set -uo pipefail
export LC_ALL=C

ROOT=${CERULEANML_ROOT:-} # the tests' folder that stands for /
SETTINGS=$ROOT/etc/ceruleanml/idle-guard.conf
PCI_DEVICES=$ROOT/sys/bus/pci/devices
STATE=$ROOT/run/idle-guard/idle_for
BUSY_LOAD=0.5 BUSY_GPU_PERCENT=5

setting() { sed -n "s/^$1=//p" "$SETTINGS" 2>/dev/null; }

# Prints why the machine counts as busy, or nothing.
why_busy() {
    why_settings || why_keep || why_young || why_people || why_load || why_gpu
}

# Each of these prints its reason and succeeds, or fails without a word.
why_settings() {
    [[ $IDLE_MINUTES =~ ^[1-9][0-9]{0,4}$ && $KEEP_FILE == "$ROOT"/*/* ]] && return 1
    echo "$SETTINGS says no IDLE_MINUTES or KEEP_FILE"
}

why_keep() {
    local folder=${KEEP_FILE%/*}
    if [ -e "$KEEP_FILE" ] || [ -L "$KEEP_FILE" ]; then
        echo "$KEEP_FILE is there"
    elif [ -d "$folder" ] && ! ls "$folder" >/dev/null 2>&1; then
        echo "$folder cannot be read" # a keep file may lie in it
    else
        return 1
    fi
}

why_young() {
    local booted now
    booted=$(timeout 10 uptime -s)
    # The form is looked at first: to `date` an empty word is last midnight.
    if ! [[ $booted =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}\ [0-9:]{8}$ ]] || ! booted=$(date --date="$booted" +%s); then
        echo 'uptime -s does not say when the machine was booted'
        return
    fi
    now=$(date +%s)
    [ $((now - booted)) -ge $((IDLE_MINUTES * 60)) ] && return 1
    echo "booted less than $IDLE_MINUTES minutes ago"
}

# `who` knows terminals, also those of tmux and screen, which stay when everybody has left: these are no people. Editors
# and rsync hold a connection without a terminal, so those to port 22 are counted too.
why_people() {
    local people connections
    people=$(timeout 10 who) || { echo 'who does not answer'; return; }
    people=$(sed -E '/\((tmux\([0-9]+\)\.%[0-9]+|[^()]*:S\.[0-9]+)\)$/d' <<<"$people")
    [ -z "$people" ] || { echo "logged in: ${people%%[[:space:]]*}"; return; }
    connections=$(timeout 10 ss --no-header --numeric --tcp state established '( sport = :22 )') || {
        echo 'ss does not answer'
        return
    }
    [ -n "$connections" ] || return 1
    echo 'somebody is connected by ssh'
}

why_load() {
    local answer load
    answer=$(timeout 10 uptime)
    load=$(sed -n 's/.*load average: \([0-9][0-9]*\.[0-9][0-9]*\),.*/\1/p' <<<"$answer")
    [ -n "$load" ] || { echo 'uptime does not say the load'; return; }
    awk -v load="$load" -v busy="$BUSY_LOAD" 'BEGIN {exit !(load >= busy)}' || return 1
    echo "load $load"
}

# A machine without any NVIDIA device on its bus is one without GPU by design (the preset cpu); on one that has such a
# device, nvidia-smi must answer with a number for each GPU.
why_gpu() {
    local vendors uses use
    vendors=$(cat "$PCI_DEVICES"/*/vendor 2>/dev/null) || { echo "$PCI_DEVICES cannot be read"; return; }
    grep -qx 0x10de <<<"$vendors" || return 1
    uses=$(timeout 30 nvidia-smi --query-gpu=utilization.gpu --format=csv,noheader,nounits 2>/dev/null) || uses=
    while read -r use; do
        [[ $use =~ ^[0-9]{1,3}$ ]] || { echo "nvidia-smi says no figure but '$use'"; return; }
        [ "$use" -lt "$BUSY_GPU_PERCENT" ] || { echo "a GPU is at $use %"; return; }
    done <<<"$uses"
    return 1
}

IDLE_MINUTES=$(setting IDLE_MINUTES)
KEEP_FILE=$ROOT$(setting KEEP_FILE)
reason=$(why_busy)
if [ "${1:-}" = --why ]; then
    echo "${reason:-idle}"
    exit
fi
if [ -n "$reason" ]; then
    rm -f "$STATE"
    exit
fi

# Minutes are counted, not clocks compared: a clock that jumps stops nothing.
idle_for=$(cat "$STATE" 2>/dev/null)
[[ $idle_for =~ ^[0-9]{1,6}$ ]] || idle_for=0
idle_for=$((10#$idle_for + 1))
mkdir -p "$(dirname "$STATE")" && echo "$idle_for" >"$STATE"
[ "$idle_for" -ge "$IDLE_MINUTES" ] || exit 0
echo "idle for $idle_for minutes: shutting down"
shutdown -h now "ceruleanml: idle for $idle_for minutes"
