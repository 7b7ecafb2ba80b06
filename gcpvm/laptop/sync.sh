#!/usr/bin/env bash
# Brings the repository's files to the machine, or back what changed there.
# Usage: sync.sh up|down      with VM, SSH_CONFIG, REMOTE_DIR, RESULTS (folders that only come down)
#   up    git's own set of files. What an earlier up sent and is removed here vanishes there; nothing else does.
#   down  what git would not ignore here, and the folders of RESULTS. A file that is newer here stays.
# Whatever either replaces or removes is kept in .sync/backup/<time> on the side where it lay.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=remote.sh
. "$here/remote.sh"
names() { "${PYTHON:-python3}" "$here/names.py" "$@"; }

cd "$(git rev-parse --show-toplevel)"
backup=.sync/backup/$(date -u +%Y%m%dT%H%M%SZ)-$$
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Which names this laptop sent to that folder of that machine; a machine is its name, its zone and its project.
machine=$(ssh -G -T -F "$SSH_CONFIG" "$VM" | sed -n 's/^hostkeyalias //p')
sent=$(git rev-parse --git-path "synced-$(printf '%s' "$machine:$REMOTE_DIR" | git hash-object --stdin)")

# Over there: moves the names on standard input into the backup, and folders that this leaves empty away.
# shellcheck disable=SC2016
remove_there='
cd "$1" 2>/dev/null || exit 0
while IFS= read -r -d "" name; do
    [ -f "$name" ] || [ -L "$name" ] || continue
    mkdir -p "$2/${name%/*}" && mv -f -- "$name" "$2/$name" || exit 1
    printf "removed there: %q\n" "$name"
    rmdir -p --ignore-fail-on-non-empty -- "${name%/*}" 2>/dev/null || true
done'

# Over there: takes up as parts what a machine that was stopped left under temporary names, as prepare_here does here.
# shellcheck disable=SC2016
prepare_there='
mkdir -p "$1/.sync/arriving" "$1/.sync/partial" && cd "$1/.sync/arriving" || exit
find . -maxdepth 1 -type f -name "*.??????" -mmin +60 -print0 | while IFS= read -r -d "" file; do
    mv -f -- "$file" "../partial/${file%.*}" || true
done'

up() {
    names present >"$work/present"
    names gone "$sent" >"$work/gone"
    if [ -s "$work/gone" ]; then
        on_vm "bash -c $(quoted "$remove_there") sync $(quoted "$REMOTE_DIR") $(quoted "$backup")" <"$work/gone"
    fi
    cat "$work/present" >>"$sent" # before they are sent: a sync that is killed has sent some of them
    local prepare
    prepare="bash -c $(quoted "$prepare_there") sync $(quoted "$REMOTE_DIR") </dev/null >/dev/null"
    transfer --from0 --files-from="$work/present" --executability --checksum --info=name1 \
        --rsync-path="$prepare && rsync" \
        --temp-dir="$REMOTE_DIR/.sync/arriving" --partial-dir="$REMOTE_DIR/.sync/partial" \
        --backup --backup-dir="$backup" ./ "$VM:$REMOTE_DIR/"
    mv "$work/present" "$sent"
}

# Over there: lists the files of the folder $1, without the folders that come down whole (the other words).
# shellcheck disable=SC2016
list_there='
cd "$1" 2>/dev/null || exit 3
shift
for folder; do
    while [ "$folder" != . ] && [ "$folder" != / ]; do
        [ ! -L "$folder" ] || { echo "$PWD/$folder: is a link there, so what it holds does not come down; make it a folder" >&2; exit 4; }
        folder=$(dirname -- "$folder")
    done
done
skip=()
for folder; do skip+=(-o -path "./$folder"); done
find . \( -name .git -o -name ".venv*" -o -name __pycache__ -o -path ./.sync "${skip[@]}" \) -prune -o \( -type f -o -type l \) -print0'

down() {
    local results status=0
    read -r -a results <<<"${RESULTS:-}"
    results=(${results[@]+"${results[@]%/}"})
    prepare_here
    on_vm "bash -c $(quoted "$list_there") sync $(quoted "$REMOTE_DIR") ${results[*]+$(printf '%q ' "${results[@]}")}" >"$work/there" || status=$?
    [ "$status" -ne 3 ] || stop "$VM:$REMOTE_DIR is not there yet: say make syncup first"
    [ "$status" -ne 4 ] || exit 2 # the machine has said why
    [ "$status" -eq 0 ] || exit "$status"
    names wanted "$sent" <"$work/there" >"$work/wanted"
    arrive --from0 --files-from="$work/wanted" --executability --checksum
    [ "${#results[@]}" -eq 0 ] || {
        printf './%s\0' "${results[@]}" >"$work/results"
        names excluded "$sent" >"$work/excluded"
        arrive --from0 --files-from="$work/results" --exclude-from="$work/excluded" --recursive --ignore-missing-args
    }
    [ ! -d "$backup" ] || echo "what was replaced here lies in $backup"
}

# What comes down: never over a newer file, never without a backup, never through a link out of the repository.
arrive() {
    transfer "$@" --update --safe-links --info=name1,skip1,symsafe1 --temp-dir="$PWD/.sync/arriving/$$" --partial-dir="$PWD/.sync/partial" \
        --backup --backup-dir="$PWD/$backup" "$VM:$REMOTE_DIR/" ./
}

# A transfer that was killed outright leaves what had arrived under a temporary name; it is taken up as a part.
prepare_here() {
    mkdir -p .sync/arriving/$$ .sync/partial
    echo '*' >.sync/.gitignore
    local folder file name
    for folder in .sync/arriving/*/; do
        folder=${folder%/}
        # This sync's own, or that of another that runs.
        case $(ps -o command= -p "${folder##*/}" 2>/dev/null) in *sync.sh*) continue ;; esac
        for file in "$folder"/*.?????? "$folder"/.?*.??????; do
            [ -f "$file" ] || continue
            name=${file##*/}
            mv -f -- "$file" ".sync/partial/${name%.*}"
        done
        rm -rf "$folder"
    done
    trap 'rm -rf "$work"; rmdir ".sync/arriving/$$" 2>/dev/null || true' EXIT
}

case ${1:-} in
    up | down) "$1" ;;
    *)
        sed -n '2,6s/^# //p' "$0" >&2
        exit 2
        ;;
esac
