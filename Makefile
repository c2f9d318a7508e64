# The targets that everybody uses. They need Python 3.10-3.13, a C compiler and its headers, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Neighbours share what is made for a file of tests, so each process begins with a half and helps the other at the end.
PYTEST := $(BIN)/python -m pytest -n 2 --dist worksteal
# A run's caches stay in the checkout, so that `make demo` leaves nothing in the home folder.
DEMO_HOME := runs/.demo-cache
# Names and shapes of LongCat's tensors (JSON): `make bench` times a model of that size where it is given.
LONGCAT_MANIFEST ?=

.PHONY: install demo check test test-slow lint bench docs package clean

# Tests start many processes, each of which would compile the package again.
unexport PYTHONDONTWRITEBYTECODE

install: $(VENV)/.installed

# On a terminal one sees that something goes on; logs are spared it.
QUIET := $(if $(MAKE_TERMOUT),,--quiet)

$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install $(QUIET) --upgrade -c constraints.txt pip 'setuptools<81' wheel
	$(BIN)/python -m pip install $(QUIET) -c constraints.txt -e '.[test,lint]'
	# With what these ask for, pip would bring trainers, and CUDA's libraries for torchaudio.
	$(BIN)/python -m pip install $(QUIET) --no-deps -c constraints.txt torchaudio encodec vocos speechtokenizer s3tokenizer speechbrain distillmos torchfcpe visqol-python
	$(BIN)/python codec_bench/environments/torchaudio_without_cuda.py
	touch $@

demo: install
	CODEC_BENCH_HOME=$(DEMO_HOME) $(BIN)/codec-bench run --dataset demo \
		--codec codec2@3200,codec2@1200,codec2@700C,opus@6000,opus@12000,opus@24000,amr-nb@4750,gsm \
		--asr pocketsphinx --keep-audio --out runs/demo

# The loop to work in: all but the conformance of codecs, codecs in environments of their own, and tests of over a second.
check: lint
	$(PYTEST) -m "not slow and not long" --ignore=tests/adapters/isolated --ignore=tests/adapters/test_conformance.py

test: install
	$(PYTEST) -m "not slow"

# What takes more than about ten seconds a test: the commands of the docs, whole runs, environments, a Ray cluster.
test-slow: install
	$(PYTEST) -m slow

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Both have tools of their own, which `make install` need not bring.
docs: build/docs/.installed
	build/docs/bin/mkdocs build --strict --site-dir build/site

build/docs/.installed: pyproject.toml
	$(PYTHON) -m venv build/docs
	build/docs/bin/python scripts/requirements_of.py docs > build/docs/requirements.txt
	build/docs/bin/python -m pip install $(QUIET) -r build/docs/requirements.txt
	touch $@

package: build/package/.installed
	rm -rf dist
	build/package/bin/python -m build --outdir dist .
	build/package/bin/twine check --strict dist/*
	build/package/bin/python scripts/try_package.py dist

build/package/.installed:
	$(PYTHON) -m venv build/package
	build/package/bin/python -m pip install $(QUIET) build twine
	touch $@

bench: install
	$(BIN)/python benchmarks/side_by_side.py
	test -z "$(LONGCAT_MANIFEST)" || $(BIN)/python benchmarks/longcat_stages.py $(LONGCAT_MANIFEST)

clean:
	rm -rf $(VENV) runs build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
