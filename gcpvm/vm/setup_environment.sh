#!/usr/bin/env bash
# Makes or renews the Python environment of the repository on this machine: .venv by `make setup`, and JupyterLab in it.
# Usage: setup-environment [REPOSITORY]      (default /data/ceruleanml); run it after the first `make syncup`
set -euo pipefail

repository=${1:-/data/ceruleanml}
[ -f "$repository/pyproject.toml" ] || { echo "setup-environment: $repository holds no repository: say make syncup on the laptop first" >&2; exit 2; }
cd "$repository"

# The package needs Python 3.11; the image's own may be older. uv fetches one, onto the data disk, which outlives the system.
export UV_PYTHON_INSTALL_DIR=${UV_PYTHON_INSTALL_DIR:-$(dirname "$repository")/python}
find_python() {
    local name
    for name in python3.13 python3.12 python3.11 python3; do
        command -v "$name" >/dev/null || continue
        "$name" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v "$name"; return; }
    done
    python3 -m pip install --quiet --user 'uv>=0.4,<1' && python3 -m uv python install 3.12 >&2 && python3 -m uv python find 3.12
}

python=$(find_python) || { echo 'setup-environment: no Python 3.11 or newer, and none could be fetched' >&2; exit 2; }
# On a new system disk the Python that .venv was made from may be gone.
.venv/bin/python -c '' 2>/dev/null || rm -rf .venv
make setup PYTHON="$python"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt 'jupyterlab>=4.4,<5'
.venv/bin/python -c 'import torch; print("GPU:", torch.cuda.get_device_name() if torch.cuda.is_available() else "none")'
