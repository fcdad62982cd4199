# `make` prints what there is.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

SERVICES := $(sort $(dir $(wildcard services/*/pyproject.toml infra/*/pyproject.toml)))
PROJECTS := $(addsuffix pyproject.toml,$(SERVICES))
BIN := .venv/bin
STAMP := .venv/.installed
# hadolint, helm, mkdocs and other programs for files; apart from what the platform runs on
TOOLS := .tools/.installed
SOURCES := $(wildcard services/*/src infra/*/src infra/lints infra/containers infra/docs infra/ansible/*.py infra/ansible/callback_plugins infra/ansible/trial)
# one by one: each has a conftest of its own
TESTS := $(dir $(wildcard services/*/tests/. services/*/tests/*/conftest.py infra/*/tests/. tests/*/*.py tests/*/*/*.py))
# tests that share nothing but the machine; the others start hubs whose students have the same uids, browsers, platforms
PARALLEL := --numprocesses=auto --maxprocesses=4 --dist=loadfile
PLAYBOOKS := services/backend-agent/src/wod_backend_agent/playbooks infra/ansible

.PHONY: help control tools demo demo-clean test lint types bench lighthouse screenshots fuzz docs check-backup check-containers check-install clean lock

help:
	@echo 'make demo        the whole platform on this machine, until Ctrl-C; portal at http://127.0.0.1:8080'
	@echo 'make control     .venv alone, with the Ansible that installs hosts; see infra/ansible/README.md'
	@echo 'make demo-clean  forget what the demo keeps (in WOD_DEMO_DIR, default var/demo)'
	@echo 'make test        everything that proves it works: lint, types, tests'
	@echo 'make lint        format, lint and types only'
	@echo 'make bench       measure the whole road on the real stack, and what the past costs; some quarter of an hour; into var/bench'
	@echo 'make lighthouse  what Lighthouse says of the first pages of the portal, into var/bench; npm and Chromium'
	@echo 'make screenshots  a picture of every page of the portal, at three widths, light and dark, into var/screenshots'
	@echo 'make fuzz        call the APIs with thousands of inputs of all kinds; WOD_FUZZ_EXAMPLES for each way of a route'
	@echo 'make docs        the documentation as a site, in var/site'
	@echo 'make check-backup  back a database up, restore it into a new one, compare every row'
	@echo 'make check-containers  build every Containerfile and run the platform from what was built; root, buildah, debootstrap'
	@echo 'make check-install  install it by its own README on a bare Debian, register, look at everything; root, debootstrap, slirp4netns'
	@echo 'make lock        choose the newest dependencies, write requirements.lock and requirements-tools.lock'
	@echo 'make clean       remove the virtual environment and caches'
	@echo
	@echo 'Settings from the environment: WOD_DEMO_DIR, WOD_NOTEBOOKS, WOD_PRIVATE, WOD_SEATS, WOD_PORTAL_PORT, ...; PYTHON'

$(STAMP): requirements.lock $(PROJECTS)
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { python=$$(infra/find_python) && "$$python" -m venv --clear .venv; }
	@echo 'Installing dependencies into .venv (some 40 s the first time)'
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-build-isolation --no-deps $(addprefix -e ,$(SERVICES))
	@touch $@

control: $(STAMP)

$(TOOLS): requirements-tools.lock | $(STAMP)
	@$(BIN)/python -m venv --clear .tools
	@.tools/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements-tools.lock
	@touch $@

tools: $(TOOLS)

demo: $(STAMP)
	@exec $(BIN)/python -m wod_demo

demo-clean: $(STAMP)
	@exec $(BIN)/python -m wod_demo clean

lint: $(STAMP)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/python infra/lints/check_house.py
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/ansible-lint -q $(PLAYBOOKS)
	@$(MAKE) --no-print-directory types

types: $(STAMP)
	$(BIN)/mypy $(SOURCES)
	@for tests in $(sort $(TESTS)); do \
	  case $$tests in services/*/tests/) below='^services/[^/]+/tests/[^/]+/';; *) below='^$$';; esac; \
	  $(BIN)/mypy --no-error-summary --exclude "$$below" $$tests || exit 1; \
	done

test: $(STAMP) $(TOOLS)
	@began=$$SECONDS result=0; \
	$(MAKE) --no-print-directory lint || exit; \
	$(BIN)/python -m pytest $(PARALLEL) services || result=$$?; \
	$(BIN)/python -m pytest infra tests || result=$$?; \
	echo "make test: $$((SECONDS - began)) s, $$([ $$result = 0 ] && echo passed || echo FAILED)"; exit $$result

bench: $(STAMP)
	@$(BIN)/python tests/load/bench_rendering.py
	@$(BIN)/python tests/load/bench_road.py
	@$(BIN)/python tests/load/bench_burst.py
	@$(BIN)/python tests/load/bench_portal.py
	@exec $(BIN)/python tests/load/bench_scale.py

lighthouse: $(STAMP)
	@exec $(BIN)/python tests/load/bench_lighthouse.py

screenshots: $(STAMP)
	@exec $(BIN)/python services/frontend/tests/screenshots.py

fuzz: $(STAMP)
	@WOD_FUZZ_EXAMPLES=$${WOD_FUZZ_EXAMPLES:-100} $(BIN)/python -m pytest -q services/api-db/tests/test_rest_fuzzed.py

docs: $(STAMP) $(TOOLS)
	@$(BIN)/python infra/docs/build_site.py && echo 'The site is in var/site: open var/site/index.html'

check-backup: $(STAMP)
	@exec $(BIN)/python -m pytest -q services/api-db/tests/test_database_backup.py

check-containers: $(STAMP)
	@exec $(BIN)/python infra/containers/check_containers.py

check-install: $(STAMP)
	@exec $(BIN)/python infra/ansible/trial/check_install.py

# hatchling and editables build the services without reaching out: they are in the group dev
lock:
	@python=$$(infra/find_python); room=$$(mktemp -d); trap 'rm -rf "$$room"' EXIT; \
	"$$python" -m venv "$$room" && "$$room/bin/pip" install -qq --disable-pip-version-check uv && \
	"$$room/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-header --no-annotate --no-emit-package wod-common \
	  $(PROJECTS) pyproject.toml --group dev -o requirements.lock && \
	"$$room/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-header --no-annotate --group pyproject.toml:tools -o requirements-tools.lock

clean:
	rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find services infra tests -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
