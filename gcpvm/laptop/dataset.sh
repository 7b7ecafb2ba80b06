#!/usr/bin/env bash
# Moves data sets between a bucket, the machine's disk and this one. Only what differs moves; nothing is deleted.
# Usage: dataset.sh pull gs://bucket/…/NAME    from a bucket to the machine
#        dataset.sh pull NAME [FOLDER]         from the machine to FOLDER/NAME here (default datasets)
#        dataset.sh push FOLDER/NAME           from here to the machine
#        dataset.sh push NAME gs://bucket/…    from the machine to a bucket, as gs://bucket/…/NAME
#        dataset.sh into FOLDER SOURCE …       folders and gs:// on this machine, to its own SSD
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
datasets=${DATASETS:-/data/datasets}

usage() {
    sed -n '3,7s/^# //p' "$0" >&2
    exit 2
}

# A name of one data set: no folder, no option, nothing hidden.
check_name() {
    case $1 in
        '' | */* | .* | -*) stop "$1: is no data set's name; give its name alone, as those that \`ls $datasets\` shows" ;;
    esac
}

# Prints a data set's dataset.json over there, or nothing. Take it by an assignment: a machine that does not answer fails.
description_there() { on_vm "cat $(quoted "$datasets/$1/dataset.json") 2>/dev/null || true"; }

# Two data sets of one name are never mixed.
refuse_another() {
    local there=$1 place=$2
    [ -z "$there" ] || [ "$there" = "$(cat "$3")" ] || stop "$place: is another data set of that name; remove it, or give this one another name"
}

# Runs bucket.sh over there: fetch or send, from, to.
bucket_there() {
    on_vm "bash -s -- $1 $(quoted "$REMOTE_DIR/.venv/bin/ceruleanml") $(quoted "$2") $(quoted "$3")" <"$here/bucket.sh"
}

# A folder counts as a data set once dataset.json is in it, so that comes last: whole or absent, and a part is gone on with.
copy() {
    transfer --recursive --partial-dir=.rsync-partial --exclude=/dataset.json "$1/" "$2/"
    transfer "$1/dataset.json" "$2/"
}

pull() {
    local name=${1%/} there
    case $1 in
        gs://*)
            [ $# -eq 1 ] || usage
            check_name "${name##*/}"
            on_vm "mkdir -p $(quoted "$datasets")"
            bucket_there fetch "$name" "$datasets/${name##*/}"
            echo "$name is at $VM:$datasets/${name##*/}"
            ;;
        *)
            check_name "$name"
            local to=${2:-datasets}/$name
            there=$(description_there "$name")
            [ -n "$there" ] || stop "$VM:$datasets/$name: is no data set; \`make ssh\` and ls $datasets show what is there"
            mkdir -p "$to"
            [ ! -f "$to/dataset.json" ] || refuse_another "$there" "$to" "$to/dataset.json"
            copy "$VM:$datasets/$name" "$to"
            echo "$VM:$datasets/$name is at $to"
            ;;
    esac
}

push() {
    local name=${1%/} there
    [ $# -eq 2 ] || name=${name##*/}
    check_name "$name"
    there=$(description_there "$name")
    if [ $# -eq 2 ]; then
        [[ $2 == gs://?* ]] || stop "$2: is no bucket; give gs://bucket/folder"
        [ -n "$there" ] || stop "$VM:$datasets/$name: is no data set; push its folder there first"
        bucket_there send "$datasets/$name" "${2%/}/$name"
        echo "$VM:$datasets/$name is at ${2%/}/$name"
    else
        [ -f "$1/dataset.json" ] || stop "$1: is no data set folder, it has no dataset.json"
        refuse_another "$there" "$VM:$datasets/$name" "$1/dataset.json"
        on_vm "mkdir -p $(quoted "$datasets/$name")"
        copy "${1%/}" "$VM:$datasets/$name"
        echo "$1 is at $VM:$datasets/$name"
    fi
}

into() {
    local folder=$1 source name
    shift
    [ -d "$folder" ] || { echo "$folder: no such folder; mount the SSD first" >&2; exit 2; }
    for source; do
        source=${source%/}
        name=${source##*/}
        case $source in
            gs://*) "$here/bucket.sh" fetch "${CERULEANML:-$here/../../.venv/bin/ceruleanml}" "$source" "$folder/$name" ;;
            *)
                [ -f "$source/dataset.json" ] || { echo "$source: is no data set folder, it has no dataset.json" >&2; exit 2; }
                [ ! -e "$folder/$name/dataset.json" ] || cmp -s "$source/dataset.json" "$folder/$name/dataset.json" ||
                    { echo "$folder/$name: is another data set of that name; remove it, or give this one another name" >&2; exit 2; }
                rsync --archive --partial-dir=.rsync-partial --exclude=/dataset.json "$source/" "$folder/$name/"
                rsync --archive "$source/dataset.json" "$folder/$name/"
                ;;
        esac
        echo "$source is in $folder/$name"
    done
}

case ${1:-} in
    into)
        [ $# -ge 3 ] || usage
        into "${@:2}"
        ;;
    pull | push)
        if [ $# -lt 2 ] || [ $# -gt 3 ] || [ -z "$2" ]; then usage; fi
        # shellcheck source-path=SCRIPTDIR source=remote.sh
        . "$here/remote.sh"
        cd "$(git -C "$here" rev-parse --show-toplevel)"
        "$@"
        ;;
    *) usage ;;
esac
