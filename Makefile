# Every target first makes the environment that it needs, from Python 3.11 or newer and nothing else.

PYTHON ?= python3
JOBS   ?= 2
BIN    := .venv/bin
CHROMIUM ?= $(or $(BESTIARY_CHROMIUM),/usr/bin/chromium)
PINS   := requirements/constraints.txt
PIP    := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint $(PINS)

# A stamp is newer than the files that decide what its environment holds.
RUN    := .venv/run.stamp
DEV    := .venv/dev.stamp

.DEFAULT_GOAL := help
.PHONY: help demo test test-all test-browser lint record web bench clean

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(RUN)  ## find, compare, size and run models on real weights, in a minute
	$(BIN)/python demo/run.py

test: $(DEV)  ## the fast tests, with no network
	$(BIN)/pytest -n $(JOBS) --dist worksteal -m "not slow and not weights and not browser"

test-all: test  ## the fast tests, then the slow ones and those on real weights
	$(BIN)/pytest -m "slow or weights"

test-browser: $(DEV)  ## the site in a real Chromium, served and as files, offline
	@$(CHROMIUM) --version >/dev/null 2>&1 \
	  || { echo "the browser's tests drive Chromium: install Debian's package chromium, or name one: make test-browser CHROMIUM=..." >&2; exit 1; }
	BESTIARY_CHROMIUM=$(CHROMIUM) $(BIN)/pytest -m browser

lint: $(DEV)  ## style, types, import contracts, and the catalog's own rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/bestiary lint --strict

record: $(DEV)  ## write anew what the reference implementation counts, after entries have changed
	$(BIN)/python tests/reference_counts.py

web: web/node_modules/.package-lock.json  ## build the script of the atlas from web/, and check its types; needs Node 20
	cd web && npm run --silent build

bench: $(DEV)  ## time and memory beside the reference implementation
	$(BIN)/python benchmarks/run.py

clean:  ## remove the environment and all that was made
	rm -rf .venv build dist .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	rm -rf web/node_modules
	find . -name __pycache__ -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Bestiary needs Python 3.11 or newer; name one: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv .venv

# torch goes first and alone: the build that is already chosen for this machine is then kept by all that follows.
$(RUN): pyproject.toml $(PINS) | $(BIN)/python
	$(PIP) torch
	$(PIP) --editable '.[run]'
	@touch $@

$(DEV): $(RUN)
	$(PIP) --editable '.[run,control,atlas,parquet,dev]'
	@touch $@

web/node_modules/.package-lock.json: web/package.json web/package-lock.json
	@npm --version >/dev/null 2>&1 || { echo "building the atlas's script needs Node 20 or newer with npm" >&2; exit 1; }
	cd web && npm ci --silent
