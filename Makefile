PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

PORT ?= 8080
WORKERS ?= 2
WEB := runtimes/web
WEB_SOURCES := $(shell find $(WEB)/src $(WEB)/demo -type f) $(WEB)/build.mjs
WEB_NETWORKS := lowlight-open backlit-small

.PHONY: demo demo-web ready docs test test-aarch64 campaign lint clean zoo

demo: $(STAMP)  ## export lowlight-small to all targets, verify, restore a dark photograph
	$(BIN)/python examples/demo.py -o out/demo

demo-web: $(WEB)/dist/index.html $(WEB_NETWORKS:%=out/web/%-onnx-fp32-split-dynamic/manifest.json)  ## a page with a camera (Node 20), on PORT
	node $(WEB)/serve.mjs --port $(PORT) --artifacts out/web

# Of two processes on two cores, each with a thread per core, one waits for the other.
test: $(STAMP)  ## all tests, warnings as errors, in WORKERS processes
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --max-worker-restart=0 --cov --cov-report=term --cov-fail-under=90

test-aarch64: $(STAMP)  ## emulated arm64 against x86 (qemu-user-static debootstrap gcc-aarch64-linux-gnu); no timing
	$(BIN)/python tests/aarch64/run.py

zoo: $(STAMP)  ## the community's architectures on all targets: exported or why not, agreement, INT8
	$(BIN)/python benchmarks/zoo.py

ready: $(STAMP)  ## the artifacts that the package carries, of those weights that have changed
	$(BIN)/python export/ready.py

campaign: $(STAMP)  ## mutated pictures and artifacts, kills, threads, full disks: hours, goes on where it was ended
	nice -n 15 $(BIN)/python tests/campaign/run.py -o out/campaign

docs: $(STAMP)  ## the documentation's site, in out/site; warnings are errors
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

lint: $(STAMP)  ## style, formatting, types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

out/web/%-onnx-fp32-split-dynamic/manifest.json: restorect_edge/weights/%.safetensors export/web.toml | $(STAMP)
	$(BIN)/python -m restorect_edge.export --recipe export/web.toml --weights $* -o out/web --overwrite

$(WEB)/dist/index.html: $(WEB)/node_modules/.package-lock.json $(WEB_SOURCES)
	cd $(WEB) && npm run build

$(WEB)/node_modules/.package-lock.json: $(WEB)/package-lock.json
	cd $(WEB) && npm ci --no-audit --no-fund

$(STAMP): pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet "torch==2.13.0"
	$(BIN)/python -m pip install --quiet -e ".[all,dev]"
	# alone: a torchvision of the index may be built for another PyTorch than the one that is installed
	$(BIN)/python -m pip install --quiet --no-deps "spandrel==0.4.2" "spandrel_extra_arches==0.2.0"
	touch $@

clean:  ## the environment and everything made
	rm -rf .venv out
