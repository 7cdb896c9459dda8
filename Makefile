# Each target does all of its own set-up, from a bare clone on a machine with Rust, CPython 3.10 or later, and make.
#
#   make demo    the lesson: six exercises, each as a plain loop and on a cluster, with results and times
#   make test    all tests, Rust and Python
#   make bench   rask and its peers on the same workloads, turn by turn: a table, some 20 minutes on an idle machine
#   make build   leaves .venv with the release build of the package and the command .venv/bin/rask in it
#   make lint    formatting and lints, Rust and Python; warnings are errors
#   make instructions         counts the instructions of the hot paths and checks them against the committed figures
#   make instructions-update  writes the committed figures anew
#   make clean   removes what the others made
#
# PYTHON=python3.12 chooses the interpreter of .venv when it is made.

PYTHON ?= python3
CARGO ?= cargo
VENV := .venv
VENV_PYTHON := $(VENV)/bin/python
PIP := $(VENV_PYTHON) -m pip --disable-pip-version-check --quiet
# maturin installs into this environment, whichever is active in the shell.
MATURIN := env -u CONDA_PREFIX VIRTUAL_ENV="$(CURDIR)/$(VENV)" $(VENV)/bin/maturin

# What the extension module is made of; the dashboard's page is in it.
RUST_SOURCES := Cargo.toml Cargo.lock pyproject.toml \
	$(shell find crates -type f \( -path '*/src/*' -o -path '*/page/*' -o -name Cargo.toml \))

INSTRUCTIONS := $(CARGO) run --release --locked --quiet -p rask-bench --bin instructions --
INSTRUCTIONS_FIGURES := crates/rask-bench/instructions.txt

.PHONY: build test test-rust test-python demo bench lint lint-rust lint-python instructions instructions-update valgrind chromium clean

build: $(VENV)/.built

test: test-rust test-python

test-rust:
	$(CARGO) test --workspace --locked

test-python: chromium $(VENV)/.built $(VENV)/.test $(VENV)/.corpus
	$(VENV_PYTHON) -m pytest python/tests

demo: $(VENV)/.built $(VENV)/.corpus
	$(VENV_PYTHON) examples/lesson.py

# BENCH="--peer dask --workload map" chooses; see benches/compare.py --help.
bench: $(VENV)/.built $(VENV)/.test $(VENV)/.corpus
	$(CARGO) build --release --locked -p rask-cli
	$(VENV_PYTHON) benches/compare.py $(BENCH)
ifeq ($(BENCH),)
	$(VENV_PYTHON) benches/compare.py --in-process
endif

lint: lint-rust lint-python

lint-rust:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

lint-python: $(VENV)/.lint
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

instructions: valgrind
	$(INSTRUCTIONS) check $(INSTRUCTIONS_FIGURES)

instructions-update: valgrind
	$(INSTRUCTIONS) update $(INSTRUCTIONS_FIGURES)

# Counts instructions. It is no part of Rust or Python, so it comes from the system.
valgrind:
	@command -v valgrind >/dev/null || { \
		sudo=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		echo "valgrind is not here: installing it with apt-get"; \
		$$sudo apt-get update -qq && $$sudo apt-get install -qq -y --no-install-recommends valgrind libc6-dbg \
			|| { echo "valgrind could not be installed; install it by the system's own means and try again" >&2; exit 1; }; \
	}

# The browser before which the dashboard is tested. It, too, comes from the system.
chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || { \
		sudo=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		echo "chromium is not here: installing it with apt-get"; \
		$$sudo apt-get update -qq && $$sudo apt-get install -qq -y --no-install-recommends chromium \
			|| { echo "chromium could not be installed; the dashboard's tests need it: install it by the system's own means and try again" >&2; exit 1; }; \
	}

clean:
	$(CARGO) clean
	rm -rf $(VENV) .venv-peers .pytest_cache .ruff_cache
	rm -f python/rask/_core.*.so
	find python examples benches -name __pycache__ -type d -prune -exec rm -rf {} +

# --- .venv: an empty file in it for each thing that was installed ---------------------------------------------

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		|| { echo "rask needs CPython 3.10 or later; choose one: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.maturin: requirements/build.txt $(VENV)/.made
	$(PIP) install -r requirements/build.txt
	@touch $@

$(VENV)/.built: $(RUST_SOURCES) $(VENV)/.maturin
	$(MATURIN) develop --release --locked
	@touch $@

$(VENV)/.test: requirements/test.txt $(VENV)/.made
	$(PIP) install -r requirements/test.txt
	@touch $@

$(VENV)/.corpus: requirements/corpus.txt $(VENV)/.made
	$(PIP) install --no-deps -r requirements/corpus.txt
	@touch $@

$(VENV)/.lint: requirements/lint.txt $(VENV)/.made
	$(PIP) install -r requirements/lint.txt
	@touch $@
