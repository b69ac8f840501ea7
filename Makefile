# `make` prints the targets. Each of them installs what it needs by itself, into .venv, and only when something changed.
#
#   PYTHON=/path/to/python     an interpreter of your choice (3.11 or later)
#   TORCH_INDEX=https://...    where PyTorch comes from (README: which index has the CPU and which the CUDA build)
#   ARGS="..."                 further arguments of pytest (test) or of the recipe (demo)

PATH ?= /usr/local/bin:/usr/bin:/bin
export PATH

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TORCH := torch==2.13.0
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# The interpreter the pins are tested with comes first.
CANDIDATES := $(if $(PYTHON),$(PYTHON),python3.11 python3.12 python3.13 python3.14 python3)
FIT := import sys; sys.exit(sys.version_info < (3, 11))
WHOLE := import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))

# The first interpreter that is new enough and can make a virtual environment; or one that can with its own pip's help.
define MAKE_ENVIRONMENT
for python in $(CANDIDATES); do \
    if "$$python" -c '$(WHOLE)' >/dev/null 2>&1; then "$$python" -m venv --clear $(VENV); exit; fi; \
done; \
for python in $(CANDIDATES); do \
    if "$$python" -c '$(FIT)' >/dev/null 2>&1; then \
        if "$$python" -m pip --version >/dev/null 2>&1 && "$$python" -m venv --clear --without-pip $(VENV) \
            && "$$python" -m pip --python $(VENV)/bin/python install --quiet pip; then exit 0; fi; \
        rm -rf $(VENV); \
        echo "$$("$$python" -V) cannot make virtual environments here." >&2; \
        echo "→ on Debian or Ubuntu: apt install python3-venv; or name another: make PYTHON=/path/to/python" >&2; \
        exit 1; \
    fi; \
done; \
echo "Ontogeny needs Python 3.11 or later; found: $$($(lastword $(CANDIDATES)) -V 2>&1 || echo none)." >&2; \
echo "→ install one (https://www.python.org/downloads/), or name it: make PYTHON=/path/to/python" >&2; \
exit 1
endef

# Another index than last time means another build of PyTorch.
ifneq ($(TORCH_INDEX),)
ifneq ($(TORCH_INDEX),$(shell cat $(VENV)/.torch-index 2>/dev/null))
.PHONY: $(STAMP)
endif
endif

.PHONY: help install demo test lint bench docs
.DEFAULT_GOAL := help

help:
	@echo "make demo      a language model's whole life on this machine, about ten minutes"
	@echo "make test      the tests"
	@echo "make lint      ruff (rules and format) and mypy"
	@echo "make bench     every benchmark that needs no data of yours, into benchmarks/results/ (hours)"
	@echo "make docs      the documentation as a site, into site/"
	@echo "make install   only what the others call: .venv with everything in it"

install: $(STAMP)
	@echo "Ready: .venv is up to date."

demo: $(STAMP)
	$(BIN)/ontogeny run recipes/python-tutor.yaml $(ARGS)

test: $(STAMP)
	@$(BIN)/python -m pytest $(ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(STAMP)
	$(BIN)/python -m benchmarks.run_all $(ARGS)

docs: $(STAMP)
	$(BIN)/zensical build --clean --strict

$(STAMP): pyproject.toml constraints.txt
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { $(MAKE_ENVIRONMENT); }
	@echo "Installing into $(VENV), PyTorch first (once; a few minutes)"
	@$(PIP) install $(if $(TORCH_INDEX),--force-reinstall --index-url $(TORCH_INDEX),-c constraints.txt) $(TORCH)
	@$(PIP) install -c constraints.txt -e '.[dev]'
	@echo "$(TORCH_INDEX)" > $(VENV)/.torch-index
	@touch $@
