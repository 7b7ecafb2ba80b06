#!/usr/bin/env bash
# Mounts the machine's buckets read-only under /mnt/<bucket>, to browse them. To work on data, mirror it to /data first.
# Usage: cdata mount|unmount|list [BUCKET …]      without names: those that Terraform gave this machine
set -uo pipefail

root=${CERULEANML_ROOT:-}
usage() {
    sed -n '3s/^# //p' "$0" >&2
    exit 2
}

[ $# -ge 1 ] || usage
verb=$1
shift
if [ $# -gt 0 ]; then buckets=("$@"); else mapfile -t buckets < <(cat "$root/etc/ceruleanml/buckets" 2>/dev/null); fi
[ ${#buckets[@]} -gt 0 ] || { echo 'cdata: this machine has no buckets: name one, or give it some in terraform.tfvars (buckets)' >&2; exit 2; }

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo --non-interactive "$@"; fi; }

mount_bucket() {
    local at=$root/mnt/$1
    mountpoint -q "$at" && { echo "gs://$1 is at $at"; return; }
    as_root mkdir -p "$at"
    # Read-only for everyone: a browse mount can neither change nor delete an object.
    as_root gcsfuse -o ro,allow_other --implicit-dirs --file-mode 444 --dir-mode 555 "$1" "$at" >/dev/null &&
        echo "gs://$1 is at $at"
}

unmount_bucket() {
    local at=$root/mnt/$1
    mountpoint -q "$at" || return 0
    as_root fusermount -u "$at" && as_root rmdir "$at" && echo "gs://$1 is unmounted"
}

status=0
for bucket in "${buckets[@]}"; do
    bucket=${bucket#gs://}
    [[ $bucket =~ ^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$ ]] || { echo "cdata: $bucket is no bucket's name" >&2; exit 2; }
    case $verb in
        mount) mount_bucket "$bucket" || { echo "cdata: gs://$bucket could not be mounted" >&2; status=1; } ;;
        unmount) unmount_bucket "$bucket" || { echo "cdata: $root/mnt/$bucket is in use: leave it, then unmount" >&2; status=1; } ;;
        list) if mountpoint -q "$root/mnt/$bucket"; then echo "gs://$bucket is at $root/mnt/$bucket"; else echo "gs://$bucket is not mounted"; fi ;;
        *) usage ;;
    esac
done
exit "$status"
