# Two commands do everything on a fresh clone: `make run` and `make test`. They need Python 3.11+ and make.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.setup-done

export DO_NOT_TRACK := true
export MLFLOW_DISABLE_TELEMETRY := true

.PHONY: setup run test lint dev bench clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, found " + sys.version.split()[0] + ": make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m compileall -q churn_platform # once here, also where Python is told to write none: 0.1 s of every start
	$(BIN)/churn setup
	touch $(STAMP)

run: setup
	$(BIN)/churn run

test: setup lint
	$(BIN)/python -m pytest -n 2 --dist loadgroup

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

dev: setup
	$(BIN)/churn dev

bench: setup
	$(BIN)/python -m bench

clean:
	rm -rf .venv dbt_project/target
