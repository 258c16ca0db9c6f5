# Everything below works on a machine with Python 3.11 or newer, make, git and a package index: no system package, no
# GPU, no account. The first target to run sets up `.venv` from `uv.lock`; after that the set-up is a check of two dates.
#
#   make PYTHON=/path/to/python3.12 test     another interpreter
#   make JOBS=8 test                         more test processes

UV_VERSION := 0.13.9
UV := .cache/uv-$(UV_VERSION)/bin/uv
JOBS ?= 2
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$python; break; fi; done)

SYNC = VIRTUAL_ENV= UV_PROJECT_ENVIRONMENT=$(or $(VENV),.venv) UV_PYTHON_DOWNLOADS=never \
	$(UV) sync --frozen --python "$(PYTHON)"
# Two test processes that each start one thread per core only wait for one another.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 XLA_FLAGS=--xla_cpu_multi_thread_eigen=false
# Headless rendering where the machine has it; MuJoCo fails at import if told to use what is not there.
HAS_EGL = $(shell $(PYTHON) -c "import ctypes.util; print('egl' if ctypes.util.find_library('EGL') else 'disabled')")
PYTEST = $(ONE_THREAD) MUJOCO_GL=$${MUJOCO_GL:-$(HAS_EGL)} $(or $(VENV),.venv)/bin/python -m pytest

.PHONY: help setup demo test test-long test-oldest lint format docs docs-serve bench clean
.DEFAULT_GOAL := help

help:
	@echo "make demo         a dexterous hand learns from 25 demonstrations: offline first, then online"
	@echo "make test         every test of the project"
	@echo "make test-long    the tests that take hours: hundreds of kills, millions of transitions"
	@echo "make test-oldest  the tasks on MuJoCo 3.3.0, the oldest that they work on"
	@echo "make lint         style (ruff) and types (pyright)"
	@echo "make format       put the style right"
	@echo "make docs         the documentation site, in site/"
	@echo "make bench        speed against peers and against this machine's own peak, in benchmarks/latest.json"
	@echo "make clean        remove .venv, caches and build output; runs/ and figures/ stay"

setup: .venv/.ready

demo: .venv/.ready
	.venv/bin/awac demo

test: .venv/.ready
	$(PYTEST) -n $(JOBS) --dist loadfile -m "not long"

test-long: .venv/.ready
	$(PYTEST) -m long

test-oldest: VENV := .venv-oldest
test-oldest: .venv-oldest/.ready
	$(PYTEST) -n $(JOBS) --dist loadfile tests/unit/test_envs_*.py tests/golden/test_hand_tasks.py tests/e2e/test_robots.py

lint: .venv/.lint-ready
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/pyright

format: .venv/.lint-ready
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

docs: .venv/.docs-ready
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict

docs-serve: .venv/.docs-ready
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs serve

bench: .venv/.ready
	.venv/bin/python -m benchmarks

clean:
	rm -rf .venv .venv-oldest .cache site dist .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# uv itself, pinned, in a folder of its own.
$(UV):
	@test -n "$(PYTHON)" || { echo "awac needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ..." >&2; exit 2; }
	$(PYTHON) -m venv --clear .cache/uv-$(UV_VERSION)
	.cache/uv-$(UV_VERSION)/bin/python -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"
	@touch $@

.venv/.ready: pyproject.toml uv.lock | $(UV)
	@echo "Setting up .venv from uv.lock: once, about 1 GB"
	@$(SYNC) --inexact
	@touch $@

.venv-oldest/.ready: VENV := .venv-oldest
.venv-oldest/.ready: pyproject.toml uv.lock | $(UV)
	@$(SYNC)
	@$(UV) pip install --quiet --python .venv-oldest/bin/python mujoco==3.3.0
	@touch $@

.venv/.lint-ready: .venv/.ready
	@$(SYNC) --inexact --group lint
	@touch $@

.venv/.docs-ready: .venv/.ready
	@$(SYNC) --inexact --group docs
	@touch $@
