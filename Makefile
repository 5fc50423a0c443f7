# On a fresh machine with git, make and python3 >= 3.11 each of these makes .venv, installs, and does its job.
SHELL   := /bin/sh
BIN     := .venv/bin
STAMP   := .venv/.installed
PYTHONS  = $(PYTHON) python3 python3.13 python3.12 python3.11
PROFILE ?= quick
# one thread a process: more threads change the last digits
export OMP_NUM_THREADS := 1
export MKL_NUM_THREADS := 1
# notebooks run in their own folder, so the data folder must not be relative to this one
ifneq ($(SKELALIGN_DATA),)
export SKELALIGN_DATA := $(shell cd "$(SKELALIGN_DATA)" 2>/dev/null && pwd || printf %s "$(SKELALIGN_DATA)")
endif

.PHONY: help install test reports readme lab docs clean
help:    ## this list
	@echo 'usage: make TARGET   (PYTHON=... names the python to make .venv with)'
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-15s %s\n", $$1, $$2 }'

install: $(STAMP)    ## .venv with everything of settings.ini, at the versions of constraints.txt
$(STAMP): settings.ini constraints.txt setup.py pyproject.toml
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { \
	  for p in $(PYTHONS); do \
	    $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue; \
	    echo "making .venv with $$p ($$($$p --version))"; exec $$p -m venv --clear .venv; \
	  done; \
	  echo 'skelalign needs Python 3.11 or newer and found none among: $(PYTHONS). Install one, or name it: make PYTHON=/path/to/python3' >&2; exit 1; }
	@echo 'installing into .venv (about a minute the first time)'
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt torch -e '.[dev]'
	@touch $(STAMP)

test: $(STAMP)    ## notebooks and modules in step, every notebook run, then pytest
	@$(BIN)/python tests/gates.py
	$(BIN)/nbdev_test --n_workers 2 --do_print --timing
	$(BIN)/python -m pytest tests

reports: $(STAMP)    ## every table of reports/quick; PROFILE=full, JOBS=2, ARGS="main --force" are passed on
	$(BIN)/python -m skelalign.reports $(ARGS) --profile $(PROFILE) $(if $(JOBS),--jobs $(JOBS))
	@$(BIN)/python -m skelalign.reports --readme

readme: $(STAMP)    ## the headline table of README.md, again from reports/*.csv
	@$(BIN)/python -m skelalign.reports --readme

lab: $(STAMP)    ## JupyterLab on nbs/; notebooks are cleaned as they are saved
	JUPYTER_CONFIG_PATH="$(CURDIR)/.ci" $(BIN)/jupyter lab $(ARGS) nbs

docs: $(STAMP)    ## the notebooks as web pages: _docs/index.html
	@$(BIN)/python .ci/docs.py

clean:    ## remove .venv and everything else that can be made again
	rm -rf .venv _docs _proc build dist .pytest_cache .hypothesis *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} + -o -name .ipynb_checkpoints -prune -exec rm -rf {} +
