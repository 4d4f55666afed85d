# make run opens the window, make test runs the tests; both set up what is missing.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
RUN_READY := $(VENV)/run.stamp
DEV_READY := $(VENV)/dev.stamp
# The first installation shows what it downloads, a later one says nothing unless it fails.
QUIET = $(if $(wildcard $(BIN)/brainviewer),--quiet)
export PYTHON

# All tests: on two processes, one of which has the screen to itself.
SHARED_OUT := --numprocesses 2 --dist loadgroup

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run setup test check format lock clean

# An environment whose Python went with a system upgrade is built anew.
$(shell test -x $(BIN)/python || rm -f $(RUN_READY) $(DEV_READY))

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## open the window; ARGS="scan.nii.gz" are passed on
	@tools/setup.sh screen
	@$(MAKE) --no-print-directory setup
	@$(BIN)/brainviewer $(ARGS)

setup: $(RUN_READY) ## set up what `make run` needs, and open nothing
	@tools/setup.sh libraries

test: $(DEV_READY) ## run the tests; ARGS="tests/core -k affine" are passed on
	@tools/setup.sh libraries
	@tools/setup.sh virtual_screen
	@tools/on_screen.sh $(BIN)/python -m pytest $(or $(ARGS),$(SHARED_OUT))

check: $(DEV_READY) ## format, lint, types, import contracts, tests: what a change must pass
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PIP) check
	@$(MAKE) --no-print-directory test

format: $(DEV_READY) ## format the code and repair what the linter can
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

lock: $(DEV_READY) ## renew requirements.lock and requirements-dev.lock from pyproject.toml
	tools/lock.sh

clean: ## remove caches and build output (remove .venv by hand to start over)
	rm -rf build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -path ./$(VENV) -prune -o -type d -name __pycache__ -exec rm -rf {} +

$(RUN_READY): requirements.lock pyproject.toml
	@tools/setup.sh environment
	@echo "Installing the locked libraries (the first time a download of a few GB, as torch brings CUDA)"
	@$(PIP) install $(QUIET) --requirement requirements.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# requirements-dev.lock contains requirements.lock, so this makes `make run` ready as well.
$(DEV_READY): requirements-dev.lock requirements.lock pyproject.toml
	@tools/setup.sh environment
	@echo "Installing the locked libraries and the developer's tools"
	@$(PIP) install $(QUIET) --requirement requirements-dev.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $(RUN_READY) $@
