# Bootstraps itself from python3, make and a package index; nothing else is expected of the machine.
SHELL := /bin/sh
.DEFAULT_GOAL := help

PYTHON ?= python3
UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# PYTEST has further options of pytest for `make test`.
PYTEST ?=
# CLUSTER=current uses the cluster of the current kubeconfig instead of the lab; NODE=0 leaves the lab without a node.
CLUSTER ?= lab
NODE ?= auto
LAB := $(PYTHON) -m lab
ifeq ($(CLUSTER),current)
KUBE_ENV :=
else
KUBE_ENV := KUBECONFIG="$(CURDIR)/.lab/kubeconfig" PATH="$(CURDIR)/.lab/bin:$(CURDIR)/$(BIN):$$PATH"
endif

.PHONY: help
help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  \033[1m%-10s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  CLUSTER=current  use the cluster of your kubeconfig (kind, minikube, k3d) instead of building the lab"
	@echo "  NODE=0           run the lab without a node: no root and no packages needed, pods stay Pending"

$(READY): pyproject.toml uv.lock
	@test -x $(BIN)/uv || { echo "make: making $(VENV) from $$($(PYTHON) --version)"; $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); }
	@$(BIN)/uv sync --quiet --locked --inexact
	@touch $@

.PHONY: demo
demo: $(READY) lab ## Watch a kill switch move a real Deployment and put it back
	@test "$(CLUSTER)" = current || $(LAB) prometheus > /dev/null
	@$(KUBE_ENV) $(BIN)/python -m tools.demo

.PHONY: test
test: $(READY) test-fast lab ## Run every test: unit and contract in seconds, then component and e2e on a real API server
	@$(LAB) gitops > /dev/null
	@$(LAB) prometheus > /dev/null
	@$(LAB) alertmanager > /dev/null
	@test "$(CLUSTER)" = current || test "$(NODE)" = 0 || $(LAB) image > /dev/null || test "$$CI" != true
	@$(KUBE_ENV) $(BIN)/python -m pytest tests/e2e tests/faults tests/chart tests/repo --numprocesses 3 --maxschedchunk 1 $(PYTEST)

.PHONY: durations
durations: ## Run the tests on the lab and record what each takes, which orders the next runs: tests/durations.json
	@$(MAKE) test PYTEST=--record-durations

.PHONY: test-fast
test-fast: $(READY) ## Run the tests that need no cluster, and hold the coverage of each package
	@$(BIN)/python -m pytest tests/unit tests/contract tests/component --numprocesses 2 --cov --cov-report= -q
	@$(BIN)/python -m tools.coverage_gates

.PHONY: check
check: $(READY) ## Lint, types, layers, workflow files, and that generated files are up to date
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache > .import-linter.log 2>&1 || { cat .import-linter.log; exit 1; }
	@rm -f .import-linter.log
	@$(BIN)/runbook-operator crds --directory .crds-now && diff -r crds .crds-now; status=$$?; rm -rf .crds-now; \
		test $$status -eq 0 || { echo "crds/ differs from the models: run make crds"; exit 1; }
	@$(BIN)/python -m tools.chart --check
	@program=$$($(LAB) actionlint) && "$$program" -no-color -shellcheck= -pyflakes= .github/workflows/*.yaml

.PHONY: lab
lab: ## Start the lab: a real control plane, and on Linux with root a real node
ifeq ($(CLUSTER),current)
	@$(LAB) guard
else
	@$(LAB) up --node $(if $(filter 0,$(NODE)),no,$(NODE))
endif

.PHONY: lab-down
lab-down: ## Stop exactly what the lab started
	@$(LAB) down

.PHONY: image
image: ## Make the operator's image from the Dockerfile by buildah, on a base of Debian packages; prints its archive
	@$(LAB) image

# The tests of the core that need no node, on a control plane of another version, in a lab of its own beside the usual one.
VERSION ?= $(shell $(PYTHON) -c "from lab.layout import OLDEST; print(OLDEST)")
SKEW := $(CURDIR)/.lab/skew/$(VERSION)
CORE := test_switch test_scale test_set_flag test_bad_input test_admission test_uninstall

.PHONY: test-skew
test-skew: $(READY) ## Run the core's tests on another Kubernetes, VERSION=v1.30.14 or so, compiled once: some minutes
	@$(LAB) skew --kubernetes $(VERSION) > /dev/null
	@export LAB_HOME="$(SKEW)/lab"; KUBEBUILDER_ASSETS="$(SKEW)" $(LAB) up --node no && \
		KUBECONFIG="$(SKEW)/lab/kubeconfig" PATH="$(CURDIR)/.lab/bin:$(CURDIR)/$(BIN):$$PATH" \
		$(BIN)/python -m pytest $(CORE:%=tests/e2e/%.py) --numprocesses 2; status=$$?; $(LAB) down; exit $$status

.PHONY: run
run: $(READY) lab ## Run the operator from this checkout against the lab
	@$(KUBE_ENV) kubectl apply --server-side --force-conflicts -f crds/
	@$(KUBE_ENV) $(BIN)/runbook-operator run --log-format console

.PHONY: crds
crds: $(READY) ## Generate crds/ from the models
	@$(BIN)/runbook-operator crds --directory crds

.PHONY: chart
chart: $(READY) ## Generate what of the chart comes from the code: CRDs, roles, values, schema, dashboard
	@$(BIN)/python -m tools.chart

.PHONY: docs
docs: $(READY) ## Generate the reference of the actions, of all fields, and of two switches on one target
	@$(BIN)/python -m tools.reference
	@$(BIN)/python -m tools.fields
	@$(BIN)/python -m tools.two_switches

.PHONY: performance
performance: $(READY) ## Make docs/performance.md and its plots of the figures in docs/performance
	@$(BIN)/python -m tools.performance

.PHONY: release
release: $(READY) ## Make what is published into dist/: wheel, chart, install.yaml, crds.yaml, SBOM and their sums
	@PATH="$(CURDIR)/.lab/bin:$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tools.release dist

.PHONY: audit
audit: $(READY) ## Ask OSV for known vulnerabilities of every locked package
	@$(BIN)/python -m tools.audit

.PHONY: fmt
fmt: $(READY) ## Format the code and fix what can be fixed
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --fix .

.PHONY: bench
bench: $(READY) lab ## Measure from patch to effect beside three peers in the same run; bench/__main__.py says what can be asked
	@$(KUBE_ENV) $(BIN)/python -m bench

.PHONY: bench-profile
bench-profile: $(READY) lab ## Sample where the processor's time of a throw goes, by thread and by part
	@$(KUBE_ENV) $(BIN)/python -m bench.profile

.PHONY: bench-failover
bench-failover: $(READY) lab ## Measure how long a switch waits that is thrown when the leader is lost, beside the peer in Go
	@$(KUBE_ENV) $(BIN)/python -m bench.failover

.PHONY: bench-neighbours
bench-neighbours: $(READY) lab ## Measure what a large flag document of one tenant costs the throws of another one
	@$(KUBE_ENV) $(BIN)/python -m bench.neighbours

.PHONY: bench-looks
bench-looks: $(READY) lab ## Count what the close looks at idle switches ask of the API server, with dry runs and without
	@$(KUBE_ENV) $(BIN)/python -m bench.looks

.PHONY: bench-sensing
bench-sensing: $(READY) ## Measure what 10,000 checks every 10 s cost, beside a task for each; needs no cluster
	@$(BIN)/python -m bench.sensing

.PHONY: bench-watching
bench-watching: $(READY) lab ## Measure what watching 5,000 Runbooks costs the operator and a thrown switch; needs the lab's node
	@$(KUBE_ENV) $(BIN)/python -m bench.watching

.PHONY: bench-sharding
bench-sharding: $(READY) ## Simulate 100,000 Runbooks over 10 replicas: how even the shards are, and what moves; needs no cluster
	@$(BIN)/python -m bench.sharding

.PHONY: bench-sharded
bench-sharded: $(READY) lab ## Run up to 20,000 Runbooks over 3 replicas that share the work, throw switches, and kill one of them
	@$(KUBE_ENV) $(BIN)/python -m bench.sharded

.PHONY: bench-metrics
bench-metrics: $(READY) ## Count the requests that 1,000 and 10,000 thresholds cost a Prometheus
	@$(LAB) prometheus > /dev/null
	@$(BIN)/python -m bench.metric_requests
