#!/usr/bin/env bash
# Builds our images here: with the stand-in base where no image registry can be reached, and with
# this machine's authorities and package settings, which are mounted and not baked in.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
export CONTAINERS_CONF=${CONTAINERS_CONF:-$here/containers.conf}
export PYTHON_IMAGE=${PYTHON_IMAGE:-docker.io/library/python:3.11-slim-bookworm}
"$here/base_image.sh" "$PYTHON_IMAGE"

settings=$(mktemp -d)
trap 'rm -rf "$settings"' EXIT
authorities=/etc/ssl/certs/ca-certificates.crt
printf '[global]\ncert = %s\n' "$authorities" >"$settings/pip.conf"
printf 'native-tls = true\n' >"$settings/uv.toml"
options="--network=host --pull=never --volume=$authorities:$authorities:ro"
options+=" --volume=$settings/pip.conf:/etc/pip.conf:ro"
options+=" --volume=$settings/uv.toml:/etc/uv/uv.toml:ro"
ENGINE=podman BUILD_OPTIONS="$options ${BUILD_OPTIONS:-}" "$here/../../scripts/images.sh"
