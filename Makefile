# sharpcam. Needed beforehand: Python 3.11 to 3.13, git, make.
PYTHON ?= python3
VENV := .venv
BROWSER := app/static/engine/calm.wasm
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export DVC_NO_ANALYTICS := 1
export MLFLOW_DISABLE_TELEMETRY := true
export RAY_USAGE_STATS_ENABLED := 0
export PYTHONUNBUFFERED := 1

.PHONY: help setup run repro app mlflow test test-all audit check mutants bench

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

setup: $(VENV)/.installed $(BROWSER) ## the virtual environment with all packages, the live page's engines

$(VENV)/.installed: requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo 'sharpcam needs Python 3.11 to 3.13. Name one: make PYTHON=python3.12 setup'; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --disable-pip-version-check --quiet --progress-bar off -r requirements-dev.txt
	@touch $@

$(BROWSER): package-lock.json $(wildcard app/live/wasm/*.ts) | $(VENV)/.installed
	python -m app.live.assets
	@touch $@

run: repro ## everything: set up, run the pipeline, start the dashboard and the MLflow UI
	python -m app.launch

# As a module: the script dvc names the folder that it was installed in, and a project may be moved with its .venv.
repro: setup ## run every stage of the pipeline that is not up to date
	@git rev-parse --verify --quiet HEAD >/dev/null \
		|| { echo 'sharpcam: DVC and MLflow tie every result to a git commit, and there is none here. Run "git init && git add -A && git commit -m start" and try again.'; exit 1; }
	python -m app.jobs.other_dvc
	python -m dvc repro
	python -m pipeline.register

app: setup ## only the dashboard
	python -m app.launch --only dashboard

mlflow: setup ## only the MLflow UI
	python -m app.launch --only mlflow

test: setup ## the tests, without those marked slow
	python tests/support/chromium.py
	python -m pytest -m "not slow and not thorough" -n 2 --dist loadfile

test-all: setup ## every test
	python tests/support/chromium.py
	python -m pytest

# Known faults of dependencies are told, and stop nobody: they are not the change's. Silent where no network knows of any.
audit: setup ## what is known of faults in the dependencies
	@pip-audit --local --progress-spinner off 2>/dev/null || true
	@npm audit --omit=dev 2>/dev/null || true

check: setup audit ## ruff, mypy, import-linter, pip check, audit; eslint and prettier for JavaScript
	ruff check
	ruff format --check
	mypy
	lint-imports
	pip check
	npx --no-install eslint app/live/web tests/browser/node
	npx --no-install prettier --check app/live/web/*.mjs tests/browser/node/*.mjs *.mjs

mutants: setup ## changes to what must not go wrong that no test notices, an hour
	python -m mutmut run --max-children 1
	python -m mutmut results

bench: setup ## the students beside others, and speed of the teacher's chain
	python -m benchmarks.students
	python -m benchmarks.teacher
