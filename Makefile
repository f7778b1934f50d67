# Everything is set up by `make demo` or `make test`: .venv is made and filled from PyPI.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check bench night claims format clean

demo: .venv/ready
	@$(BIN)/weaklink run plans/demo-zookeeper.yaml plans/demo-craq.yaml --driver live

test: .venv/ready-dev
	@$(BIN)/pytest -q -n 2 --dist loadgroup

check: .venv/ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -q -n 2 --dist loadgroup -m "not live and not slow"

bench: .venv/ready-dev
	@for b in $(filter-out bench/night.py,$(wildcard bench/*.py)); do echo "== $$b"; $(BIN)/python $$b || exit 1; done

night: .venv/ready-dev
	@$(BIN)/python bench/night.py

claims: .venv/ready
	@$(BIN)/weaklink claims --table docs/claims.md

format: .venv/ready-dev
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "weaklink needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; try: make PYTHON=python3.12 demo")'
	@echo "making .venv ..."
	@$(PYTHON) -m venv .venv

.venv/ready: pyproject.toml | .venv/bin/python
	@echo "installing weaklink and what it needs into .venv ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e .
	@touch $@

.venv/ready-dev: pyproject.toml | .venv/bin/python
	@echo "installing weaklink, what it needs and its test tools into .venv ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[dev]'
	@touch $@ .venv/ready

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
