# Needs Python 3.11 or newer, make and a package index; everything else is made here.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt
RUN ?= runs/demo
SEEDS ?= 0

.PHONY: demo behave comparison test check lint audit bench campaign docs clean help

help:
	@echo "make demo   compare the embedded model with its reasoning-trained twin and a control that learnt the same form without reasoning; prints the page to open"
	@echo "make behave confidence, pressure, depth of a chain and thinking of the embedded model's reasoning-trained twin; not part of the demo"
	@echo "make comparison  the same in full, with three seeds of the training and of its control"
	@echo "make test   the tests; with THOROUGH=1 some hundred longer ones more, as make check does"
	@echo "make check  ruff, strict type checking, known holes in dependencies and all tests"
	@echo "make campaign  damaged files, kills and full disks, drawn by SEEDS=0,1,2; ten times as many with FULL=1; PARTS=gguf,pages for some of it,"
	@echo "               RESULTS=file collects what ran at several times (TABLE=1: its table alone), WRITE=docs/security.md keeps the table"
	@echo "make bench  speed and memory against what you would otherwise write"
	@echo "make docs   the pages of docs/ as a site with search: .make/site/index.html"

# A first look wants to see the page: --open, which opens nothing without a terminal and a display. STRATA_OPEN=0 leaves it closed.
demo: export STRATA_OPEN ?= 1
demo: $(VENV)/.core
	$(BIN)/strata compare smollm2 smollm2+think --control smollm2+filler --quick --out $(RUN)

behave: $(VENV)/.core
	$(BIN)/strata behave smollm2+think --out $(RUN)-behave

comparison: $(VENV)/.core
	$(BIN)/strata compare smollm2 smollm2+think --distilled-seeds smollm2+think-1,smollm2+think-2 \
	  --control smollm2+filler --control-seeds smollm2+filler-1,smollm2+filler-2 --out $(RUN)-seeds

# In the order of the files: xdist's own begins with those of many tests, and the longest tests would be the last to begin.
# What is imported is compiled once: the workers and some forty programs that tests start would each do it anew.
test: $(VENV)/.test
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder $(if $(THOROUGH),,-m "not thorough")

lint: $(VENV)/.check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	.ci/types $(BIN)/mypy

audit: $(VENV)/.check
	.ci/audit $(BIN)/python

check: THOROUGH = 1
check: lint audit test

bench: $(VENV)/.test
	$(BIN)/strata bench

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

campaign: $(VENV)/.test
	PYTHONPATH=tests:tests/probes/checkpoints:tests/dashboards:tests/end_to_end $(BIN)/python -m campaign --seeds $(SEEDS) $(if $(FULL),--trials 80) \
	  $(if $(PARTS),--parts "$(PARTS)") $(if $(RESULTS),--results $(RESULTS)) $(if $(TABLE),--table) $(if $(WRITE),--write $(WRITE))

# A stamp a set of dependencies: a second call finds it newer than pyproject.toml and installs nothing. A larger set holds
# the smaller ones.
DECLARED := pyproject.toml constraints.txt

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Strata needs Python 3.11 or newer: make PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: $(DECLARED) | $(BIN)/python
	$(PIP) -e .
	touch $@

$(VENV)/.test: $(DECLARED) | $(BIN)/python
	$(PIP) -e '.[test]'
	touch $(VENV)/.core $@

$(VENV)/.check: $(DECLARED) | $(BIN)/python
	$(PIP) -e '.[check]'
	touch $(VENV)/.core $(VENV)/.test $@

$(VENV)/.docs: $(DECLARED) | $(BIN)/python
	$(PIP) -e '.[docs]'
	touch $(VENV)/.core $@

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
