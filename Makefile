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
export VIRTUAL_ENV := $(CURDIR)/$(VENV)

IMAGES := assessment recognition records

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-22s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The environment

$(UV): locks/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Cairn needs Python 3.11 or newer; set PYTHON=")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement locks/uv.txt

$(VENV)/.locked: locks/uv.txt locks/dev.txt $(UV)
	$(UV) pip sync --require-hashes locks/uv.txt locks/dev.txt
	@touch $@

$(VENV)/.installed: pyproject.toml $(VENV)/.locked
	$(UV) pip install --quiet --offline --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: venv
venv: $(VENV)/.installed ## Make .venv from the hashed locks

COMPILE := $(UV) pip compile --quiet --generate-hashes --universal --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade)

.PHONY: lock
lock: $(UV) ## Lock every library again; UPGRADE=1 takes newer versions
	$(COMPILE) locks/uv.in --output-file locks/uv.txt
	$(COMPILE) pyproject.toml --group dev --output-file locks/dev.txt
	for image in $(IMAGES); do \
	  $(COMPILE) pyproject.toml --group $$image --constraints locks/dev.txt --output-file locks/$$image.txt; \
	done
