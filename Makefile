# Two commands for a fresh machine with CPython 3.11+, gcc, make:
#   make run     the main job as a short tour, in a private network, without root
#   make check   all checks and tests, the same for people and CI
# Both set up .venv themselves.  Others: make bench, make fuzz, make attack, make beside, make fmt, make clean;
# make kmod and kmod-install for the kernel module (needs kernel headers), make kmod-sanitize and
# kmod-races for its hardest tests (an hour, in virtual machines), make kmod-bench for its figures, make kmod-check for the older kernel,
# make vm for a machine with the module and nld.

PYTHON ?= python3
FUZZ_SECONDS ?= 600
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: run check bench attack beside fuzz fmt clean kmod kmod-install kmod-sanitize kmod-races kmod-bench \
    kmod-check vm

run: .venv/installed
	@$(BIN)/nld sandbox -- $(BIN)/python -m nld.tour

check: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/test_layers.py tests/test_docstrings.py
	$(BIN)/pytest -q -n auto --maxprocesses 4 --durations 20 \
	    -m "not soak and not bench and not attack and not sanitize" --ignore tests/test_layers.py --ignore tests/test_docstrings.py

bench: .venv/installed-dev
	$(BIN)/pytest -q -s -m bench tests/bench

# What any local user can do to the others, in full: as root, on a machine that has nothing else to do.
attack: .venv/installed-dev
	$(BIN)/pytest -q -s -m attack tests/attack

# 200 lists, 50 starts, 50 carrier flaps and 50 overruns beside writers at full speed; some twenty minutes on
# two processors that have nothing else to do.
beside: .venv/installed-dev
	NLD_BESIDE_ROUNDS=50 NLD_BESIDE_QUIET=1 $(BIN)/pytest -q -s -m "soak or not soak" tests/broker/test_beside_writers.py

fuzz: .venv/installed-dev
	NLD_FUZZ_SECONDS=$(FUZZ_SECONDS) $(BIN)/pytest -q -s -m fuzz

fmt: .venv/installed-dev
	$(BIN)/python -I nld/client/twin.py
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	$(BIN)/python -m nld.config.example > config.example.toml

kmod:
	$(MAKE) -C kmod

kmod-install: kmod
	$(MAKE) -C kmod install

# The sanitizer kernel is built the first time (minutes) and kept outside the checkout; see docs/kmod.md.
kmod-sanitize: .venv/installed-dev
	NLD_REQUIRE_VM=1 $(BIN)/pytest -s -v -m sanitize tests/vm/test_sanitizer.py tests/vm/test_sanitize.py

# The same for what the sanitizer kernel cannot see: unordered accesses, and PREEMPT_RT.
kmod-races: .venv/installed-dev
	NLD_REQUIRE_VM=1 $(BIN)/pytest -s -v -m sanitize tests/vm/test_races.py

# The module beside the kernel's own table, in full size and in one machine.
kmod-bench: .venv/installed-dev
	NLD_REQUIRE_VM=1 NLD_ROUTES=1000000 NLD_FLOWS=10000 NLD_SECONDS=60 NLD_ROUNDS=5 NLD_VM_MACHINES=6.12 \
	    $(BIN)/pytest -q -rP -m vm tests/vm/guest/test_module_size.py tests/vm/guest/test_module_traffic.py \
	    tests/vm/guest/test_module_bystander.py tests/vm/guest/test_module_forward.py \
	    -k "size or module_traffic or bystander or spread"

# All tests that run inside a machine on the older kernel (make check has those of nld beside the module on one);
# and on the newest that Debian's archive has, the contract, the protocol and packets.
kmod-check: .venv/installed-dev
	NLD_REQUIRE_VM=1 NLD_VM_MACHINES=6.1 $(BIN)/pytest -q -m vm tests/vm/guest
	NLD_REQUIRE_VM=1 NLD_VM_MACHINES=newest $(BIN)/pytest -q -m vm tests/vm/guest/test_contract.py \
	    tests/vm/guest/test_module_wire.py tests/vm/guest/test_module_forward.py

vm: .venv/installed-dev
	$(BIN)/python -m tests.vm.shell

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Debian keeps venv in a package of its own; root can install it, others are told.
.venv/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "nld needs CPython 3.11 or later: make PYTHON=python3.12 run" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	    && apt-get update -qq && apt-get install -y -qq python3-venv; } \
	    || { echo "Python's venv is not complete: sudo apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/installed: pyproject.toml .venv/made
	$(PIP) install --editable .
	@touch $@

.venv/installed-dev: pyproject.toml .venv/made
	$(PIP) install --editable '.[dev]'
	@touch $@ .venv/installed
