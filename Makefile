# Everything a newcomer needs is `make demo` and `make test`; `make help` lists the rest.
PYTHON ?= python3
BIN := .venv/bin
# A file's tests stay in one process; without -n they all run in one, which must pass too.
UNIT := tests --ignore=tests/lab --ignore=tests/trial -n auto --dist loadfile
# Compiled tests are kept, whatever the caller's shell says: compiling them takes as long as a tenth of the tests.
FAST := PYTHONDONTWRITEBYTECODE= tests/in_memory.sh $(BIN)/pytest
.DEFAULT_GOAL := help
.PHONY: help install check tools unit coverage test trial demo board bench lock lab-up lab-down clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: .venv/ready ## create .venv with the locked packages

.venv/ready: requirements.lock pyproject.toml
	@./install.sh "$(PYTHON)"
	@touch $@

check: .venv/ready ## format, lint, types, import contract
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

tools: .venv/ready ## build kustomize and Helm, which tests render with; once, it takes minutes
	@$(BIN)/python -m lab.rendering_tools

unit: tools ## the fast tests: need nothing but Git, kustomize and Helm
	$(FAST) $(UNIT) -m "not slow"

# What decides over a release or a deletion is tested in every branch. A file is added by its name.
DECISIONS := headway/domain/objects/pruning.py headway/domain/releases/next_step.py

coverage: .venv/ready ## branch coverage of the domain, by file; decisions must have all of it
	$(BIN)/pytest tests/domain --cov=headway/domain --cov-branch --cov-report=term-missing:skip-covered
	@for file in $(DECISIONS); do \
	  $(BIN)/coverage report --include="$$file" --show-missing --fail-under=100 || \
	  { echo "$$file: every branch of it must be tested" >&2; exit 1; }; done

test: check tools ## all checks and tests: the fast ones first, then those on the lab, which it starts
	$(FAST) $(UNIT) --hypothesis-profile=thorough
	$(BIN)/python -m lab up
	$(BIN)/pytest tests/lab

trial: .venv/ready ## several machines: servers and workers from headway's image, some killed in the middle (10 minutes)
	$(BIN)/python -m lab up
	$(BIN)/pytest tests/trial

demo: .venv/ready ## release, break, roll back and rebuild a small shop on a real Kubernetes on this machine
	@$(BIN)/python -m examples.shop.demo

board: .venv/ready ## the board of the demo's shop, at http://127.0.0.1:8642/ until Ctrl-C
	@$(BIN)/python -m examples.shop.board

bench: .venv/ready ## run every benchmark next to its baseline
	$(BIN)/python -m lab up
	$(BIN)/python -m benchmarks

lock: ## pin the dependencies again
	uv pip compile --quiet --generate-hashes --no-emit-index-url --python-version 3.11 --extra dev \
	  --custom-compile-command "make lock" --output-file requirements.lock pyproject.toml
	uv pip compile --quiet --generate-hashes --no-emit-index-url --python-version 3.11 --extra scale \
	  --custom-compile-command "make lock" --output-file deployments/image/requirements.lock pyproject.toml

lab-up: .venv/ready ## start the lab: Kubernetes, registry, Docker engine, Git, Prefect
	$(BIN)/python -m lab up

lab-down: .venv/ready ## stop the lab: no process and no mount is left
	$(BIN)/python -m lab down

clean: ## remove what was made here (for the lab's state, see `python -m lab --help`)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage build *.egg-info
