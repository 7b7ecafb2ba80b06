#!/usr/bin/env bash
# Build the train, val and test data sets of a partition, and mirror them to a bucket and to a local SSD.
# Usage: make_datasets.sh PARTS_FOLDER OUT_FOLDER [make-dataset options …]
#   PARTS_FOLDER   holds train_scenes.txt, val_scenes.txt and test_scenes.txt (see `ceruleanml partition`)
#   BUCKET=gs://…  mirror OUT_FOLDER there, with `gcloud storage rsync`
#   SSD=/mnt/…     mirror OUT_FOLDER there
set -euo pipefail

[ $# -ge 2 ] || { sed -n '2,6s/^# //p' "$0" >&2; exit 2; }
parts=$1 out=$2
shift 2
ceruleanml=${CERULEANML:-$(dirname "$0")/../.venv/bin/ceruleanml}

compgen -G "$parts/*_scenes.txt" >/dev/null || { echo "$parts: holds no train_scenes.txt, val_scenes.txt or test_scenes.txt" >&2; exit 2; }

status=0
for part in train val test; do
    [ -f "$parts/${part}_scenes.txt" ] || { echo "no $parts/${part}_scenes.txt: no $part set"; continue; }
    "$ceruleanml" make-dataset "$parts/${part}_scenes.txt" --out "$out/$part" "$@" || {
        status=$?
        [ "$status" -eq 3 ] || exit "$status" # 3: some scenes failed and were named, the rest is built
    }
done

[ -z "${BUCKET:-}" ] || gcloud storage rsync --recursive "$out" "$BUCKET"
[ -z "${SSD:-}" ] || rsync --archive "$out/" "$SSD/"
exit "$status"
