# Everything that this project does on a fresh machine with Python 3.11 or newer.
#   make sweep   fresh virtual environment, install, the default sweep
#   make test    the same for the whole test suite
#   make docs    the documentation site, into build/site
#   make coverage   the test suite, and which lines and branches of atlas/ it misses (build/coverage/report.txt)
#   make check   format, lint, types, import layers, docs, tests: what a person runs before a commit

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# Without bytecode: Python compiles what it imports, and most of the packages' files never are.
# And without setuptools' banner about editable installs, which reads as an error.
INSTALL = PYTHONWARNINGS=ignore:::setuptools.command.editable_wheel $(BIN)/pip install --quiet --no-compile
SWEEP ?= sweeps/task_order.py
ARGS ?=
WORKERS ?= 3
unexport PYTHONDONTWRITEBYTECODE # a test run starts hundreds of processes, each of which would compile all it imports

.PHONY: sweep test coverage check format lint types layers untyped docs browser clean

$(VENV)/made:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	touch $@

$(VENV)/installed: $(VENV)/made pyproject.toml
	$(INSTALL) -e .
	touch $@

$(VENV)/installed-dev: $(VENV)/made pyproject.toml
	$(INSTALL) -e '.[dev]'
	touch $@

# What the tests import, compiled once: parallel workers that begin together would each compile all of it.
$(VENV)/compiled: $(VENV)/installed-dev
	$(BIN)/python -m pytest --collect-only -qq > $@.log || { cat $@.log; false; }
	touch $@

sweep: $(VENV)/installed
	$(BIN)/python $(SWEEP) $(ARGS)

# Tests open the MLflow UI and the documentation in headless Chromium; on Debian or Ubuntu, as root, it is installed here.
browser:
	@{ command -v chromedriver && command -v chromium chromium-browser google-chrome; } >/dev/null || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
	    apt-get install -y -qq chromium chromium-driver >/dev/null; } || \
	  echo "No Chromium here: the tests that open pages will be skipped. Install chromium and its driver to run them."

# A worker beyond the cores of a small machine: tests that start clusters mostly wait. WORKERS=0 runs all in one process.
test: $(VENV)/compiled browser
	$(BIN)/python -m pytest --durations=10 -n $(WORKERS) --dist loadgroup --no-loadscope-reorder $(ARGS)

# Every process loads the plugin of coverage, from here.
coverage: export PYTHONPATH = $(CURDIR)
coverage: $(VENV)/compiled browser
	rm -rf build/coverage && mkdir -p build/coverage
	$(BIN)/coverage run -m pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage json --quiet -o build/coverage/report.json
	$(BIN)/coverage report > build/coverage/report.txt
	grep TOTAL build/coverage/report.txt

format: $(VENV)/installed-dev
	$(BIN)/ruff format .

lint: $(VENV)/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/installed-dev
	$(BIN)/mypy

layers: $(VENV)/installed-dev
	$(BIN)/lint-imports

untyped: $(VENV)/installed-dev
	$(BIN)/python -m tests.untyped --most 3

# Strictly: a page that is missing, a link or an anchor that leads nowhere ends it. Open build/site/index.html.
docs: $(VENV)/installed-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# The tests build the documentation too, strictly.
check: lint types layers untyped test

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache
