#!/usr/bin/env bash
# Makes a stand-in for the base of our images where no image registry can be reached: Debian with
# its own Python, under the base's name. Does nothing when an image of that name is there.
set -euo pipefail
name=${1:?"usage: base_image.sh NAME"}
podman image exists "$name" && exit 0

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
# apt fills the name in, not the shell.
# shellcheck disable=SC2016
mirror=$(apt-get indextargets --format '$(SITE)' "Created-By: Packages" | grep -m 1 'debian$')
debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv \
    bookworm "$root/debian" "$mirror" >"$root/log" 2>&1 || { tail -20 "$root/log" >&2; exit 1; }
for command in python python3; do
    ln -s /usr/bin/python3 "$root/debian/usr/local/bin/$command"
done
rm -rf "$root"/debian/var/cache/apt/archives/*.deb "$root"/debian/var/lib/apt/lists/*
tar -C "$root/debian" --exclude=./dev --exclude=./proc --exclude=./sys -c . |
    podman import --change 'CMD ["python3"]' - "$name"
