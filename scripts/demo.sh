#!/usr/bin/env bash
# The main job on simulated scenes, end to end. Run again, it skips what is done.
# Usage: demo.sh FOLDER      with BIN, WORKERS, SEED and SCENES (how many) from the environment
set -euo pipefail

out=$1
ceruleanml=${BIN:-.venv/bin}/ceruleanml
seed=${SEED:-0} scenes=${SCENES:-12}
context=(--context "infra_distance=$out/raw/context/infrastructure.geojson" --context "ship_density=$out/raw/context/ship_density.tif")

step() { printf '\n== %s\n' "$1"; }

step "Simulating $scenes scenes, a third of them without a slick"
"$ceruleanml" simulate-scenes "$out/raw" --scenes "$scenes" --seed "$seed"

step "Parting them into training, validation and test by scene"
"$ceruleanml" partition "$out/raw/scenes" --georeference "$out/raw/georeference/{scene_id}.json" --out "$out/parts" --train 0.6 --val 0.2 --test 0.2 --seed "$seed"

for part in train val test; do
    step "Building the $part set"
    "$ceruleanml" make-dataset "$out/parts/${part}_scenes.txt" --out "$out/datasets/$part" \
        --georeference "$out/raw/georeference/{scene_id}.json" "${context[@]}" \
        --tile-size 256 --empty-tiles 0.3 --workers "${WORKERS:-2}" --seed "$seed"
done

step "Describing the training set"
"$ceruleanml" describe "$out/datasets/train" --json "$out/train.json" --figure "$out/train.png"

step "Checking the three sets against each other"
"$ceruleanml" check "$out/datasets/train" "$out/datasets/val" "$out/datasets/test" --out "$out/removed_samples.csv"

printf '\nThe data sets lie in %s/datasets, their picture is %s/train.png\n' "$out" "$out"
