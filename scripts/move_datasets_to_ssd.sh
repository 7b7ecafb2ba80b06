#!/usr/bin/env bash
# Copy data sets to a local SSD before training: reading tiles from a mounted bucket starves the GPU.
# Usage: move_datasets_to_ssd.sh SSD_FOLDER DATASET_FOLDER|gs://bucket/dataset …
#   Run again it copies only what differs; an interrupted copy goes on. Nothing is deleted on either side.
set -euo pipefail

[ $# -ge 2 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
ssd=$1
shift
[ -d "$ssd" ] || { echo "$ssd: no such folder; mount the SSD first" >&2; exit 2; }

for dataset in "$@"; do
    name=$(basename "$dataset")
    case $dataset in
        gs://*) mkdir -p "$ssd/$name" && gcloud storage rsync --recursive "$dataset" "$ssd/$name" ;;
        *)
            [ -f "$dataset/dataset.json" ] || { echo "$dataset: is no data set folder, it has no dataset.json" >&2; exit 2; }
            rsync --archive --partial "$dataset/" "$ssd/$name/"
            ;;
    esac
    echo "$dataset is in $ssd/$name"
done
