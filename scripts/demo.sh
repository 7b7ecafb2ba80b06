#!/usr/bin/env bash
# The main job on simulated scenes, end to end. Run again, it skips what is done.
# Usage: demo.sh FOLDER      with BIN, WORKERS, SEED, SCENES (how many) and EPOCHS from the environment
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

epochs=${EPOCHS:-20}
step "Training a U-Net, all slicks as one class: $epochs epochs of few tiles"
run=$out/runs/unet
merged=$(printf '%s: infra_slick, ' natural_seep coincident_vessel recent_vessel old_vessel ambiguous)
merged=${merged%, }
if [ -f "$run/model.json" ]; then
    echo "$run is trained already"
elif [ -f "$run/checkpoint.pt" ]; then
    "$ceruleanml" train --resume "$run"
else
    rm -rf "$run"
    "$ceruleanml" train data.train="$out/datasets/train" data.validation="$out/datasets/val" data.negative_ratio=1 \
        data.crop_px=128 data.batch_size=8 "data.merge_classes={$merged}" "loss.class_weights={infra_slick: 10}" \
        trainer.epochs="$epochs" trainer.lr=2e-3 trainer.checkpoint_minutes=1 trainer.seed="$seed" run="$run"
fi

step "Judging it by the test set"
"$ceruleanml" evaluate "$run" "$out/datasets/test" --out "$out/evaluation"

step "Finding slicks in the test scenes"
"$ceruleanml" predict "$run" "$out/parts/test_scenes.txt" --out "$out/slicks" \
    --georeference "$out/raw/georeference/{scene_id}.json" "${context[@]}"

printf '\nThe report on the model is %s/evaluation/report.html, the slicks it found are in %s/slicks (a model of eight scenes and two minutes knows little; see docs/results.md for what more of both gives).\n' "$out" "$out"
printf 'The data sets lie in %s/datasets, their picture is %s/train.png\n' "$out" "$out"
