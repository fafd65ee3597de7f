# Everything a newcomer types. Needs python3 (3.11 or newer) and make; node's npm for the real CLIs.

PYTHON ?= python3
JOBS ?= 4
ARGS ?=
VENV := .venv
PY := $(VENV)/bin/python
# A changed pyproject.toml or Python makes the environment anew.
MADE := $(VENV)/made-$(shell { cat pyproject.toml; $(PYTHON) --version; } 2>&1 | cksum | cut -d' ' -f1)

.PHONY: test lint demo bench torture schemas clean

# Both run, whatever the first says, and either fails the target.
test: $(MADE)
	@$(VENV)/bin/ruff check .; lint=$$?; $(PY) -m pytest -n $(JOBS) --durations=15 $(ARGS) && exit $$lint

lint: $(MADE)
	$(VENV)/bin/ruff check .

demo: $(MADE)
	@$(PY) -m dispatch_hooks demo $(ARGS)

bench: $(MADE)
	@$(PY) -m bench $(ARGS)

# Hours; ARGS="kill --minutes 20 --seed 7" runs one of them, shorter.
torture: $(MADE)
	@$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[torture]'
	@$(PY) -m tests.torture $(ARGS)

schemas: $(MADE)
	$(PY) -m dispatch_hooks.schemas

# The site, into build/docs. Its references come from the program itself; what is not as it should be fails.
docs: $(MADE)
	@$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	$(PY) -m tools.references
	@NO_MKDOCS_2_WARNING=1 DISABLE_MKDOCS_2_WARNING=true $(VENV)/bin/mkdocs build --strict --quiet
	@echo 'open build/docs/index.html'

clean:
	rm -rf $(VENV) .cache .pytest_cache .ruff_cache .hypothesis build dist

$(MADE):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "dispatch-hooks needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@
