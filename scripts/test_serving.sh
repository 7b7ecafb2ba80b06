#!/usr/bin/env bash
# Export both kinds of network, then load and run the files in the runtime of SkyTruth's service.
#   scripts/test_serving.sh [FOLDER]
# Makes .venv-serving (torch 2.0.1, torchvision 0.15.2: about 5 GB) the first time. FOLDER keeps what was exported.
#   PYTHON      of this project (default .venv/bin/python)
#   PYTHON311   that makes .venv-serving; the runtime is for Python 3.11 (default python3.11)
set -euo pipefail
cd "$(dirname "$0")/.."

PYTHON=${PYTHON:-.venv/bin/python}
PYTHON311=${PYTHON311:-python3.11}
SERVING=${SERVING:-.venv-serving}
REQUIREMENTS=tests/serving/requirements.txt

if ! cmp --silent "$REQUIREMENTS" "$SERVING/requirements.txt"; then
  command -v "$PYTHON311" >/dev/null || {
    echo "test_serving: $PYTHON311 is not here; say PYTHON311=/path/to/python3.11" >&2
    exit 2
  }
  echo "Making $SERVING: some minutes and about 5 GB of disk the first time …"
  "$PYTHON311" -m venv "$SERVING"
  "$SERVING/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --requirement "$REQUIREMENTS"
  cp "$REQUIREMENTS" "$SERVING/requirements.txt"
fi

if [ $# -gt 0 ]; then
  folder=$1
else
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
fi
"$PYTHON" tests/serving/write_exports.py "$folder"
"$SERVING/bin/python" tests/serving/run_exports.py "$folder"
