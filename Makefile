# Everything works inside the checkout: the environment in .venv, state in var.
# PYTHON chooses the interpreter (3.11 or newer) that .venv is made with.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
CONSTRAINTS := .ci/constraints.txt
PROTOC := $(BIN)/python -m grpc_tools.protoc -I proto \
  --plugin=protoc-gen-mypy=$(BIN)/protoc-gen-mypy
GRID_ZONE ?= WORLD
# Debian's own programs that the tests start: a command, and its package where that is not the name.
DEBIAN_PACKAGES := prometheus prometheus-alertmanager victoria-metrics chromium lintian buildah \
  debootstrap systemd-analyze:systemd npm
FUZZ_SECONDS ?= 600

.PHONY: run test test-fast check audit chaos fuzz bench bench-peers protos protos-check docs golden pane clean

run: $(VENV)/.run  ## collector and agent in the foreground; GRID_ZONE=DE prices with that grid
	@$(BIN)/python deploy/demo/run.py --state var --grid-zone "$(GRID_ZONE)"

test: $(VENV)/.test debian  ## fast tests, then the ones with real servers
	$(BIN)/python -m pytest -n auto -m "not servers"
	$(BIN)/python -m pytest -m servers

test-fast: $(VENV)/.test
	$(BIN)/python -m pytest -n auto -m "not servers"

check: $(VENV)/.dev debian  ## all that must hold before a commit
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) --no-print-directory protos-check
	$(MAKE) --no-print-directory audit
	$(BIN)/python -m pytest -n auto -m "not servers"
	$(BIN)/python -m pytest -m servers

audit: $(VENV)/.dev  ## known vulnerabilities of what is pinned; AUDIT=--required fails offline
	$(BIN)/python -m pip --disable-pip-version-check check
	$(BIN)/python .ci/audit.py $(AUDIT)

chaos: $(VENV)/.test  ## break everything at random for ten minutes; CHAOS="--seed 7 --short" repeats
	PYTHONPATH=tests $(BIN)/python -m chaos.run $(CHAOS)

fuzz: $(VENV)/.fuzz  ## anything into every parser; FUZZ_SECONDS=60 FUZZ_TARGETS="sysfs redfish"
	PYTHONPATH=tests $(BIN)/python -m fuzz.run --seconds $(FUZZ_SECONDS) $(FUZZ_TARGETS)

bench: $(VENV)/.test  ## what it costs, beside what others cost where they are installed
	$(BIN)/python tests/bench/run.py

bench-peers: $(VENV)/.test  ## install the others, for `make bench` to compare with
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip --disable-pip-version-check --quiet install codecarbon
	@$(MAKE) --no-print-directory debian DEBIAN_PACKAGES="prometheus-node-exporter"

protos: $(VENV)/.dev  ## regenerate the committed stubs
	$(PROTOC) --python_out=proto --mypy_out=quiet:proto proto/wattgram/v1/telemetry.proto

protos-check: $(VENV)/.dev  ## fail when the committed stubs are not what the .proto gives
	@out=$$(mktemp -d) && \
	$(PROTOC) --python_out=$$out --mypy_out=quiet:$$out proto/wattgram/v1/telemetry.proto && \
	for file in telemetry_pb2.py telemetry_pb2.pyi; do \
	  cmp $$out/wattgram/v1/$$file proto/wattgram/v1/$$file || exit 1; \
	done && rm -r $$out

docs: $(VENV)/.test  ## regenerate the pages that are made from code
	$(BIN)/python -m pytest -q tests/docs --update-golden

pane: $(VENV)/.run  ## capture what `top` shows of this machine into docs/top.md (root)
	$(BIN)/python deploy/demo/pane.py

golden: $(VENV)/.test  ## accept what /metrics shows now
	$(BIN)/python -m pytest -q -m "not servers" --update-golden

clean:
	rm -rf $(VENV) .venv-peers var .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Wattgram needs Python 3.11 or newer; set PYTHON to one" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(VENV)/bin/python pyproject.toml $(CONSTRAINTS)
	$(PIP) install -c $(CONSTRAINTS) -e '.[agent,collector]'
	@touch $@

$(VENV)/.test: $(VENV)/bin/python pyproject.toml $(CONSTRAINTS)
	$(PIP) install -c $(CONSTRAINTS) 'pip>=25.1'
	$(PIP) install -c $(CONSTRAINTS) -e '.[agent,collector,push,pyrapl]' --group test --group docs
	@touch $@

$(VENV)/.dev: $(VENV)/.test
	$(PIP) install -c $(CONSTRAINTS) --group dev
	@touch $@

# Where there is no wheel of atheris the same targets are fuzzed without it, and that is said.
$(VENV)/.fuzz: $(VENV)/.test
	@$(PIP) install -c $(CONSTRAINTS) --only-binary atheris --group fuzz || \
	  echo "atheris cannot be installed: fuzzing goes on without it" >&2
	@touch $@

# Debian's own servers, for the tests that run against real ones. Where they are missing and may
# not be installed, those tests say so and skip.
.PHONY: debian
debian:
	@missing=$$(for name in $(DEBIAN_PACKAGES); do \
	  command -v $${name%%:*} >/dev/null || echo $${name##*:}; done); \
	if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "installing $$missing"; \
	  { apt-get update -qq && \
	    DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
	    apt-get install -y -qq --no-install-recommends $$missing >/dev/null; } || \
	  echo "could not install $$missing: the tests that need it will skip" >&2; \
	elif [ -n "$$missing" ]; then \
	  echo "missing $$missing (apt-get install $$missing): the tests that need it will skip" >&2; \
	fi
