# Every target makes the environment it needs; a second call costs nothing.
.DEFAULT_GOAL := help
SHELL := /bin/bash

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCK := requirements.lock.txt
DEV_LOCK := requirements.dev.lock.txt
GPU_LOCK := requirements.gpu.lock.txt
DEMO_ROOT := build/demo
REQUESTS := 20000
PACKAGES := pipeline components schemas kubeflow tests
# Programs among the tests, without what libraries tell about themselves.
TEST_TOOL = PYTHONPATH=tests TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -W ignore::FutureWarning -m

# The newest supported Python that is there; PYTHON=... chooses another.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do $$p -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && echo $$p && break; done)
# uv from PATH if it is there and works, else the one installed into the environment.
UV = $(shell uv --version >/dev/null 2>&1 && echo uv || echo $(BIN)/uv)
EXPORT = $(UV) export --frozen --no-emit-project --format requirements-txt --no-header

.PHONY: help venv demo test test-unit test-slow fuzz bench soak other-servers lint types format lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(READY) ## Make the environment in .venv from the lock file

$(READY): $(LOCK) $(DEV_LOCK) pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: needs Python 3.11, 3.12 or 3.13 with venv; give one by PYTHON=/path/to/python" >&2; exit 2; }
	@echo "Making $(VENV) with $(PYTHON) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@uv --version >/dev/null 2>&1 || test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@# Compiled at once: without it every process of the pipeline would compile TFX anew where
	@# PYTHONDONTWRITEBYTECODE is set.
	@# pyfarmhash, of tfx_bsl, comes as source alone.
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --require-hashes --compile-bytecode \
		-r $(LOCK) -r $(DEV_LOCK) || { command -v $${CXX:-c++} >/dev/null && exit 1; \
		echo "make: one package is built and needs a C++ compiler and Python's headers (Debian: g++, python3-dev)" >&2; exit 1; }
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY) ## Run the whole pipeline on generated images (into build/demo)
	@$(BIN)/ships demo --root $(DEMO_ROOT) $(ARGS)

test: test-unit test-slow ## Run all tests

test-unit: $(READY) ## Run the unit tests (under two minutes)
	@$(BIN)/python -m pytest -m "not slow" -n auto $(ARGS)

test-slow: $(READY) ## Run the end-to-end tests: the whole pipeline on tiny data, several times
	@$(BIN)/python -m pytest -m slow $(ARGS)

fuzz: $(READY) ## Throw thousands of damaged tables, masks and images at the readers (minutes)
	@$(BIN)/python -m pytest --hypothesis-profile=fuzz $$(find tests -name 'test_fuzz_*.py') $(ARGS)

bench: $(READY) ## Measure codec, ingestion, serving and training beside floors and peers (into build/bench)
	@$(TEST_TOOL) benchmarks.rle -o build/bench/rle.json
	@$(TEST_TOOL) benchmarks.ingestion -o build/bench/ingestion.json $(ARGS)
	@$(TEST_TOOL) benchmarks.serving -o build/bench/serving.json
	@$(TEST_TOOL) benchmarks.input_pipeline -o build/bench/input_pipeline.json
	@$(TEST_TOOL) benchmarks.training_step -o build/bench/training_step.json \
		$(if $(TORCH_PYTHON),--torch-python $(TORCH_PYTHON))

soak: $(READY) ## Send 20,000 requests to a server, every hundredth broken (REQUESTS=2000 for fewer)
	@$(TEST_TOOL) benchmarks.soak --requests $(REQUESTS) -o build/bench/soak.json

other-servers: $(READY) ## Compare ships serve with Triton and KServe's server (4 GB of packages, into build)
	@$(TEST_TOOL) other_servers $(ARGS)

lint: $(READY) ## Check style
	@$(BIN)/ruff check $(PACKAGES)
	@$(BIN)/ruff format --check $(PACKAGES)

types: $(READY) ## Check types
	@$(BIN)/mypy

format: $(READY) ## Format the code and mend what ruff can mend
	@$(BIN)/ruff check --fix $(PACKAGES)
	@$(BIN)/ruff format $(PACKAGES)

lock: $(READY) ## Resolve the dependencies anew (needs uv) and write the lock files
	$(UV) lock --upgrade
	$(EXPORT) --no-dev --output-file $(LOCK) >/dev/null
	$(EXPORT) --only-group dev --output-file $(DEV_LOCK) >/dev/null
	$(EXPORT) --only-group gpu --output-file $(GPU_LOCK) >/dev/null

clean: ## Remove the environment and everything built
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
