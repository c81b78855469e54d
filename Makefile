# Everything works inside the checkout: the environment in .venv, state in var.
# PYTHON chooses the interpreter (3.11 or newer) that .venv is made with.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
CONSTRAINTS := .ci/constraints.txt
PROTOC := $(BIN)/python -m grpc_tools.protoc -I proto \
  --plugin=protoc-gen-mypy=$(BIN)/protoc-gen-mypy
PUSH_PROTO := collector/wattgram_collector/push/remote_write.proto
GRID_ZONE ?= WORLD
# Debian's own programs that the tests start: a command, and its package where that is not the name.
DEBIAN_PACKAGES := prometheus prometheus-alertmanager victoria-metrics chromium lintian buildah \
  debootstrap dh:debhelper systemd-analyze:systemd npm
FUZZ_SECONDS ?= 600
API_FUZZ_SECONDS ?= 300

.PHONY: run test test-fast check audit chaos fuzz api-fuzz bench bench-peers protos protos-check docs golden dashboards pane clean demo-alert screenshots axe deb agent-zipapp site newcomer example

run: $(VENV)/.run  ## collector and agent in the foreground; GRID_ZONE=DE prices with that grid
	@$(BIN)/python deploy/demo/run.py --state var --grid-zone "$(GRID_ZONE)"

test: $(VENV)/.test debian axe  ## fast tests, then the ones with real servers
	$(BIN)/python -m pytest -n auto -m "not servers"
	$(BIN)/python -m pytest -m servers

test-fast: $(VENV)/.test
	$(BIN)/python -m pytest -n auto -m "not servers"

check: $(VENV)/.dev debian axe  ## all that must hold before a commit
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

api-fuzz: $(VENV)/.test  ## ask the JSON API anything for five minutes; API_FUZZ_SECONDS=60 takes less
	WATTGRAM_API_FUZZ_SECONDS=$(API_FUZZ_SECONDS) \
	  $(BIN)/python -m pytest -q -rP -m servers tests/e2e/test_api_fuzz.py

bench: $(VENV)/.test  ## what it costs, beside what others cost where they are installed
	$(BIN)/python tests/bench/run.py

bench-peers: $(VENV)/.test  ## install the others, for `make bench` to compare with
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip --disable-pip-version-check --quiet install codecarbon
	@$(MAKE) --no-print-directory debian DEBIAN_PACKAGES="prometheus-node-exporter"

protos: $(VENV)/.dev  ## regenerate the committed stubs
	$(PROTOC) --python_out=proto --mypy_out=quiet:proto proto/wattgram/v1/telemetry.proto
	$(PROTOC) -I collector --python_out=collector --mypy_out=quiet:collector $(PUSH_PROTO)

protos-check: $(VENV)/.dev  ## fail when the committed stubs are not what the .proto gives
	@out=$$(mktemp -d) && \
	$(PROTOC) --python_out=$$out --mypy_out=quiet:$$out proto/wattgram/v1/telemetry.proto && \
	$(PROTOC) -I collector --python_out=$$out --mypy_out=quiet:$$out $(PUSH_PROTO) && \
	for file in proto/wattgram/v1/telemetry_pb2.py $(PUSH_PROTO:.proto=_pb2.py); do \
	  cmp $$out/$${file#*/} $$file && cmp $$out/$${file#*/}i $${file}i || exit 1; \
	done && rm -r $$out

deb: $(VENV)/.test  ## dist/*.deb of agent and collector, for this release and machine
	@$(MAKE) --no-print-directory debian DEBIAN_PACKAGES="dh:debhelper"
	$(BIN)/python deploy/packages/deb.py --out dist

agent-zipapp: $(VENV)/.test  ## dist/wattgram-agent.pyz; LIBRARIES=DIR: those of another machine
	$(BIN)/python deploy/packages/single_file.py $(if $(LIBRARIES),--libraries "$(LIBRARIES)")

docs: $(VENV)/.test  ## regenerate the pages that are made from code
	$(BIN)/python -m pytest -q tests/docs --update-golden

site: $(VENV)/.test  ## the documentation as a site, into var/site
	$(BIN)/python -m mkdocs build --strict --quiet -f deploy/site/mkdocs.yml

newcomer: debian  ## do what the tutorial says in a fresh clone of what is committed; say how long
	$(PYTHON) tests/newcomer.py

screenshots: $(VENV)/.test debian axe  ## the page in light, dark and on a phone, into docs/images
	WATTGRAM_SCREENSHOTS=1 $(BIN)/python -m pytest -q tests/e2e/test_page.py \
	  tests/e2e/test_inventory_page.py -k picture

example: $(VENV)/.run  ## a made-up organisation, from its agents to its report; EXAMPLE="--stay"
	@$(BIN)/python deploy/demo/organisation.py --directory var/example $(EXAMPLE)

demo-alert: $(VENV)/.run  ## see an alert on the emission rate fire and resolve, on this machine
	@$(MAKE) --no-print-directory debian DEBIAN_PACKAGES="prometheus prometheus-alertmanager"
	@$(BIN)/python deploy/demo/alert.py $(ALERT)

pane: $(VENV)/.run  ## capture what `top` shows of this machine into docs/top.md (root)
	$(BIN)/python deploy/demo/pane.py

dashboards: $(VENV)/.test  ## write the Grafana dashboards from deploy/grafana/wattgram_grafana
	PYTHONPATH=deploy/grafana $(BIN)/python -m wattgram_grafana

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

# What the pages are tested with for people who see or hear them otherwise.
AXE_VERSION := 4.14.1
AXE_SHA256 := e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745
axe: $(VENV)/bin/python
	@test -f $(VENV)/axe-core/axe.min.js || { \
	  cd $(VENV) && npm pack --silent axe-core@$(AXE_VERSION) >/dev/null && \
	  echo "$(AXE_SHA256)  axe-core-$(AXE_VERSION).tgz" | sha256sum --check --quiet && \
	  mkdir -p axe-core && \
	  tar xzf axe-core-$(AXE_VERSION).tgz -C axe-core --strip-components=1 package/axe.min.js && \
	  rm axe-core-$(AXE_VERSION).tgz; \
	} || echo "could not get axe-core with npm: the tests that need it will skip" >&2

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
	  echo "could not install $$missing: tests that need it skip, and the rest says so" >&2; \
	elif [ -n "$$missing" ]; then \
	  echo "missing $$missing (apt-get install $$missing): tests that need it skip, and the rest says so" >&2; \
	fi
