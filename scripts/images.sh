#!/usr/bin/env sh
# Builds the images churn-api and churn-ml from this checkout, with podman or docker.
#
#   TAG=1.2.0 scripts/images.sh            # churn-api:1.2.0 and churn-ml:1.2.0
#   IMAGES="ml spark" scripts/images.sh    # churn-spark, which few need; it is built upon churn-ml
#   PYTHON_IMAGE=registry.example/python:3.11-slim scripts/images.sh
#
# ENGINE chooses podman or docker, IMAGES some of the images, BUILD_OPTIONS goes to the engine.
set -eu
cd "$(dirname "$0")/.."
engine=${ENGINE:-$(command -v podman || command -v docker || true)}
if [ -z "$engine" ]; then
    echo "images are built with podman or docker, and neither is installed" >&2
    exit 1
fi
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
# All files are of one time (2020-01-01), so that the same contents give the same layers, also from
# one commit to the next.
SOURCE_DATE_EPOCH=1577836800
export SOURCE_DATE_EPOCH
case $engine in
    *podman) reproducible="--timestamp=$SOURCE_DATE_EPOCH --format=docker" ;;
    *) reproducible="" ;;
esac
for name in ${IMAGES:-api ml}; do
    case $name in
        spark) base=ML_IMAGE=churn-ml:${TAG:-dev} ;;
        *) base=PYTHON_IMAGE=${PYTHON_IMAGE:-$(cat docker/base-image)} ;;
    esac
    # The options are words on purpose.
    # shellcheck disable=SC2086
    "$engine" build $reproducible ${BUILD_OPTIONS:-} \
        --file "docker/Dockerfile.$name" \
        --build-arg "$base" \
        --label "org.opencontainers.image.version=${TAG:-dev}" \
        --label "org.opencontainers.image.revision=$revision" \
        --tag "churn-$name:${TAG:-dev}" .
done
