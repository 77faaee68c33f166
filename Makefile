# Each target does all of its set-up: on a bare Debian 12 with Python 3.11 and gcc, `make run` ends with a
# gateway that answers calls. What takes long is cached in OFFHOOK_CACHE (default ~/.cache/offhook).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
TEST_PACKAGES := sip-tester baresip-core espeak-ng sox

.PHONY: run setup test unit interop lint types format bench clean test-packages

run: setup
	$(BIN)/offhook serve $(ARGS)

setup: $(STAMPS)/python $(STAMPS)/pjsua2 $(STAMPS)/models

$(BIN)/python:
	@$(PYTHON) -m venv $(VENV) || { \
	  if [ "$$(id -u)" = 0 ]; then \
	    apt-get update --quiet && apt-get install --yes --quiet python3-venv python3-dev \
	      && $(PYTHON) -m venv $(VENV); \
	  else echo "python3-venv is missing; as root: apt-get install python3-venv python3-dev" >&2; exit 1; fi; }

$(STAMPS)/python: pyproject.toml | $(BIN)/python
	@mkdir -p $(STAMPS)
	@echo "python packages"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[local,plot,dev]'
	@touch $@

$(STAMPS)/pjsua2: telephony/build/__main__.py telephony/build/source.py telephony/build/config_site.h | $(STAMPS)/python
	@$(BIN)/python -m telephony.build $(if $(TARBALL),--tarball $(TARBALL))
	@touch $@

$(STAMPS)/models: agents/local/assets.py | $(STAMPS)/python
	@echo "models"
	@$(BIN)/python -m agents.local.assets --fetch
	@touch $@

test-packages:
	@missing=""; for name in $(TEST_PACKAGES); do \
	  dpkg-query --show --showformat='$${db:Status-Abbrev}' $$name 2>/dev/null | grep -q '^ii' || missing="$$missing $$name"; done; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ]; then \
	    echo "test packages:$$missing"; \
	    DEBIAN_FRONTEND=noninteractive apt-get update --quiet=2 \
	      && DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet=2 --no-install-recommends $$missing >/dev/null; \
	  else echo "for all tests, as root: apt-get install$$missing" >&2; fi; \
	fi

test: setup test-packages lint types
	$(BIN)/python -m pytest -m "not load" $(ARGS)

unit: setup
	$(BIN)/python -m pytest tests/unit $(ARGS)

interop: setup test-packages
	$(BIN)/python -m pytest tests/interop $(ARGS)

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup
	$(BIN)/mypy

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup test-packages
	$(BIN)/python -m tests.load.bench $(ARGS)

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
