# A fresh machine needs Python 3.11 or later with pip and venv, GNU make and git. Everything goes into .venv/ and build/.
# Every path is relative, so that a checkout whose path has spaces works too.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
# The first of these that runs and is new enough makes .venv; `make PYTHON=…` chooses another.
PYTHON ?=
PYTHONS := python3.11 python3.12 python3.13 python3.14 python3
PIP_INSTALL := $(PY) -m pip install -qq --disable-pip-version-check --constraint constraints.txt
FOLDERS := flows storage integrations diagrams
SOURCES := $(shell find $(FOLDERS) -type f ! -name '*.pyc' ! -name '* *' 2>/dev/null)
SITE := PYTHONPATH=. DJANGO_SETTINGS_MODULE=tests.support.testsite.settings

# What a caller may add: `make test PYTEST_ARGS="-k login"`, `make demo DEMO_ARGS="--port 9000"`, …
PYTEST_ARGS ?=
DEMO_ARGS ?=
BENCH_ARGS ?=
PROFILE ?= quick
PROVE_ARGS ?=
CHAOS_ARGS ?=
FUZZ_ARGS ?=
MUTANTS_ARGS ?=
PROVIDERS_ARGS ?=
NOX_ARGS ?=
UNRELEASED ?=
JOBS ?= auto

# Seconds on two quiet cores: only a whole run has a budget.
SQLITE_WHOLE := $(if $(PYTEST_ARGS),,--budget=260)
POSTGRESQL_WHOLE := $(if $(PYTEST_ARGS),,--budget=190)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

##@ Use
.PHONY: demo
demo: $(VENV)/.demo ## Run the demo site and the Auth0 emulator; prints the address and who can sign in
	$(PY) -m stateful_oauth.demo $(DEMO_ARGS)

.PHONY: demo-smoke
demo-smoke: $(VENV)/.demo ## Start the demo, fetch its pages once, stop
	$(PY) -m stateful_oauth.demo --smoke $(DEMO_ARGS)

##@ Tests
.PHONY: test
test: test-sqlite test-postgresql ## Run the tests: all on SQLite, then those of the database again on PostgreSQL

.PHONY: test-sqlite
test-sqlite: $(VENV)/.dev ## Run the tests on SQLite
	$(PY) -m pytest -n $(JOBS) -m "not browser and not slow" --durations=10 $(SQLITE_WHOLE) $(PYTEST_ARGS)

.PHONY: test-slow
test-slow: $(VENV)/.dev ## Run the tests that take long, on both databases: every path and order, databases that fail, workers elsewhere
	$(PY) -m pytest -n $(JOBS) -m "slow and not browser" $(PYTEST_ARGS)
	$(PY) -m pytest -n $(JOBS) -m "slow and (database or database_in_ci) and not browser" --database=postgresql $(PYTEST_ARGS)

.PHONY: test-postgresql
test-postgresql: $(VENV)/.dev ## Run the tests marked `database` on a PostgreSQL that they start themselves
	$(PY) -m pytest -n $(JOBS) -m "database and not database_in_ci and not browser and not slow" --database=postgresql --durations=10 $(POSTGRESQL_WHOLE) $(PYTEST_ARGS)

.PHONY: test-postgresql-rest
test-postgresql-rest: $(VENV)/.dev ## Run those on PostgreSQL, too, whose statements `make test` has tried there with others
	$(PY) -m pytest -n $(JOBS) -m "database_in_ci and not browser and not slow" --database=postgresql $(PYTEST_ARGS)

.PHONY: test-browser
test-browser: $(VENV)/.browser ## Run the demo in a real browser (needs Chromium and its driver)
	REQUIRE_BROWSER=1 $(PY) -m pytest -n $(JOBS) -m browser tests/browser $(PYTEST_ARGS)

.PHONY: chaos
chaos: $(VENV)/.dev ## Kill worker processes at every crash point and at random, recover, compare with the ledger
	$(PY) -m tests.proofs.chaos.run $(CHAOS_ARGS)

.PHONY: explore
explore: $(VENV)/.dev ## Try every order of two tabs, a second delivery and a crash, for each flow; prints how many
	$(PY) -m pytest -n $(JOBS) -m slow tests/proofs/explorer -k "not goes_wrong" $(PYTEST_ARGS)

.PHONY: fuzz
fuzz: $(VENV)/.dev ## Send random requests and answers; FUZZ_ARGS="--fuzz-seed=2 --fuzz-rounds=50" draws others, and more
	$(PY) -m pytest -n $(JOBS) -m slow tests/proofs/fuzz $(FUZZ_ARGS)

.PHONY: test-providers
test-providers: build/providers/.stamp ## Sign in at OpenID Providers from PyPI and npm; prints the table of docs/providers-run.md
	PYTHONPATH=. $(PY) -m tests.proofs.providers.run $(PROVIDERS_ARGS)

.PHONY: mutants
mutants: $(VENV)/.dev ## Break the code on purpose, in more than a hundred ways, and see the tests fail; prints table and score
	$(PY) -m tests.proofs.mutants.run $(MUTANTS_ARGS)

.PHONY: prove
prove: $(VENV)/.dev ## Draw scenarios of everything that can happen: PROFILE=quick, ci or deep; PROVE_ARGS="--seconds 3600"
	$(SITE) $(PY) -m stateful_oauth.testing --world tests.support.our_world.OurWorld --profile $(PROFILE) $(PROVE_ARGS)

.PHONY: matrix
matrix: $(VENV)/.dev ## Run the tests on every supported Python and Django that this machine has
	$(PY) -m nox $(NOX_ARGS)

.PHONY: bench
bench: $(VENV)/.dev ## Run the benchmarks
	$(PY) -m tests.budgets.benchmarks.run $(BENCH_ARGS)

.PHONY: bench-admin
bench-admin: $(VENV)/.dev ## Open the operators' pages beside 1 000, 100 000 and 1 000 000 finished rows
	$(PY) -m tests.budgets.benchmarks.admin $(BENCH_ARGS)

##@ Checks
.PHONY: check
check: lint types imports migrations check-diagrams check-docs check-django ## Run every check below

.PHONY: lint
lint: $(VENV)/.dev ## Lint and formatting
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

.PHONY: types
types: build/installed/.stamp ## Types of the package as installed (from a wheel, not from the checkout)
	@MYPYPATH=build/installed $(PY) -m mypy -p stateful_oauth >build/types.txt; status=$$?; \
	sed 's|^build/installed/stateful_oauth/||' build/types.txt; exit $$status

.PHONY: imports
imports: $(VENV)/.dev ## Which package may import which
	$(BIN)/lint-imports --no-cache

.PHONY: migrations
migrations: $(VENV)/.dev ## No model change lacks its migration
	$(SITE) $(PY) -m django makemigrations --check --dry-run

.PHONY: check-diagrams
check-diagrams: $(VENV)/.dev ## The committed diagrams are the code's own
	$(PY) -m stateful_oauth.diagrams --check

.PHONY: check-docs
check-docs: $(VENV)/.dev ## The generated documents are the code's own
	@for generator in $(GENERATED_DOCS); do echo "$(PY) -m $$generator --check"; $(PY) -m $$generator --check || exit 1; done

.PHONY: check-django
check-django: $(VENV)/.dev ## Django's system checks, and no warning of Python
	$(SITE) $(PY) -W error -m django check --fail-level WARNING

##@ Generated files
# Modules that write a document, and with --check only compare it. Add one, and `docs` and `check-docs` run it.
GENERATED_DOCS := docs.conformance docs.error_codes docs.diagram_style docs.security_checklist docs.travelled docs.longest_requests

.PHONY: docs
docs: $(VENV)/.dev ## Write the generated documents
	@for generator in $(GENERATED_DOCS); do echo "$(PY) -m $$generator"; $(PY) -m $$generator || exit 1; done

.PHONY: site
site: $(VENV)/.docs ## Build the documentation as a site, build/site/index.html; a warning or a dead link fails
	$(SITE) $(PY) -m docs.site.build

.PHONY: diagrams
diagrams: $(VENV)/.dev ## Draw the diagrams
	$(PY) -m stateful_oauth.diagrams

.PHONY: upgrades
upgrades: $(VENV)/.dev ## Lock today's definitions, and write rows of those that are new; UNRELEASED=1: of all of today's
	$(PY) -m tests.proofs.upgrades.generate $(if $(UNRELEASED),--unreleased)

.PHONY: hooks
hooks: $(VENV)/.dev ## Install the git hooks of this clone: lint, format, imports, documents, commit subject
	$(PY) -m pre_commit install

.PHONY: format
format: $(VENV)/.dev ## Format the code, and fix what the linter can fix
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

.PHONY: dist
dist: build/dist/.stamp ## Build the sdist, and from it the wheel, into build/dist/

.PHONY: release-check
release-check: $(VENV)/.dev ## Check what would be released: clean clone, same bytes twice, installed, demo, tutorial, SBOM
	$(PY) .ci/release_check.py

.PHONY: constraints
constraints: ## Write constraints.txt anew, from the newest versions that pyproject.toml allows
	rm -rf build/constraints && mkdir -p build
	$(FIND_PYTHON); "$$python" -m venv build/constraints
	build/constraints/bin/python -m pip install -qq --upgrade pip setuptools
	build/constraints/bin/python -m pip install -qq -e '.[demo]' --group dev --group browser --group docs
	{ sed '/^[^#]/,$$d' constraints.txt; build/constraints/bin/python -m pip freeze --all --exclude-editable; } >build/constraints.txt
	! grep -E '@|://|/' build/constraints.txt
	mv build/constraints.txt constraints.txt
	rm -rf build/constraints

.PHONY: clean
clean: ## Remove everything that make made, .venv too
	rm -rf $(VENV) .nox build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find $(FOLDERS) tests -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help: ## Say what there is
	@awk 'BEGIN { FS = ":.*## " } /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

# ---- How things are installed. A stamp is newer than what it was made from; nothing happens when it still is. ----

FIND_PYTHON = for python in $(if $(PYTHON),"$(PYTHON)",$(PYTHONS)); do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; python=; done; \
	[ -n "$$python" ] || { echo "Python 3.11 or later is needed: make PYTHON=/path/to/python" >&2; exit 1; }

# An environment that works is kept, also one that you made yourself; a broken or half-made one is made again.
$(VENV)/.base: constraints.txt
	@$(PY) -m pip --version >/dev/null 2>&1 || { $(FIND_PYTHON); \
	echo "Making $(VENV) with $$("$$python" --version)"; "$$python" -m venv --clear $(VENV); }
	@$(PIP_INSTALL) --upgrade pip setuptools
	@touch $@

$(VENV)/.demo: $(VENV)/.base pyproject.toml .ci/editable.py
	@echo "Installing the demo into $(VENV)"
	@$(PIP_INSTALL) --build-constraint constraints.txt -e '.[demo]'
	@$(PY) .ci/editable.py
	@touch $@

$(VENV)/.dev: $(VENV)/.base pyproject.toml .ci/editable.py
	@echo "Installing the package and the development tools into $(VENV)"
	@$(PIP_INSTALL) --build-constraint constraints.txt -e '.[demo]' --group dev
	@$(PY) .ci/editable.py
	@touch $@ $(VENV)/.demo

$(VENV)/.browser: $(VENV)/.dev
	@$(PIP_INSTALL) --group browser
	@touch $@

$(VENV)/.docs: $(VENV)/.dev
	@$(PIP_INSTALL) --group docs
	@touch $@

# Providers that are not ours, in an environment of their own. Without Node, only those of PyPI.
PROVIDERS := tests/proofs/providers/servers
build/providers/.stamp: $(VENV)/.dev $(PROVIDERS)/requirements.txt $(PROVIDERS)/package.json
	@mkdir -p build/providers/node
	@[ -x build/providers/venv/bin/python ] || $(PY) -m venv build/providers/venv
	@build/providers/venv/bin/python -m pip install -qq --disable-pip-version-check -r $(PROVIDERS)/requirements.txt
	@if command -v node >/dev/null && command -v npm >/dev/null; then cp $(PROVIDERS)/package.json build/providers/node/; \
	npm install --prefix build/providers/node --no-audit --no-fund --no-package-lock --loglevel=error >build/providers/npm.log || \
	{ cat build/providers/npm.log; exit 1; }; fi
	@touch $@

# Built in a copy, because setuptools would take along whatever an earlier build left in the checkout.
build/dist/.stamp: $(VENV)/.dev README.md LICENSE $(SOURCES)
	@rm -rf build/dist build/tree && mkdir -p build/dist build/tree
	@cp -R pyproject.toml README.md LICENSE $(FOLDERS) build/tree/
	@$(PY) -m build --no-isolation --outdir build/dist build/tree >build/dist.log 2>&1 || { cat build/dist.log; exit 1; }
	@rm -rf build/tree && touch $@

build/installed/.stamp: build/dist/.stamp
	@rm -rf build/installed
	@$(PY) -m pip install -qq --disable-pip-version-check --no-deps --no-compile --target build/installed build/dist/*.whl
	@touch $@
