#!/usr/bin/env sh
# Pushes the images that scripts/images.sh built, and prints where they are, one a line:
#
#   REGISTRY=registry.example.com TAG=1.2.0 scripts/push_images.sh
#   api=registry.example.com/churn-api:1.2.0@sha256:...
#   api-digest=sha256:...
#
# PUSH_OPTIONS goes to podman. Docker tells no digest of what it pushed, so it is podman's work.
set -eu
: "${REGISTRY:?name the registry, as in REGISTRY=registry.example.com}"
: "${TAG:?name the tag that the images were built with, as in TAG=1.2.0}"
digest=$(mktemp)
trap 'rm -f "$digest"' EXIT
for name in ${IMAGES:-api ml}; do
    # The options are words on purpose.
    # shellcheck disable=SC2086
    podman push ${PUSH_OPTIONS:-} --digestfile "$digest" \
        "churn-$name:$TAG" "$REGISTRY/churn-$name:$TAG" >&2
    echo "$name=$REGISTRY/churn-$name:$TAG@$(cat "$digest")"
    echo "$name-digest=$(cat "$digest")"
done
