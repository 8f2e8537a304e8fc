# Each target does its own set-up; all that is needed is make and Python 3.10 or later.

PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
MANAGE := $(VENV)/bin/python example_project/manage.py

# What SQLite alone can reach; the gate over all databases is in pyproject.toml.
SQLITE_COVERAGE := 90

# What `make bench` measures, and where it writes.
DB ?= sqlite
N ?= $(if $(PEERS),300000,200000)
OUTPUT ?= docs/explanation/_benchmarks
DRIVER_sqlite :=
DRIVER_postgresql := psycopg[binary]
DRIVER_mariadb := mysqlclient

# How many people `make canary` has, and the seed of its chance; without one it takes another each time.
PEOPLE ?= 1000
SEED ?=

.PHONY: help test canary bundles bench demo serve messages lint docs clean

help:
	@echo "make test    run the tests on SQLite"
	@echo "make canary  erase people with a token in every text column, and look for these (DB=sqlite PEOPLE=1000 SEED=)"
	@echo "make bundles erase somebody from real apps, at their newest releases, and try to log in (DB=sqlite|postgresql)"
	@echo "make bench   measure, beside hand-written SQL (DB=sqlite|postgresql|mariadb N=200000; GROWTH=1; PEERS=1)"
	@echo "make demo    show what the package does, on the example project"
	@echo "make serve   open the example project on http://127.0.0.1:8000/admin/"
	@echo "make messages  gather the texts into the catalogues of translations, and compile these (needs gettext)"
	@echo "make lint    check style, types and the contracts between modules"
	@echo "make docs    build the documentation into docs/_build/html"
	@echo "make clean   remove what the other targets made"

# Bundles that `make test` runs, too. The others have an environment each, as some exclude one another.
READY_BUNDLES := auth histories
BUNDLES := $(READY_BUNDLES:%=tests/bundles/%/requirements.txt)
OTHER_BUNDLES := $(filter-out $(READY_BUNDLES),$(patsubst tests/bundles/%/requirements.txt,%,$(wildcard tests/bundles/*/requirements.txt)))

$(READY): setup.py pyproject.toml tests/requirements.txt tests/browser/requirements.txt tests/canary/requirements.txt \
		tests/long_work/requirements.txt $(BUNDLES) \
		example_project/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		|| { echo "$(PYTHON) is older than Python 3.10; name another: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --upgrade pip
	$(VENV)/bin/python -m pip install --quiet --editable ".[rich,svg]" \
		--requirement tests/requirements.txt --requirement tests/browser/requirements.txt \
		--requirement tests/canary/requirements.txt --requirement tests/long_work/requirements.txt \
		--requirement example_project/requirements.txt $(addprefix --requirement ,$(BUNDLES))
	touch $@

$(VENV)/bin/tox: $(READY)
	$(VENV)/bin/python -m pip install --quiet "tox>=4.11"
	touch $@

test: $(READY)
	DB=sqlite $(VENV)/bin/python -m pytest -n auto --dist worksteal \
		--cov --cov-report=term --cov-fail-under=$(SQLITE_COVERAGE)

$(VENV)/.driver-%: $(READY)
	$(if $(DRIVER_$*),$(VENV)/bin/python -m pip install --quiet $(DRIVER_$*))
	touch $@

canary: $(VENV)/.driver-$(DB)
	for project in example packages; do \
		DB=$(DB) $(VENV)/bin/python -W ignore -m tests.canary $$project --people $(PEOPLE) $(addprefix --seed ,$(SEED)) \
			|| exit 1; \
	done

bundles: $(VENV)/.driver-$(DB) $(OTHER_BUNDLES:%=$(VENV)/bundles/%)
	$(VENV)/bin/python -m pip install --quiet --upgrade $(addprefix --requirement ,$(BUNDLES))
	failed=; \
	for bundle in $(READY_BUNDLES); do \
		DB=$(DB) $(VENV)/bin/python -W ignore -m tests.bundles $$bundle --record || failed="$$failed $$bundle"; \
	done; \
	for bundle in $(OTHER_BUNDLES); do \
		$(VENV)/bundles/$$bundle/bin/python -m pip install --quiet --upgrade --editable . $(DRIVER_$(DB)) \
			--requirement tests/bundles/$$bundle/requirements.txt \
		&& DB=$(DB) $(VENV)/bundles/$$bundle/bin/python -W ignore -m tests.bundles $$bundle --record \
			|| failed="$$failed $$bundle"; \
	done; \
	test -z "$$failed" || { echo "failed:$$failed"; exit 1; }

$(VENV)/bundles/%: $(READY)
	$(VENV)/bin/python -m venv $@

$(VENV)/.bench-%: $(READY) benchmarks/requirements.txt
	$(VENV)/bin/python -m pip install --quiet --requirement benchmarks/requirements.txt $(DRIVER_$*)
	touch $@

$(VENV)/peers/.ready-%: $(READY) benchmarks/peers/requirements.txt
	$(VENV)/bin/python -m venv $(VENV)/peers
	$(VENV)/peers/bin/python -m pip install --quiet --upgrade --editable ".[rich]" $(DRIVER_$*) \
		--requirement benchmarks/peers/requirements.txt
	touch $@

# PEERS=1 compares anonymise_db with other packages instead, in an environment of its own.
ifdef PEERS
bench: $(VENV)/peers/.ready-$(DB)
	$(VENV)/peers/bin/python -m benchmarks.peers --db $(DB) --n $(N) --output $(OUTPUT) $(BENCH)
else
# GROWTH=1 times the works at 10,000, 100,000 and 1,000,000 rows, GROWTH="10000 100000" at these. ONLY="rows replay"
# writes nothing. BENCH is for other options; see .venv/bin/python -m benchmarks --help.
bench: $(VENV)/.bench-$(DB)
	$(VENV)/bin/python -m benchmarks --db $(DB) --n $(N) $(if $(GROWTH),--growth $(filter-out 1,$(GROWTH))) \
		$(if $(ONLY),$(addprefix --only ,$(ONLY)),--output $(OUTPUT)) $(BENCH)
	$(if $(ONLY),,$(VENV)/bin/python -m benchmarks.chart $(OUTPUT)/$(DB)$(if $(GROWTH),_growth).json)
endif

demo: $(READY)
	$(VENV)/bin/python example_project/demo.py

serve: $(READY)
	$(MANAGE) migrate
	$(MANAGE) migrate --database=gdpr_log
	$(MANAGE) seed --if-empty
	$(MANAGE) create_demo_admin
	$(MANAGE) runserver

# Without wrapping, a changed text is a changed line.
messages: $(READY)
	cd gdpr_assist && $(CURDIR)/$(VENV)/bin/django-admin makemessages --all --no-obsolete --no-wrap --add-location file
	cd gdpr_assist && $(CURDIR)/$(VENV)/bin/django-admin compilemessages

lint: $(VENV)/bin/tox
	$(VENV)/bin/tox run -e lint

docs: $(VENV)/bin/tox
	$(VENV)/bin/tox run -e docs

clean:
	rm -rf $(VENV) .tox .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache \
		.pytest_cache .ruff_cache build dist *.egg-info docs/_build \
		example_project/var
