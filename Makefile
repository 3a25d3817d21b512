# `make run` and `make test` are all that a newcomer needs; `make help` lists the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ENV := $(VENV)/.ready
export PATH := $(abspath $(BIN)):$(PATH)
export OMP_NUM_THREADS ?= 2
WORKERS := -n 2 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help run quick test test-all lint lock docs images clean

help:  ## list these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

run: $(ENV)  ## run the pipeline, then show the ten users most at risk
	dvc repro
	churn top

quick: $(ENV)  ## the fast tests, which need nothing else on this machine
	pytest $(WORKERS) tests/unit -m "not slow and not heavy"

test: $(ENV)  ## lint, check types, test all that runs on this machine
	ruff check .
	ruff format --check .
	mypy
	pytest $(WORKERS) -m "not heavy"

test-all: test  ## these, and the heavy groups (images, Kubeflow, Spark, Terraform, ...): an hour
	python scripts/test_groups.py --all

lint: $(ENV)  ## format and fix what can be fixed
	ruff format .
	ruff check --fix .

docs: $(ENV)  ## write the pages that are generated from code
	churn docs

images:  ## build churn-api and churn-ml with podman or docker
	scripts/images.sh

lock: $(ENV)  ## resolve the dependencies anew into requirements/
	scripts/lock.sh

clean:  ## remove the environment; data and models stay
	rm -rf $(VENV)

$(ENV): requirements/dev.txt pyproject.toml
	@scripts/check_tools.sh $(PYTHON)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/uv.txt
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements/dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	@touch $@
