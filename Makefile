# The verbs of this project; `make help` lists them, continuous integration runs the same ones.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := install
.PHONY: install demo test bench lint format docs lock clean help

install: $(READY) ## Set up .venv with the locked packages; the program is .venv/bin/glassdex

demo: $(READY) ## Index the texts that ship with glassdex and search them: no key, no server
	@$(BIN)/glassdex demo

test: $(READY) ## Run every test, with sockets to the outside blocked
	$(BIN)/pytest

bench: $(READY) ## Measure speed on the demo texts, as ratios within one run
	@$(BIN)/glassdex bench

lint: $(READY) ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY) ## Mend what can be mended automatically
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY) ## Write the command reference anew
	$(BIN)/python docs/make_reference.py

lock: $(READY) ## Pin every package anew, after a change to pyproject.toml
	$(BIN)/python -m pip install --quiet pip-tools
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --extra dev --strip-extras \
		--allow-unsafe --no-annotate --no-emit-index-url --no-emit-find-links \
		--no-emit-trusted-host --no-emit-options --output-file requirements.lock pyproject.toml
	@# Builds of torch differ by machine (+cpu, +cu130); the version is the same everywhere.
	sed -i.old 's/^\(torch==[0-9.]*\)+.*/\1/' requirements.lock && rm requirements.lock.old

clean: ## Remove .venv and everything that was built; indexes stay
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" \
		read -r name text; do printf '  make %-9s %s\n' "$$name" "$$text"; done

$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$(PYTHON) is older than 3.11: name a newer one, as in make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
