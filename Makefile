# `make` lists what there is. Needs: Python 3.11 to 3.13 with venv, make. Everything else is installed into .venv.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python
# Half of the time tests wait for programs; so three at a time on two cores. What fails then goes once more, alone.
PARALLEL := -n 3 --dist loadfile
again = { echo "Once more, alone, what failed:"; $(RUN) -m pytest -m $(1) --last-failed --last-failed-no-failures none; }

# uv links locked packages from its cache; where it cannot reach the index (a mirror set for pip only), pip does it.
define install
	test -x $(RUN) || $(PYTHON) -m venv $(VENV) || { echo "No venv module: apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	$(BIN)/uv pip install --quiet --python $(RUN) --require-hashes -r $(1) \
	  || $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $(1)
	touch $@
endef

.PHONY: help install demo up test nightly check fix lock bench test-docker lab faults lint types layers generated schema migrations clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(VENV)/local.stamp: requirements/local.txt requirements/bootstrap.txt
	@$(call install,requirements/local.txt)

$(VENV)/dev.stamp: requirements/dev.txt requirements/bootstrap.txt
	@$(call install,requirements/dev.txt)
	@touch $(VENV)/local.stamp

install: $(VENV)/dev.stamp ## Install everything for development into .venv

demo: $(VENV)/local.stamp ## Break the reference stack, file a bug report, watch the diagnosis (ARGS=--exit ends by itself)
	@$(RUN) -m awe_incidents.local demo $(ARGS)

up: $(VENV)/local.stamp ## Run the service here with its embedded PostgreSQL and Redis
	@$(RUN) -m awe_incidents.local up $(ARGS)

test: $(VENV)/dev.stamp ## Run the tests (ARGS="-k name" for some)
	@$(RUN) -m pytest $(PARALLEL) -m "not docker and not network" $(ARGS) || $(call again,"not docker and not network")

nightly: $(VENV)/dev.stamp ## Try starts, races and kills of recovery in full numbers (AWE_RECOVERY_SEED=N draws a night again)
	@AWE_RECOVERY_STARTS=1000 AWE_RECOVERY_RACES=1000 AWE_RECOVERY_KILLS=200 $(RUN) -m pytest -s \
	  tests/recovery/test_messages.py tests/recovery/test_lost_workers.py tests/recovery/test_deciding.py $(ARGS)

check: $(VENV)/dev.stamp lint types layers migrations generated ## The one gate: exactly what CI runs
	@export AWE_NO_NEEDLESS_SKIPS=1; \
	  $(RUN) -m pytest $(PARALLEL) -m "not docker" --cov --cov-report=term:skip-covered $(ARGS) || $(call again,"not docker")

lint: $(VENV)/dev.stamp
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(VENV)/dev.stamp
	@AWE_ENV=development $(BIN)/mypy .

layers: $(VENV)/dev.stamp
	@AWE_ENV=development $(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports

migrations: $(VENV)/dev.stamp
	@AWE_ENV=development AWE_DB_POOL=0 $(RUN) -W ignore manage.py makemigrations --check --dry-run > /dev/null \
	  || { echo "Models and migrations differ: run manage.py makemigrations and give the migration a name" >&2; exit 1; }

generated: $(VENV)/dev.stamp ## Compare the generated documents (diagrams, API schema) with what is committed
	@$(RUN) docs/generate.py --check

fix: $(VENV)/dev.stamp ## Repair what can be repaired: format, imports, generated documents
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format . ; $(RUN) docs/generate.py

bench: $(VENV)/dev.stamp ## Measure, print a table, append to bench/results.jsonl (ARGS=name for one)
	@$(RUN) -m bench $(ARGS)

test-docker: $(VENV)/dev.stamp ## Install and start a Docker Engine where none answers, then run the tests that need one
	@$(RUN) -m deploy.awe lab engine -- $(RUN) -m pytest -m docker $(ARGS) \
	  || $(RUN) -m deploy.awe lab engine -- bash -c '$(call again,docker)'

lab: $(VENV)/dev.stamp ## Build and start the reference stack in containers (installs and starts an engine where none answers)
	@$(RUN) -m deploy.awe lab up $(ARGS)

faults: $(VENV)/dev.stamp ## Break the lab in every way it knows, have it diagnosed, note what was found (ARGS="db-down ..." for some)
	@$(RUN) -m deploy.awe lab up && $(RUN) -m tests.faults $(ARGS); code=$$?; $(RUN) docs/generate.py; exit $$code

lock: $(VENV)/dev.stamp ## Lock requirements/*.in into hashed *.txt
	@deploy/lock.sh $(BIN)/uv

clean: ## Remove caches and the embedded data (stop `make up` first)
	@test ! -x $(RUN) || $(RUN) -m awe_incidents.local reset --yes
	@rm -rf .local .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
