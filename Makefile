# The commands of this project. `make help` lists them.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help install kernel demo run test static check corpus lock bench messages reference screens clean

# Python 3.11 or newer: `make PY=/path/to/python …` names another one.
PY ?= $(shell command -v python3.11 || command -v python3 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
MADE := $(VENV)/.made
RUNTIME := $(VENV)/.runtime
DEVELOP := $(VENV)/.develop
PEERS := $(VENV)/.peers
KERNEL := $(VENV)/.kernel
BUILD_KERNEL := src/himaya/core/kernel/build.py
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --prefer-binary
DATA ?= $(or $(HIMAYA_DATA),himaya-data)
ARGS ?=
# Settings of tools that read Django's settings: a directory of their own, so that no node's data is touched.
DJANGO = env -u HIMAYA_DATABASE_URL HIMAYA_DATA=$(CURDIR)/build/tools DJANGO_SETTINGS_MODULE=himaya.site.settings
# A release counts once it has been out for a week: enough for a bad one to be noticed, and for mirrors to have it.
LOCK_BEFORE ?= $(shell $(PY) -c 'import datetime as d; print(d.date.today() - d.timedelta(days=7))')
COMPILE = $(BIN)/uv pip compile --python-version 3.11 --universal --generate-hashes --no-strip-extras \
  --no-emit-index-url --no-emit-find-links --no-annotate --no-header --exclude-newer $(LOCK_BEFORE) --quiet

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 18

install: $(KERNEL)  ## what a node needs, into .venv, every file checked against its hash (EXTRAS="video s3 parquet ray pdf")
	@for extra in $(EXTRAS); do $(PIP) -r requirements.lock -r requirements-$$extra.lock || exit 1; done
kernel: $(RUNTIME)  ## build the C kernel anew
	@$(BIN)/python $(BUILD_KERNEL)
demo: $(KERNEL)  ## a node with benign sample data: scan, cases, console (Ctrl-C ends it)
	$(BIN)/himaya demo $(ARGS)
run: $(KERNEL)  ## a node of your own in ./himaya-data, or where HIMAYA_DATA says (make run DATA=/elsewhere)
	HIMAYA_DATA=$(DATA) $(BIN)/himaya init
	HIMAYA_DATA=$(DATA) $(BIN)/himaya serve $(ARGS)

test: $(DEVELOP)  ## every test, on PostgreSQL and on SQLite; installs or names the system parts it needs
	@$(BIN)/python tools/run_tests.py $(ARGS)
static: $(DEVELOP)  ## every check that runs nothing: format, lint, floors, types, migrations, messages, docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(DJANGO) $(BIN)/python -m django makemigrations --check --dry-run
	$(DJANGO) $(BIN)/python tools/messages.py --check
	$(DJANGO) $(BIN)/python tools/reference.py --check
	$(DJANGO) $(BIN)/python tools/api_docs.py --check
check: static test  ## static, then test: what has to pass before a commit, and in CI
corpus: $(DEVELOP)  ## thousands of damaged pictures through the sandbox (Pillow's own, 47 MB are downloaded; ARGS="--seed 1")
	$(BIN)/python tools/corpus.py $(ARGS)

lock: $(DEVELOP)  ## solve requirements*.in anew into the hashed locks
	$(COMPILE) --upgrade requirements.in -o requirements.lock
	$(COMPILE) --upgrade requirements-dev.in -o requirements-dev.lock
	$(COMPILE) --upgrade requirements-build.in -o requirements-build.lock
	for extra in video s3 parquet ray pdf bench; do \
	  $(COMPILE) --upgrade -c requirements-dev.lock requirements-$$extra.in -o requirements-$$extra.lock || exit 1; done
bench: $(DEVELOP) $(PEERS)  ## the figures of docs/figures.md, measured here (ONLY=match,hash,video,scan,http,exchange,log,vault,queue: a part; BENCH_CASES=N: open cases; BENCH_ITEMS=N: items of the exchange; BENCH_GIB=N: size of the sealed thing; BENCH_EXHIBITS=N: exhibits of the bundle)
	$(BIN)/python -m benchmarks $(ONLY) $(ARGS)
messages: $(DEVELOP)  ## gather the texts to translate, compile the translations
	$(DJANGO) $(BIN)/python tools/messages.py $(if $(START),--start $(START))
reference: $(DEVELOP)  ## write docs/reference and docs/api.md from the code
	$(DJANGO) $(BIN)/python tools/reference.py
	$(DJANGO) $(BIN)/python tools/api_docs.py
screens: $(DEVELOP)  ## take the pictures of docs/screens
	$(BIN)/python tools/screens.py $(ARGS)
clean:  ## remove what was installed and built; the data of nodes stays
	rm -rf $(VENV) build .mypy_cache .ruff_cache .import_linter_cache .pytest_cache .hypothesis
	rm -f src/himaya/core/kernel/_kernel.abi3.so
	find src tests tools -name __pycache__ -prune -exec rm -rf {} +

$(MADE):
	@$(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Himaya needs Python 3.11 or newer and found \"$$($(PY) -V 2>&1)\". Install it, or name it: make PY=/path/to/python3.11 …" >&2; exit 1; }
	@$(PY) tools/system_parts.py --complete venv
	$(PY) -m venv $(VENV)
	@touch $@
$(RUNTIME): requirements.lock pyproject.toml $(MADE)
	@echo "Installing what a node needs; about half a minute."
	@$(PIP) -r requirements.lock
	@$(BIN)/python tools/link_package.py
	@touch $@
# Without a compiler, one from PyPI is put into a directory that lasts for the build; without that, the NumPy twins serve.
$(KERNEL): $(wildcard src/himaya/core/kernel/src/*) $(BUILD_KERNEL) requirements-build.lock $(RUNTIME)
	@if $(BIN)/python $(BUILD_KERNEL) --can; then $(BIN)/python $(BUILD_KERNEL) --optional; else \
	  echo "No C compiler here: taking one from PyPI for this build; about a minute."; \
	  zig=$$(mktemp -d) && trap 'rm -rf "$$zig"' EXIT && \
	  { $(PIP) --target "$$zig" -r requirements-build.lock || true; } && \
	  PYTHONPATH="$$zig" ZIG_GLOBAL_CACHE_DIR="$$zig" ZIG_LOCAL_CACHE_DIR="$$zig" $(BIN)/python $(BUILD_KERNEL) --optional; fi
	@touch $@
$(DEVELOP): requirements-dev.lock $(KERNEL)
	@$(PY) tools/system_parts.py --complete compiler
	@echo "Installing what tests and checks need; about half a minute."
	@$(PIP) -r requirements.lock -r requirements-dev.lock
	@touch $@
$(PEERS): requirements-bench.lock $(DEVELOP)
	@echo "Installing what is measured beside us; about a minute."
	@$(PIP) -r requirements.lock -r requirements-bench.lock
	@touch $@
