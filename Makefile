# The two commands of a newcomer: `make demo` and `make test`. Each sets up what it needs.
# TORCH_INDEX may name a package index to take torch from, such as one with CPU builds (see README.md).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOWEST := .venv-lowest
# The oldest torch to try; by default the pinned one, since older CPU builds need an index that has them.
LOWEST_TORCH ?= $(shell sed -n 's/^torch==//p' constraints.txt)

.PHONY: demo docs test portable check lint faults fuzz explorer lowest dist setup clean

demo: setup
	$(BIN)/python examples/demo.py

# Three workers for two cores: many tests wait for processes.
test: check
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 3 --dist worksteal
	$(BIN)/python tests/portable.py

# The tests that compare numbers, with every set of instructions and number of threads that `test` tries some of.
portable: setup
	$(BIN)/python tests/portable.py --all

# Style, types, the levels of the subpackages, the workflows; `lint` asks about the pinned packages as well, which needs the network.
check: setup
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/zizmor --offline --quiet .github

lint: check
	$(BIN)/python benchmarks/audit.py

# Every fault and every hostile input; docs/reliability.md holds what came of them.
faults fuzz: setup
	$(BIN)/python benchmarks/reliability.py $@

# The page of `aae explore`: bundles explorer/ into the package, with the versions of its package-lock.json.
explorer:
	cd explorer && npm ci && npm run build

# A part of the tests with the oldest dependencies that pyproject.toml allows. torch is installed first and stays: uv
# knows nothing of TORCH_INDEX.
lowest:
	$(PYTHON) -m venv --clear $(LOWEST)
	$(LOWEST)/bin/pip install --quiet --upgrade pip uv
	$(LOWEST)/bin/pip install --quiet $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch==$(LOWEST_TORCH)
	VIRTUAL_ENV=$(LOWEST) $(LOWEST)/bin/uv pip install --quiet --resolution lowest-direct \
		torch==$(LOWEST_TORCH) --editable ".[all]" --group test
	OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest -n 2 tests/model tests/objectives tests/presets tests/sklearn

# The documentation site, in docs/_build/html: runs the notebooks, two at a time, and takes every warning for an error.
docs: setup
	$(BIN)/pip install --quiet --constraint constraints.txt --group docs
	OMP_NUM_THREADS=1 $(BIN)/sphinx-build -W --keep-going -q -j 2 -b html docs docs/_build/html
	@echo "Open docs/_build/html/index.html"

# The sdist and the wheel, in dist/; a release uploads them.
dist: setup
	$(BIN)/pip install --quiet --constraint constraints.txt --group build
	rm -rf dist
	$(BIN)/python -m build --outdir dist
	$(BIN)/twine check --strict dist/*

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'aae needs Python 3.11 or newer; set PYTHON=')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --upgrade pip
	$(BIN)/pip install --quiet --constraint constraints.txt $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[all]" --group dev
	@touch $@

clean:
	rm -rf $(VENV) $(LOWEST) dist runs
