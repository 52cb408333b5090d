# `make run` and `make test` do all set-up themselves. Needed: Python 3.11 or later with venv and pip, make, git.

# Tried out, because a version manager's python3.11 may be a mere signpost.
PYTHON := $(shell for name in python3.11 python3; do $$name -c "" && command -v $$name && break; done 2>/dev/null)
IN_VENV := .venv/bin/python
PIP := $(IN_VENV) -m pip --quiet --disable-pip-version-check --no-input
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate pyproject.toml

.PHONY: help run manage test test-faults lint check reset setup-test assets lock clean
.DELETE_ON_ERROR:

help:
	@echo "make run    set up, then start everything with demo data (PORT=8000); Ctrl-C stops"
	@echo "make manage run a command of manage.py beside it: ARGS=\"check_ledger\""
	@echo "make test   set up, then run all tests"
	@echo "make test-faults  set up, then the tests of money, faults and jobs in their long form: more kills, duplicates, steps"
	@echo "make lint   set up, then ruff, mypy, the import contract and djlint"
	@echo "make check  set up, then Django's checks on production settings, migrations complete, static files collected"
	@echo "make reset  throw away the data of make run"
	@echo "make assets fetch the vendored files of static/vendor anew (needs npm)"
	@echo "make lock   write the lock files anew from pyproject.toml (needs uv)"
	@echo "make clean  remove what set-up made; the data in .run stays"

# exec: the signal that ends make's shell has to reach the supervisor.
run: .venv/.ready-to-run
	@exec $(IN_VENV) -m config.run

# Beside a running `make run`, with its settings: make manage ARGS="check_ledger"
manage: .venv/.ready-to-run
	@test -f .run/manage.env || { echo "Nothing runs here. Start it first: make run"; exit 1; }
	@set -a; . ./.run/manage.env; exec $(IN_VENV) manage.py $(ARGS)

# Files go to workers as a whole, so that one worker shares what is dear to start within a file; in the order of
# tests/plugin.py, not by the number of tests in them.
IN_WORKERS := -n 2 --dist loadfile --no-loadscope-reorder

test: .venv/.ready-to-test
	@exec $(IN_VENV) -m pytest $(IN_WORKERS) $(ARGS)

# Where MERCHANTRY_LONG counts, and what stands beside it. Takes minutes.
FAULT_TESTS := tests/payments tests/providers tests/jobs tests/api/test_idempotency.py tests/portal/test_form_concurrency.py

test-faults: .venv/.ready-to-test
	@exec env MERCHANTRY_LONG=1 $(IN_VENV) -m pytest $(IN_WORKERS) $(FAULT_TESTS) $(ARGS)

# mypy reads the settings, and those want an environment.
lint: .venv/.ready-to-test
	$(IN_VENV) -m ruff check .
	$(IN_VENV) -m ruff format --check .
	$(IN_VENV) -m tests.environment $(IN_VENV) -m mypy .
	.venv/bin/lint-imports
	$(IN_VENV) -m djlint --quiet --check --lint templates

# What production would see: live, https, static files collected into a folder of their own.
LIVE := ENVIRONMENT=live PORTAL_OVER_HTTP=false PUBLIC_URL=https://pay.example.com ALLOWED_HOSTS=pay.example.com EMAIL_URL=smtp+tls://mail.example.com:587
MANAGE := $(IN_VENV) -m tests.environment $(IN_VENV) manage.py

check: .venv/.ready-to-test
	$(LIVE) $(MANAGE) check --deploy --fail-level WARNING
	$(MANAGE) makemigrations --check --dry-run
	@rm -rf .run/static && mkdir -p .run
	$(LIVE) STATIC_ROOT=.run/static $(MANAGE) collectstatic --noinput

setup-test: .venv/.ready-to-test

# The keys stay; data, log-ins and messages go.
reset: .venv/.ready-to-run
	@$(IN_VENV) -m config.run --reset

assets:
	npm ci
	npm run assets

lock:
	$(LOCK) --output-file requirements-production.lock
	$(LOCK) --extra embedded --output-file requirements.lock
	$(LOCK) --all-extras --output-file requirements-test.lock

clean:
	rm -rf .venv

.venv/.made:
	@test -n "$(PYTHON)" || { echo "Merchantry needs Python 3.11 or later, and found neither python3.11 nor python3."; exit 1; }
	@$(PYTHON) platform/config/embedded/preflight.py
	@echo "Making .venv ..."
	@$(PYTHON) -m venv --clear .venv
	@touch $@

.venv/.ready-to-run: .venv/.made requirements.lock pyproject.toml
	@echo "Installing requirements.lock ..."
	@$(PIP) install --require-hashes --requirement requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

# The test lock holds everything of the other one, so a run needs no set-up after it.
.venv/.ready-to-test: .venv/.made requirements-test.lock requirements.lock pyproject.toml
	@echo "Installing requirements-test.lock ..."
	@$(PIP) install --require-hashes --requirement requirements-test.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch .venv/.ready-to-run $@
