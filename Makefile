# Thin on purpose: every target makes sure the environment is there and calls the library.
PROFILE  ?= quick
NOTEBOOK ?=
SCANNER  ?=
DOSE     ?=
ONLY     ?=
PYTHON   ?= python3
VENV     := .venv
BIN      := $(VENV)/bin
STAMP    := $(VENV)/.installed

# Keep freed memory instead of giving it back: page faults would cost more than the arithmetic (see compendium/execute.py).
export MALLOC_MMAP_THRESHOLD_ = 1073741824
export MALLOC_TRIM_THRESHOLD_ = 8589934592
export OMP_WAIT_POLICY = passive

ifeq ($(filter run,$(MAKECMDGOALS))$(NOTEBOOK),run)
$(error say which notebook: make run NOTEBOOK=03)
endif

.DEFAULT_GOAL := help
.PHONY: help env reproduce run book test lint bench pairs doctor clean

help: ## this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'
	@echo "  variables: PROFILE=quick|laptop|paper ONLY=03  NOTEBOOK=03 SCANNER=hrrt DOSE=0.25"

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else "error: Python %d.%d is not supported; say make PYTHON=python3.11 (3.11 to 3.13)" % v)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the pinned packages into $(VENV) (once; about 2 GB, a few minutes) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[book,dev]'
	@touch $@

env: $(STAMP) ## the environment in .venv, installed once

reproduce: $(STAMP) ## run what is stale, compute the ledger, build the book
	@$(BIN)/petrecon reproduce --profile $(PROFILE) $(if $(ONLY),--only $(ONLY))

run: $(STAMP) ## one notebook: NOTEBOOK=03 SCANNER=hrrt DOSE=0.25 PROFILE=quick
	@$(BIN)/petrecon run $(NOTEBOOK) --profile $(PROFILE) $(if $(SCANNER),--scanner $(SCANNER)) $(if $(DOSE),--dose $(DOSE))

book: $(STAMP) ## render the book from the runs that exist
	@$(BIN)/petrecon book --profile $(PROFILE)

test: $(STAMP) ## the tests
	@$(BIN)/python -m pytest -q -n 2

lint: $(STAMP) ## ruff, mypy, notebook pairs in step, book with warnings as errors
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/petrecon pairs --check && $(BIN)/petrecon book --profile $(PROFILE)

bench: $(STAMP) ## speed ratios, measured in one run
	@$(BIN)/python benchmarks/bench_projectors.py
	@$(BIN)/python benchmarks/bench_deq.py
	@$(BIN)/python benchmarks/bench_ddip.py
	@$(BIN)/python benchmarks/bench_petite.py

pairs: $(STAMP) ## write the .ipynb beside every notebook source
	@$(BIN)/petrecon pairs

doctor: $(STAMP) ## what is here, what is missing, and the cure
	@$(BIN)/petrecon doctor

clean: ## remove what can be made again (keeps .venv and published runs)
	rm -rf book/_build book/runs/quick book/runs/ledger.json .cache .pytest_cache .mypy_cache .ruff_cache
	find src tests notebooks -name __pycache__ -type d -prune -exec rm -rf {} +
