# `make report` and `make test` need Python 3.11 or newer and nothing else: each sets up .venv first.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)
VENV := .venv/bin/python
.DEFAULT_GOAL := help
.PHONY: help setup report test types tests test-peers test-browser docs app lab notebooks figures bench lock clean

help:
	@echo 'make report     run every notebook and write reports/index.html'
	@echo 'make test       style and type checks, unit tests, and the notebooks against their saved outputs'
	@echo 'make test-peers     the tests beside PyTorch and with bfloat16, in .venv-peers'
	@echo 'make test-browser   every slider of every notebook in JupyterLab, and every page, in chromium'
	@echo 'make docs       build the documentation and check its links: docs/_build/html/index.html'
	@echo 'make app        the notebooks as a web application, for a class'
	@echo 'make lab        JupyterLab on notebooks/'
	@echo 'make notebooks  execute the notebooks and save their outputs'
	@echo 'make figures    draw the pictures in figures/'
	@echo 'make bench      time the operators beside a plain copy'
	@echo 'make lock       pin the newest allowed dependencies in requirements.lock'
	@echo 'make clean      remove .venv, reports and caches'

setup:
	@test -n "$(PYTHON)" || { echo 'Python 3.11 or newer, with venv, is needed; none was found. Name one: make PYTHON=/path/to/python' >&2; exit 1; }
	@$(PYTHON) .ci/setup.py $(SETUP)

report: setup
	@$(VENV) -m workbench report

# mypy runs beside pytest, as it uses one processor only.
test: setup
	@echo '== ruff' && $(VENV) -m ruff check . && $(VENV) -m ruff format --check .
	@$(MAKE) --no-print-directory -j 2 types tests

types:
	@echo '== mypy' && $(VENV) -m mypy

tests:
	@echo '== pytest, with the notebooks under nbval' && OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(VENV) -m pytest -p tests.no_grammar -n auto --dist loadfile

# The documentation's blocks and a test of the bench need a peer too; without it, `make test` skips them.
test-peers:
	@$(MAKE) --no-print-directory setup SETUP=peers
	@.venv-peers/bin/python -m pytest -p tests.no_grammar -p no:nbval -o addopts= -q -k 'torch or bfloat16' \
		tests/peers tests/lrn/test_bfloat16.py tests/test_docs.py tests/test_readme.py tests/bench/test_training.py tests/bench/test_pytorch.py

test-browser: setup
	@WORKBENCH_BROWSER_ALL=1 $(VENV) -m pytest -p no:nbval -o addopts= tests/report tests/app \
		tests/explore/test_jupyterlab.py tests/explore/test_all_in_jupyterlab.py \
		tests/test_docs.py::test_a_page_is_not_hard_to_use

docs: setup
	@$(VENV) -m sphinx -W --keep-going -n -q -j auto -b html -d docs/_build/read docs docs/_build/html
	@echo 'docs/_build/html/index.html'

app: setup
	@$(VENV) -m workbench app

lab: setup
	@$(VENV) -m jupyterlab notebooks

notebooks: setup
	@$(VENV) -m workbench save

figures: setup
	@$(VENV) -m workbench figures

bench: setup
	@$(VENV) -m workbench bench

# In an environment of its own, so that the resolver is not among what it resolves.
lock:
	@rm -rf .lock && $(PYTHON) -m venv .lock && .lock/bin/python -m pip install -qq uv
	@.lock/bin/uv pip compile pyproject.toml --extra test --extra docs --extra build \
		--universal --python-version 3.11 --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-header --quiet --output-file requirements.lock
	@rm -rf .lock && echo 'requirements.lock is written; make test installs and checks it'

clean:
	rm -rf .venv .venv-peers reports docs/_build docs/reference docs/tutorials docs/claims.md .pytest_cache .ruff_cache .mypy_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
