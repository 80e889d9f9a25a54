# Every command of the project. `make help` lists them.
# They need Python 3.11 to 3.13 with venv, and make.

SHELL = /bin/sh
VENV = .venv
PY = $(VENV)/bin/python
PIP = $(PY) -m pip install --quiet --disable-pip-version-check --no-input --require-hashes
# The first fitting Python that can make virtual environments. Another one: make PYTHON=/path/to/python demo
FITS = import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON = $(shell for p in python3.13 python3.12 python3.11 python3; do \
	if $$p -c '$(FITS)' >/dev/null 2>&1; then echo $$p; break; fi; done)

# What a person's shell says about other projects must not reach this one.
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP PIP_USER PIP_TARGET PIP_PREFIX PIP_REQUIRE_VIRTUALENV
unexport DJANGO_SETTINGS_MODULE PYTEST_ADDOPTS MYPYPATH

.PHONY: help demo demo-reset dev check test test-units test-stack test-browser screenshots chaos chaos-long bench lint types floors format lock migrations
.DEFAULT_GOAL := help

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.installed-sandbox ## Start everything here with the sandbox and an example, then wait for Ctrl-C
	@exec $(PY) -m demo

dev: $(VENV)/.installed-sandbox ## As demo, for working on the code: a change of it restarts what uses it
	@exec $(PY) -m demo --dev

demo-reset: $(VENV)/.made ## Delete the demo's data
	@exec $(PY) -m demo --reset

test: programs ## Install what is missing and run every test
	@exec $(PY) -m tests.run all

test-units: $(VENV)/.installed-dev ## Units on SQLite only; the quickest
	@exec $(PY) -m tests.run units-on-sqlite

test-stack: programs ## The whole path with real processes, on both databases
	@exec $(PY) -m tests.run stack

test-browser: programs ## A real Chromium clicks through the main job
	@exec $(PY) -m tests.run browser

screenshots: programs ## Pictures of every page in three widths, light and dark, into screenshots/
	@exec $(PY) -m tests.run screenshots

chaos: programs ## Disrupt workers, servers and Microsoft in over a hundred ways, and write docs/chaos.md; SAMPLE=commit runs a part
	@exec $(PY) -m tests.chaos $(if $(SAMPLE),--sample $(SAMPLE),--write $(or $(WRITE),docs/chaos.md))

bench: programs ## Measure: a bulk job within Microsoft's quota, calls, the engine; NAMES=two-tenants, COUNT=1000, WRITE=file.json
	@exec $(PY) -m tests.bench $(NAMES) --count $(or $(COUNT),1000) --write $(or $(WRITE),var/bench.json)

SECONDS = 1800
chaos-long: programs ## Random mixes of faults; SECONDS=1800 says how long, SEED=... replays a run
	@exec $(PY) -m tests.chaos --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

lint: $(VENV)/.installed-dev ## Ruff: errors and format
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check --output-format concise .

format: $(VENV)/.installed-dev ## Ruff: fix what it can, and format
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

types: $(VENV)/.installed-dev ## mypy, strict
	@exec $(PY) -m tests.run types

floors: $(VENV)/.installed-dev ## import-linter: imports go down
	@$(VENV)/bin/lint-imports

check: lint types floors migrations ## The quick checks of CI in one: lint, types, floors, migrations

migrations: $(VENV)/.installed-dev ## Fail if a model has changed without its migration
	@exec $(PY) -m tests.run migrations

lock: $(VENV)/.installed-dev ## Make each requirements*.txt from its .in file, requirements.txt first
	@for name in requirements requirements-sandbox requirements-dev; do \
		$(PY) -m uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
			$$name.in -o $$name.txt || exit 1; done

.PHONY: programs
programs: $(VENV)/.installed-dev
	@$(PY) -m tests.programs

$(VENV)/.made:
	@if [ -z "$(PYTHON)" ]; then \
		echo "SyncPortal needs Python 3.11, 3.12 or 3.13 with venv. On Debian: apt-get install python3 python3-venv" >&2; \
		exit 1; fi
	@echo "Making $(VENV) with $(PYTHON)"
	@"$(PYTHON)" -m venv --clear $(VENV)
	@touch $@

define install
	@echo "Installing the packages of $(1)"
	@$(PIP) -r $(1) >$(VENV)/install.log 2>&1 || { \
		echo "The packages of $(1) cannot be installed: $(VENV)/install.log says why. It needs pypi.org; then: make $(MAKECMDGOALS)" >&2; \
		exit 1; }
	@touch $@
endef

$(VENV)/.installed: $(VENV)/.made requirements.txt
	$(call install,requirements.txt)

$(VENV)/.installed-sandbox: $(VENV)/.installed requirements-sandbox.txt
	$(call install,requirements-sandbox.txt)

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	$(call install,requirements-dev.txt)
