# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Files share fixtures that take long to make; a worker needs about 2 GB.
PARALLEL ?= --numprocesses 2 --dist loadfile

.PHONY: demo test test-all test-real check format bench docs vulnerabilities clean

$(STAMP): pyproject.toml requirements.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Lucency needs Python 3.11 or newer: make PYTHON=python3.11 ...')"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-deps --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $(STAMP)

demo: $(STAMP)
	rm -rf demo
	$(BIN)/lucency demo --out demo

test: $(STAMP)
	$(BIN)/python -m pytest -m "not slow and not realdata" $(PARALLEL)

test-all: $(STAMP)
	$(BIN)/python -m pytest -m "not realdata" $(PARALLEL)

test-real: $(STAMP)
	$(BIN)/python -m pytest -m "realdata"

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(STAMP)
	$(BIN)/python docs/generate.py

bench: $(STAMP)
	$(BIN)/python -m benchmarks

# Strict: an index that knows no advisories is an error, and not a pass.
vulnerabilities:
	test -x .venv-audit/bin/pip-audit || ($(PYTHON) -m venv .venv-audit && .venv-audit/bin/python -m pip install --quiet pip-audit==2.10.1)
	.venv-audit/bin/pip-audit --strict --no-deps --disable-pip --requirement requirements.txt

clean:
	rm -rf $(VENV) .venv-audit demo runs .mypy_cache .ruff_cache .pytest_cache
