# The collection's front door: `make help` lists what it does. Everything made here lies in .build/.

PYTHON ?= python3.11
BUILD  := $(CURDIR)/.build
VENV   := $(BUILD)/venv

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- Set-up: stamps in .build keep a repeated run from installing again ------------------------------------------------

$(VENV)/.demo: requirements.txt requirements-demo.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install -qq --upgrade -r requirements-demo.txt
	@touch $@

# uv installs the tools in seconds where pip takes most of a minute; where it reaches no index, pip does it.
$(VENV)/.dev: requirements-dev.txt $(VENV)/.demo
	$(VENV)/bin/pip install -qq uv
	VIRTUAL_ENV=$(VENV) $(VENV)/bin/uv pip install -qq -r requirements-dev.txt \
	  || $(VENV)/bin/pip install -qq -r requirements-dev.txt
	@touch $@

.PHONY: venv
venv: $(VENV)/.dev ## set up the tools in .build/venv

.PHONY: tree
tree: ## copy the collection to .build/ansible_collections, where Ansible finds it
	@$(PYTHON) tests/gates/tree.py $(BUILD)

.PHONY: clean
clean: ## remove .build
	rm -rf $(BUILD)
