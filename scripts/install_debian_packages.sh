#!/usr/bin/env bash
# Install the Debian packages a list names, those that are missing; say so where that cannot be done.
# Usage: install_debian_packages.sh LIST      one package a line, `#` begins a comment
set -euo pipefail

missing=()
while read -r package; do
    dpkg-query --show --showformat='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done < <(sed 's/#.*//' "$1" | grep -o '[^[:space:]]\+' || true)
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo --non-interactive)
echo "Installing Debian packages that tests need: ${missing[*]}"
if ! { "${as_root[@]}" apt-get update -qq && "${as_root[@]}" apt-get install -qq --yes "${missing[@]}" >/dev/null; }; then
    echo "They could not be installed. Tests that need them will say so; to have them: apt-get install ${missing[*]}" >&2
fi
