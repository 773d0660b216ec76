# Every target first sets up what it needs: in the active conda environment where there is one (not base), else in .venv.
# ARGS is handed on: `make test ARGS=--slow`, `make repro ARGS=train`.

PYTHON ?= python3
ifneq ($(CONDA_DEFAULT_ENV),base)
VENV ?= $(CONDA_PREFIX)
endif
ifeq ($(VENV),)
override VENV := .venv
endif

# Stages of the pipeline at a time; with a GPU one after another is best.
JOBS ?= 2

STAMP := $(VENV)/.alphagan-installed
IN_ENV := PATH="$$(cd "$(VENV)/bin" && pwd):$$PATH"

# A backend set for scripts would reach the notebooks' kernels, which would then show no figures.
unexport MPLBACKEND
# Where it is set, each of some hundred processes compiles all that it imports anew: seconds for every stage and test.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help env repro results-gpu test lab lint bench notebooks book lock clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s%s\n", $$1, $$2}' Makefile

env: $(STAMP)  ## install the locked packages and alphagan

repro: env  ## run the pipeline as `dvc repro` does, JOBS stages at a time
	@$(IN_ENV) $(if $(ARGS),dvc repro $(ARGS),python -m alphagan repro --jobs $(JOBS))

results-gpu: env  ## a preset's models and their evaluation, on a GPU here or by RUN elsewhere (PRESET=presets/NAME.yaml)
	@$(IN_ENV) python -m alphagan away results $(PRESET) $(if $(RUN),--run "$$RUN") $(if $(MINUTES),--minutes $(MINUTES))

test: env  ## run the notebooks and the tests (ARGS=--slow: all of them)
	$(IN_ENV) pytest --nbval notebooks tests $(ARGS)

lab: env  ## open JupyterLab
	$(IN_ENV) jupyter lab $(ARGS)

lint: env  ## check the style of code and notebooks
	$(IN_ENV) ruff check
	$(IN_ENV) ruff format --check

bench: env  ## print the speed table (ARGS=--json)
	$(IN_ENV) python -m alphagan bench $(ARGS)

notebooks: env  ## run notebooks/ and keep their outputs
	$(IN_ENV) jupyter nbconvert --to notebook --execute --inplace \
		--ClearMetadataPreprocessor.enabled=True \
		--ClearMetadataPreprocessor.preserve_cell_metadata_mask tags \
		--ClearMetadataPreprocessor.preserve_nb_metadata_mask kernelspec \
		notebooks/*.ipynb

book: env  ## write documents, notebooks and the Python interface as one site, to site/
	$(IN_ENV) python docs/book/build.py site
	@echo 'open site/index.html: it needs no network'

lock:  ## write the environment's versions to requirements.lock (after an upgrade that passes)
	installed=$$("$(VENV)/bin/python" -m pip list --format=freeze --exclude-editable \
		--exclude pip --exclude setuptools --exclude wheel) && \
	{ grep '^#' requirements.lock; echo "$$installed" | sed 's/+.*//' | grep -Ev '^(nvidia-|cuda-|triton)' \
		| LC_ALL=C sort -f; } > requirements.lock.new && \
	mv requirements.lock.new requirements.lock

clean:  ## remove caches and the environment, never data, models or reports
	rm -rf .venv build site .pytest_cache .ruff_cache .hypothesis *.egg-info
	find alphagan tests notebooks \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +

$(STAMP): requirements.lock pyproject.toml
	@$(if $(filter .venv,$(VENV)),$(PYTHON),"$(VENV)/bin/python") -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'alphagan needs Python 3.11 or newer: make PYTHON=/path/to/python3.11' >&2; exit 1; }
	@$(if $(filter .venv,$(VENV)),$(PYTHON) -m venv .venv)
	@echo 'installing requirements.lock into $(VENV): some minutes; everything pip says: $(VENV)/install.log'
	@started=$$(date +%s); export $(IN_ENV); { \
		python -m pip install --disable-pip-version-check --no-compile -r requirements.lock && \
		python -m pip install --disable-pip-version-check --no-deps -e .; \
	} >"$(VENV)/install.log" 2>&1 || { \
		status=$$?; tail -n 20 "$(VENV)/install.log" >&2; \
		echo 'make: installing failed; everything pip said: $(VENV)/install.log' >&2; exit $$status; }; \
	echo $$(($$(date +%s) - started)) >"$@"; echo "installed in $$(cat "$@") s"
