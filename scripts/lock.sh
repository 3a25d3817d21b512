#!/usr/bin/env sh
# Resolves pyproject.toml into requirements/*.txt: every version and hash, for every platform and
# Python that the project supports, without naming the registry it was resolved against.
set -eu
cd "$(dirname "$0")/.."
compile() {
    out=$1; shift
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
        --no-emit-index-url --no-header --output-file "requirements/$out" "$@"
    printf '%s\n%s\n' '# Locked by scripts/lock.sh from pyproject.toml; do not edit.' "$(cat "requirements/$out")" > "requirements/$out.tmp"
    mv "requirements/$out.tmp" "requirements/$out"
}
compile dev.txt --extra train --extra sql --extra api --extra remote --extra server --group dev pyproject.toml
# What is installed and what is in the images has the versions that the tests ran with.
tested() {
    out=$1; shift
    compile "$out" --constraint requirements/dev.txt "$@"
}
tested base.txt pyproject.toml
tested train.txt --extra train --extra sql --extra remote pyproject.toml
tested ml.txt --extra train --extra sql --extra remote --extra server pyproject.toml
tested spark.txt --extra train --extra sql --extra remote --extra server --extra spark pyproject.toml
tested api.txt --extra api pyproject.toml
tested serve.txt --group serve
# Programs with many dependencies of their own, in environments of their own.
echo 'uv' | compile uv.txt -
echo 'checkov' | compile checkov.txt -
printf 'detect-secrets\npip-audit\n' | compile audit.txt -
