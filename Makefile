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
PIP      := $(BIN)/python -m pip --quiet --disable-pip-version-check
TORCH    := $(shell grep -oE 'torch==[0-9.]+' pyproject.toml 2>/dev/null | head -n 1)

# Keep freed memory instead of giving it back: page faults would cost more than the arithmetic (see compendium/execute.py).
export MALLOC_MMAP_THRESHOLD_ = 1073741824
export MALLOC_TRIM_THRESHOLD_ = 8589934592
export OMP_WAIT_POLICY = passive

ifeq ($(filter run,$(MAKECMDGOALS))$(NOTEBOOK),run)
$(error say which notebook: make run NOTEBOOK=03)
endif

.DEFAULT_GOAL := help
.PHONY: help env reproduce run book test test-numerics lint resolve lock bench pairs doctor clean

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'
	@echo "  variables: PROFILE=quick|laptop|paper ONLY=03  NOTEBOOK=03 SCANNER=hrrt DOSE=0.25"

# Checked before anything is installed: `make` says in one line what is wrong with the Python it would use.
define CHECK_PYTHON
import sys
v = sys.version_info[:2]
again = "say make PYTHON=python3.11 (3.11 to 3.13)"
if not (3, 11) <= v <= (3, 13):
    sys.exit("error: Python %d.%d is not supported; %s" % (v + (again,)))
try:
    import venv, ensurepip
    ensurepip.version()
except Exception:
    sys.exit("error: this Python makes no environments; on Debian or Ubuntu say apt install python%d.%d-venv" % v)
endef
export CHECK_PYTHON

# Every package by its hash (constraints.txt, complete: nothing else is looked for), then any build of PyTorch's version.
$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "error: there is no $(PYTHON); say make PYTHON=python3.11 (3.11 to 3.13)" >&2; exit 1; }
	@$(PYTHON) -c "$$CHECK_PYTHON"
	@test -x $(BIN)/python -a -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@echo "installing the pinned packages into $(VENV) (once; 2 GB, 6 with a PyTorch for GPUs; some minutes) …"
	@$(PIP) install --require-hashes --no-deps -r constraints.txt
	@$(PIP) install $(TORCH)
	@$(PIP) install --no-deps --no-build-isolation -e .
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

test-numerics: $(STAMP) ## the tests under every setting of the processor's arithmetic (an hour or more)
	@$(BIN)/python tests/numerics.py

lint: $(STAMP) resolve ## ruff, mypy, pins resolve, notebook pairs in step, book with warnings as errors
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/petrecon pairs --check && $(BIN)/petrecon book --profile $(PROFILE)

# Asks the package index, so it needs a network. First that constraints.txt is what pyproject.toml asks for, then that every
# Python and system of README finds a wheel of each pin.
PYTHONS  := 3.11.0 3.12 3.13
SYSTEMS  := x86_64-manylinux_2_28 aarch64-manylinux_2_28 aarch64-apple-darwin
LOCK     := $(BIN)/uv pip compile --quiet --python $(BIN)/python pyproject.toml -o
resolve: $(STAMP) ## the pins are those of pyproject.toml, and resolve wherever README says
	@mkdir -p .cache && cp constraints.txt .cache/constraints.txt && $(LOCK) .cache/constraints.txt
	@cmp -s constraints.txt .cache/constraints.txt || { echo "error: constraints.txt is not what pyproject.toml asks for; say make lock" >&2; exit 1; }
	@for python in $(PYTHONS); do for system in $(SYSTEMS); do \
	  MACOSX_DEPLOYMENT_TARGET=14.0 $(LOCK) .cache/resolved.txt -c constraints.txt --no-universal --no-generate-hashes \
	    --python-version $$python --python-platform $$system || { echo "error: no solution for Python $$python on $$system" >&2; exit 1; }; \
	done; done; echo "pins resolve for Python $(PYTHONS) on $(SYSTEMS)"

lock: $(STAMP) ## write constraints.txt anew after a change of pyproject.toml; pins that still fit are kept
	@$(LOCK) constraints.txt


bench: $(STAMP) ## speed ratios, measured in one run
	@$(BIN)/python benchmarks/bench_projectors.py
	@$(BIN)/python benchmarks/bench_deq.py
	@$(BIN)/python benchmarks/bench_ddip.py
	@$(BIN)/python benchmarks/bench_petite.py
	@$(BIN)/python benchmarks/bench_runs.py

pairs: $(STAMP) ## write the .ipynb beside every notebook source
	@$(BIN)/petrecon pairs

doctor: $(STAMP) ## what is here, what is missing, and the cure
	@$(BIN)/petrecon doctor

clean: ## remove what can be made again (keeps .venv and published runs)
	rm -rf book/_build book/runs/quick book/runs/.running book/runs/ledger.json .cache .pytest_cache .mypy_cache .ruff_cache
	find src tests notebooks -name __pycache__ -type d -prune -exec rm -rf {} +
