# The jobs and the MLflow server: everything that trains, scores and watches, with the pipeline
# in /opt/project. `make images` builds it, docs/kubernetes.md tells how and what is in it.
#
# checkov:skip=CKV_DOCKER_2:jobs end by themselves; the server is probed in k8s/ and docker-compose.yml
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS libraries
WORKDIR /build
COPY requirements/uv.txt requirements/ml.txt requirements/
RUN python -m venv uv \
    && uv/bin/pip install --quiet --no-cache-dir --require-hashes -r requirements/uv.txt \
    && uv/bin/uv venv --quiet /opt/churn \
    && uv/bin/uv pip install --quiet --no-cache --python /opt/churn/bin/python \
        --require-hashes -r requirements/ml.txt \
    && find /opt/churn -type d \( -name tests -o -name include \) -prune -exec rm -r {} + \
    && python -m compileall -q --invalidation-mode unchecked-hash /opt/churn/lib

# Ours alone, in a tree of its own: a new version shares the layer of the libraries with the last.
FROM libraries AS build
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN uv/bin/uv pip install --quiet --no-cache --python /opt/churn/bin/python --no-deps \
        --target /own/lib/python3.11/site-packages . \
    && mv /own/lib/python3.11/site-packages/bin /own/bin \
    && rm -f /own/lib/python3.11/site-packages/.lock \
    && rm /own/lib/python3.11/site-packages/churn_mlops-*.dist-info/uv_cache.json \
    && sed -i -e /uv_cache.json/d -e 's#^bin/#../../../bin/#' \
        /own/lib/python3.11/site-packages/churn_mlops-*.dist-info/RECORD \
    && python -m compileall -q --invalidation-mode unchecked-hash /own/lib

FROM ${PYTHON_IMAGE}
# LightGBM's OpenMP, of the version that the pinned base's Debian has.
# hadolint ignore=DL3008
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/cache/ldconfig /var/log/*
ENV PATH=/opt/churn/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp DVC_SITE_CACHE_DIR=/tmp/dvc \
    DVC_NO_ANALYTICS=1 MLFLOW_DISABLE_TELEMETRY=true ORT_DISABLE_TELEMETRY=1
COPY --from=libraries /opt/churn /opt/churn
COPY --from=build /own /opt/churn
COPY .dvc/config /opt/project/.dvc/config
COPY .dvcignore dvc.yaml params.yaml /opt/project/
COPY scripts /opt/project/scripts
COPY src /opt/project/src
# A workspace of a container is no clone.
RUN printf '    no_scm = true\n' >> /opt/project/.dvc/config \
    && install -d -o 10001 -g 10001 /workspace /mlflow
WORKDIR /workspace
# Version and revision are added by scripts/images.sh.
LABEL org.opencontainers.image.title="churn-ml" \
    org.opencontainers.image.description="Trains, scores and watches churn models; serves MLflow" \
    org.opencontainers.image.licenses="Apache-2.0"
USER 10001:10001
ENTRYPOINT ["churn"]
CMD ["--help"]
