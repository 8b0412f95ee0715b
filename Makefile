# Everything a user types: each target sets up what it needs.
SHELL := /bin/bash
.DEFAULT_GOAL := help

SIZE ?= demo
EXPERIMENT ?= climate_scda
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONDONTWRITEBYTECODE := 1
SNAKEMAKE = snakemake --profile profiles/local
# Last on the line: what follows --config is taken for settings.
SETTINGS = --config experiment=$(EXPERIMENT) size=$(SIZE) $(CONFIG)
RESULTS = results/$(EXPERIMENT)/$(SIZE)

.PHONY: help setup setup-test run run-real figures report test verify bench lint format slurm-profile unlock clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup:  ## system packages where possible, and the locked environment in .venv
	@tools/setup.sh

setup-test:
	@tools/setup.sh test

run: setup  ## the climate experiment from nothing to figures (SIZE=test|demo|standard|paper)
	@set -e; $(SNAKEMAKE) $(TARGETS) $(SETTINGS); \
	 $(SNAKEMAKE) --report $(RESULTS)/report.zip --quiet all $(SETTINGS) >/dev/null 2>&1 || echo "No Snakemake report: see $(RESULTS)/"; \
	 python -m pipeline summary $(RESULTS)

run-real: setup  ## the same with real sea surface temperatures (ERSSTv5)
	@$(MAKE) --no-print-directory run EXPERIMENT=climate_scda_real

figures: setup  ## draw every figure anew from what has been computed
	@$(SNAKEMAKE) figures $(SETTINGS)

report: setup  ## the Snakemake report
	@$(SNAKEMAKE) --report $(RESULTS)/report.zip $(SETTINGS)

test: setup-test  ## set up, then run every test
	@python -m pytest $(PYTEST_ARGS)

verify: setup  ## the climate model's verification against published solutions, long tests included
	@python -m pipeline verify climate

bench: setup  ## benchmarks: make bench AREA=workflow
	@test -f bench/$(AREA).py || { echo "make bench AREA=... ; choose one of: $$(ls bench/*.py | xargs -n1 basename -s .py | tr '\n' ' ')"; exit 2; }
	@python bench/$(AREA).py

lint: setup-test  ## style, layers, Fortran and Snakemake formatting
	@ruff check . && ruff format --check . && lint-imports && snakefmt --check Snakefile workflow && \
	 fortitude check fortran && snakemake --lint --config size=test >/dev/null

format: setup-test
	@ruff check --fix . ; ruff format . ; snakefmt Snakefile workflow

slurm-profile:  ## link profiles/slurm, so that `snakemake --profile slurm` finds it
	@mkdir -p $${XDG_CONFIG_HOME:-$$HOME/.config}/snakemake
	@ln -sfn $(CURDIR)/profiles/slurm $${XDG_CONFIG_HOME:-$$HOME/.config}/snakemake/slurm
	@echo "linked $${XDG_CONFIG_HOME:-$$HOME/.config}/snakemake/slurm -> $(CURDIR)/profiles/slurm"

unlock: setup  ## after a killed run, if Snakemake says that the directory is locked
	@$(SNAKEMAKE) --unlock $(SETTINGS)

clean:  ## remove what was built and computed
	rm -rf build results .snakemake
