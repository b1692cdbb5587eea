# make demo      the main job on sample footage
# make test      the whole test suite
# make lint      ruff and mypy
# make dist      sdist and wheel, and the wheel imported
# make bench     speed, split by stage, next to bare inference
# make dashboard the app for browsers, on this machine

VENV ?= .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3.12 python3.13 python3.11 python3.14 python3.10 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null \
	&& echo $$p && break; done)
SOURCES := $(shell find api realtime trackers overlays samples -type f -not -name '*.pyc')

# Bodies of tests are checked as strictly as the package; their signatures may be left out, and
# what may be None is asserted by being used.
TESTS_TYPED := --cache-dir .mypy_cache/tests --explicit-package-bases --allow-untyped-defs \
	--allow-incomplete-defs --allow-untyped-calls --allow-any-generics --no-strict-optional \
	--no-warn-return-any --implicit-reexport --disable-error-code comparison-overlap

.PHONY: install demo test test-slow lint dist bench dashboard clean

install: $(VENV)/.current

$(VENV)/.installed: pyproject.toml
	@test -n "$(PYTHON)" || { echo "moodstream needs Python 3.10 to 3.14; set PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet '.[dev]'
	@rm -rf build
	@touch $@

# A regular install, not an editable one: what is tested is what people get, weights and all.
$(VENV)/.current: $(VENV)/.installed $(SOURCES)
	@rm -rf build
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --force-reinstall .
	@rm -rf build
	@touch $@

demo: install
	@mkdir -p demo
	$(BIN)/python -m moodstream.samples meeting -o demo/meeting.mp4
	$(BIN)/moodstream process demo/meeting.mp4 -o demo/results --models embedded --overwrite

# One worker more than cores, for those that wait; each is a process with the networks in its memory,
# so more than four gain little.
test: install
	$(BIN)/python -m pytest -q -n $$($(BIN)/python -c 'import os; print((os.cpu_count() or 1) + 1)') \
		--maxprocesses 4 --dist loadfile

test-slow: install
	$(BIN)/python -m pytest -q -m slow

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p moodstream
	MYPYPATH=tests $(BIN)/mypy $(TESTS_TYPED) tests

dist: install
	@rm -rf build dist
	$(BIN)/python -m build
	@rm -rf build
	$(BIN)/python tools/check_wheel.py dist/*.whl

bench: install
	$(BIN)/moodstream bench --models embedded

dashboard: install
	$(BIN)/moodstream dashboard

clean:
	rm -rf $(VENV) build dist demo *.egg-info
