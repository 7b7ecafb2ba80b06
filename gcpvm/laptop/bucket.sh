#!/usr/bin/env bash
# Moves a data set between a bucket and a folder of the machine on which this runs; dataset.sh runs it here and there.
# Usage: bucket.sh fetch CERULEANML gs://…/NAME FOLDER/NAME
#        bucket.sh send CERULEANML FOLDER/NAME gs://…/NAME
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

stop() {
    echo "$1" >&2
    exit 2
}

# This script may come by standard input, so nobody else reads that.
mirror() { "$ceruleanml" mirror "$@" </dev/null; }

# Two data sets of one name are never mixed: $1 is a description, or is not there; $2 the place that is told.
refuse_another() {
    [ ! -e "$1" ] || cmp -s "$1" "$2" || stop "$3: is another data set of that name; remove it, or give this one another name"
}

# What arrives lies under a hidden name until it is whole, its description first, so that another is not mixed in.
fetch() {
    local from=$1 to=$2 arriving=${2%/*}/.arriving-${2##*/}
    mirror "$from/dataset.json" "$work/dataset.json" --quiet
    refuse_another "$to/dataset.json" "$work/dataset.json" "$to"
    [ ! -e "$to/dataset.json" ] || {
        mirror "$from" "$to"
        return
    }
    [ ! -e "$to" ] || stop "$to: is a folder without dataset.json, what another move left: end that one, or remove the folder"
    refuse_another "$arriving/dataset.json" "$work/dataset.json" "$arriving"
    mkdir -p "$arriving"
    cp "$work/dataset.json" "$arriving/"
    mirror "$from" "$arriving"
    mv "$arriving" "$to"
}

# A bucket renames no folder, so there the description comes last.
send() {
    local from=$1 to=$2 entry
    if mirror "$to/dataset.json" "$work/dataset.json" --quiet 2>"$work/told"; then
        refuse_another "$from/dataset.json" "$work/dataset.json" "$to"
    elif ! grep -q 'holds no files to mirror' "$work/told"; then
        cat "$work/told" >&2
        exit 2
    fi
    for entry in "$from"/*; do
        if [ "$entry" = "$from/dataset.json" ] || [ -z "$(find "$entry" -type f -print -quit)" ]; then continue; fi
        mirror "$entry" "$to/${entry##*/}" --quiet
    done
    mirror "$from" "$to"
}

ceruleanml=$2
"$1" "$3" "$4"
