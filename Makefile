PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: demo test test-aarch64 lint clean

demo: $(STAMP)  ## export lowlight-small to all targets, verify, restore a dark photograph
	$(BIN)/python examples/demo.py -o out/demo

test: $(STAMP)  ## all tests, warnings as errors
	$(BIN)/python -m pytest --cov --cov-report=term --cov-fail-under=90

test-aarch64: $(STAMP)  ## emulated arm64 against x86 (qemu-user-static debootstrap gcc-aarch64-linux-gnu); no timing
	$(BIN)/python tests/aarch64/run.py

lint: $(STAMP)  ## style, formatting, types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

$(STAMP): pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet "torch==2.13.0"
	$(BIN)/python -m pip install --quiet -e ".[all,dev]"
	touch $@

clean:  ## the environment and everything made
	rm -rf .venv out
