# Works on a fresh machine with python3 (3.11 or newer, with venv) and make. Only the three install stamps reach the network.
#   make demo               install the base alone (no torch) and detect on the sample photographs
#   make test               install everything and run the tests
#   make opencv4            install OpenCV 4 apart, for the tests and the benchmark that compare with it
#   make demo MODEL=my.cfg  the same demonstration with your model (my.weights and my.names beside it)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt
PYTEST := $(BIN)/python -m pytest

# OpenCV 5 reads no Darknet files any more. The last OpenCV 4 stands in an environment of its own, to be compared with.
OPENCV4 := build/opencv4
OPENCV4_VERSION := 4.14.0.94
OPENCV4_PINS := opencv-python-headless==$(OPENCV4_VERSION) numpy==2.4.6

.PHONY: help setup opencv4 demo check test test-slow bench wheel clean
help:
	@echo "make setup | opencv4 | demo [MODEL=my.cfg] | check | test | test-slow | bench | wheel | clean"

setup: $(VENV)/.ok

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit("make: found Python %d.%d, expected 3.11 or newer; run: make PYTHON=python3.12" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.base: pyproject.toml constraints.txt | $(VENV)/.made
	$(INSTALL) -e .
	@touch $@

$(VENV)/.ok: pyproject.toml constraints.txt | $(VENV)/.made
	$(INSTALL) -e '.[dev]'
	@touch $(VENV)/.base $@

opencv4: $(OPENCV4)/.ok-$(OPENCV4_VERSION)

$(OPENCV4)/.ok-$(OPENCV4_VERSION): | $(VENV)/.made
	$(BIN)/python -m venv --clear $(OPENCV4)
	$(OPENCV4)/bin/python -m pip install -qq --disable-pip-version-check $(OPENCV4_PINS)
	@touch $@

demo: $(VENV)/.base
	@$(BIN)/yolov2 detect examples/photos $(if $(MODEL),-m "$(MODEL)") -o demo --force

check: $(VENV)/.ok
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

test: $(VENV)/.ok
	$(PYTEST) -n 2 --timeout 120 -m "not slow" $(ARGS)

test-slow: $(VENV)/.ok
	@$(MAKE) --no-print-directory opencv4 || echo "make: no OpenCV 4 here; the tests that compare with it will be skipped" >&2
	$(PYTEST) -n 2 --timeout 1200 -m slow $(ARGS)

# One after the other: side by side they would measure each other. BENCH=benchmarks/one.py runs that one alone.
BENCH ?= $(filter-out benchmarks/_%.py,$(wildcard benchmarks/*.py))
bench: $(VENV)/.ok
	@set -e; for question in $(BENCH); do echo "== $$question"; $(BIN)/python $$question; done

wheel: $(VENV)/.ok
	$(BIN)/python -m hatchling build -t wheel -d dist

clean:
	rm -rf $(VENV) build dist demo .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
