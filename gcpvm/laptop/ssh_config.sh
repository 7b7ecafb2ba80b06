#!/usr/bin/env bash
# Prints the entry by which ssh, rsync and editors reach the machine: through Google's proxy, as your OS Login user.
# With NAME, ZONE, PROJECT; GCLOUD, IDENTITY (your key), FORWARDS (ports, each as 8888 or here:there), KNOWN_HOSTS.
set -euo pipefail

gcloud=${GCLOUD:-gcloud}
identity=${IDENTITY:-$HOME/.ssh/google_compute_engine}
stop() {
    echo "$1" >&2
    exit 2
}

command -v "$gcloud" >/dev/null || stop "$gcloud: not installed; Google's command line is needed: https://cloud.google.com/sdk/docs/install"

# The private key is made here and never leaves this machine; Google gets the public one, which OS Login asks for.
if [ ! -f "$identity" ]; then
    mkdir -p "$(dirname "$identity")"
    ssh-keygen -q -t ed25519 -N '' -C ceruleanml -f "$identity" || stop "$identity: no key could be made"
    echo "made the key $identity; give it a passphrase by ssh-keygen -p -f $identity" >&2
fi
"$gcloud" compute os-login ssh-keys add --key-file "$identity.pub" --project "$PROJECT" >/dev/null ||
    stop "your key could not be given to OS Login: say $gcloud auth login, and ask who runs the project for access (ssh_members)"
user=$("$gcloud" compute os-login describe-profile --project "$PROJECT" --format 'value(posixAccounts[0].username)')
[ -n "$user" ] || stop "OS Login knows no user of yours: say $gcloud auth login"

# The first line is what the Makefile knows the entry's age by.
cat <<ENTRY
# GCLOUD=$gcloud IDENTITY=$identity FORWARDS=${FORWARDS:-8888 6006 8787}
Host $NAME
    HostName $NAME
    HostKeyAlias $NAME.$ZONE.$PROJECT
    User $user
    IdentityFile "${identity//%/%%}"
    IdentitiesOnly yes
    UserKnownHostsFile "${KNOWN_HOSTS//%/%%}"
    StrictHostKeyChecking accept-new
    ProxyCommand "${gcloud//%/%%}" compute start-iap-tunnel $NAME 22 --listen-on-stdin --zone $ZONE --project $PROJECT --verbosity warning
    ServerAliveInterval 30
    ServerAliveCountMax 4
ENTRY
for ports in ${FORWARDS:-8888 6006 8787}; do
    echo "    LocalForward 127.0.0.1:${ports%:*} 127.0.0.1:${ports#*:}"
done
