# Every target sets itself up: only make and Python 3.11 or newer are assumed.
# `make PYTHON=python3.13 test` works in a virtual environment of that version's own.

PYTHON ?= python3
ARGS ?=

ifeq ($(origin PYTHON),file)
VENV := .venv
else
VENV := .venv-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
endif

BIN := $(VENV)/bin
LOG := $(VENV)/install.log
CODE := $(wildcard src tests examples benchmarks)

.DEFAULT_GOAL := help
.PHONY: help demo test check lint types imports house bench bench-peers mutants docs torture clean

help: ## say what each target does
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{ printf "%-14s %s\n", $$1, $$2 }'
	@echo
	@echo "  ARGS='…' is handed on, as in: make test ARGS='tests/core -k retry'"
	@echo "  PYTHON=python3.13 picks another interpreter, in an environment of its own"

demo: $(VENV)/.runtime ## watch a run survive the killing of its own worker
	@$(BIN)/stepwell demo $(ARGS)

test: $(VENV)/.dev $(VENV)/.browser ## run the tests
	@$(BIN)/python -m pytest -q -n 3 --dist loadfile $(ARGS)

check: lint types imports house ## style, types, layers and house rules: what a change has to pass

lint: $(VENV)/.dev ## ruff: rules and formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/.dev ## mypy and basedpyright
	@$(BIN)/mypy $(CODE)
	@$(BIN)/basedpyright --pythonpath $(BIN)/python

imports: $(VENV)/.dev ## the layers, by import-linter
	@$(BIN)/lint-imports --no-logo --cache-dir build/imports

house: $(VENV)/.dev ## sizes, names, docstrings, mirrored tests
	@$(BIN)/python -m pytest -q tests/house

bench: $(VENV)/.dev ## run the benchmarks, on SQLite and on PostgreSQL
	@$(BIN)/python -m benchmarks $(ARGS)

bench-peers: $(VENV)/.dev ## run DBOS and Absurd beside us on one PostgreSQL server
	@$(BIN)/python -m benchmarks.peers $(ARGS)

mutants: $(VENV)/.dev ## show that builds known to be wrong are caught, one line each
	@$(BIN)/python -m pytest -v --no-header -p no:warnings tests/mutants $(ARGS)

torture: $(VENV)/.dev ## kill real workers and look for anything lost
	@$(BIN)/python -m tests.torture.run $(ARGS)

docs: $(VENV)/.docs ## build the documentation into site/
	@$(BIN)/zensical build --strict --clean

clean: ## remove everything that the other targets make
	@rm -rf build dist site .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache .venv .venv-[0-9]*
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- environments: one stamp per set of dependencies, renewed when pyproject.toml changes -------------------

# $(call install,EXTRAS): one line of progress; the log is kept, and shown when something fails.
define install
@$(BIN)/python -m pip install --no-input --disable-pip-version-check --progress-bar off -e '.$(1)' >$(LOG) 2>&1 & \
pid=$$!; trap 'kill $$pid 2>/dev/null; echo; exit 130' INT TERM; \
printf 'installing stepwell%s into %s ' '$(1)' '$(VENV)'; \
while kill -0 $$pid 2>/dev/null; do printf .; sleep 1; done; \
if wait $$pid; then echo ' done'; else echo ' failed:'; tail -n 30 $(LOG); echo "(all of it: $(LOG))"; exit 1; fi
endef

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Stepwell needs Python 3.11 or newer; name one, as in: make PYTHON=python3.13 $(MAKECMDGOALS)"; exit 1; }
	@printf 'Making %s with %s: ' '$(VENV)' "$$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.runtime: pyproject.toml | $(BIN)/python
	$(call install,)
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(call install,[test$(comma)lint])
	@touch $@ $(VENV)/.runtime

# Before the tests, since several of their processes need it; without one they say what is missing.
$(VENV)/.browser: $(VENV)/.dev
	-@$(BIN)/python -m tests.dashboard.chromium && touch $@

$(VENV)/.docs: pyproject.toml | $(BIN)/python
	$(call install,[docs])
	@touch $@ $(VENV)/.runtime

comma := ,
