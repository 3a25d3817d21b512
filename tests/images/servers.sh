#!/usr/bin/env bash
# Makes stand-ins for the images of Prometheus, Alertmanager and Pushgateway where no image registry
# can be reached: this machine's programs on the stand-in base, under the names that
# docker-compose.yml and k8s/ have. What is there already stays.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
export CONTAINERS_CONF=${CONTAINERS_CONF:-$here/containers.conf}
base=${PYTHON_IMAGE:-docker.io/library/python:3.11-slim-bookworm}
"$here/base_image.sh" "$base"

make_image() {
    local program=$1 name=$2 folder=$3 image
    shift 3
    image=$(grep -ohE "docker.io/prom/$name:[^ ]+" "$here/../../docker-compose.yml")
    podman image exists "$image" && return
    local context
    context=$(mktemp -d)
    cp "$(command -v "$program")" "$context/program"
    # What Debian's program has beside it lies where it looks for it.
    mkdir "$context/files"
    for more in "$@"; do cp --parents -rL "$more" "$context/files"; done
    cat >"$context/Dockerfile" <<EOF
FROM $base
COPY program /bin/$name
COPY files /
RUN install -d -o 65534 -g 65534 $folder
USER 65534
WORKDIR $folder
ENTRYPOINT ["/bin/$name"]
EOF
    podman build --quiet --network=host --pull=never --format=docker --tag "$image" "$context"
    rm -r "$context"
}
make_image prometheus prometheus /prometheus
make_image prometheus-alertmanager alertmanager /alertmanager /usr/share/prometheus/alertmanager
make_image prometheus-pushgateway pushgateway /pushgateway
