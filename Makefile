# make report, make test, ...: a thin wrapper, since everything lives in `python -m mfrd` and pytest.
# The environment is .venv, made from requirements.lock; PYTHON=python uses the active one instead (conda).

PYTHON3 ?= python3
LOCKED = --quiet --no-header --no-annotate --python-version 3.11 --extra report --extra test pyproject.toml

ifeq ($(origin PYTHON),undefined)
PYTHON := .venv/bin/python
READY := .venv/.ready
endif

.DEFAULT_GOAL := help
.PHONY: help report test locks refresh claims verify paper html bench rivals parameters lab clean

help:
	@echo "make report    run every notebook; write figures/, results/ and the paper"
	@echo "make test      pytest, and nbval on the paired notebooks; a part with ARGS=tests/solvers"
	@echo "make claims    judge every claim of the report from results/"
	@echo "make verify    check every proof of results/proofs in exact arithmetic"
	@echo "make paper     set paper/paper.pdf from results/ and figures/, and record what made what"
	@echo "make html      export the notebooks to site/, readable without a network"
	@echo "make refresh   re-execute the paired notebooks in place"
	@echo "make bench     time the solvers, and a newcomer's first answer; write results/bench.json, forms.json, first_answer.json, trellis.json, limit.json, density.json, and with the extra \`bench\` samples.json"
	@echo "make rivals    pictures and signals against other formats; write results/rivals.json, region_maps.json, rivals_signals.json (pip install -e '.[rivals]' first)"
	@echo "make parameters  run every notebook at other parameters; write results/parameters.json"
	@echo "make locks     resolve requirements.lock and requirements-oldest.lock anew (uv)"
	@echo "make lab       open JupyterLab"
	@echo "make clean     remove .venv, runs/ and caches"
	@echo "Add ARGS='...' for options of the command (make report ARGS='--only 01'),"
	@echo "    PYTHON=python to use the active environment instead of .venv."

report: $(READY)
	$(PYTHON) -m mfrd report $(ARGS)

test: $(READY)
	$(PYTHON) -m pytest $(if $(ARGS),$(ARGS),-n 2 --dist loadfile --cov)

# the newest and the least versions that pyproject.toml allows; uv keeps what is locked and fits
locks:
	uv pip compile $(LOCKED) -o requirements.lock
	uv pip compile $(LOCKED) --resolution lowest-direct -o requirements-oldest.lock

refresh: $(READY)
	$(PYTHON) -m mfrd refresh $(ARGS)

claims: $(READY)
	$(PYTHON) -m mfrd claims $(ARGS)

verify: $(READY)
	$(PYTHON) -m mfrd verify $(ARGS)

paper: $(READY)
	$(PYTHON) -m mfrd paper $(ARGS)

html: $(READY)
	$(PYTHON) -m mfrd html $(ARGS)

bench: $(READY)
	$(PYTHON) benchmarks/forms.py
	$(PYTHON) benchmarks/bench.py
	$(PYTHON) benchmarks/first_answer.py
	$(PYTHON) benchmarks/trellis.py
	$(PYTHON) benchmarks/limit.py
	$(PYTHON) benchmarks/proofs_random.py
	$(PYTHON) benchmarks/alterations.py
	$(PYTHON) benchmarks/density.py
	$(PYTHON) benchmarks/samples.py

# pictures and signals against other formats, pictures some of them with ARGS='camera moon'; the extra `rivals` has the encoders
rivals: $(READY)
	@$(PYTHON) benchmarks/needs.py rivals
	$(PYTHON) benchmarks/rivals.py $(ARGS)
	$(PYTHON) benchmarks/region_maps.py $(ARGS)
	$(PYTHON) benchmarks/rivals_signals.py

# every notebook at other parameters; some of them with ARGS='01 02'
parameters: $(READY)
	$(PYTHON) benchmarks/parameters.py $(ARGS)

lab: $(READY)
	$(PYTHON) -m jupyterlab --LabApp.default_url=/lab/tree/notebooks --ServerApp.jpserver_extensions=mfrd.report.saved=True $(ARGS)

clean:
	rm -rf .venv .venv-fast runs site build *.egg-info .pytest_cache .hypothesis .ruff_cache .mypy_cache .coverage .coverage.*
	find mfrd tests notebooks -name __pycache__ -o -name .ipynb_checkpoints | xargs rm -rf

# uv, where it is on the PATH, is faster and brings a fitting Python; the standard library's venv and pip do as well.
.venv/.ready: requirements.lock pyproject.toml
	@if command -v uv >/dev/null; then \
	  test -x .venv/bin/python || uv venv --python '>=3.11' .venv; \
	  uv pip install --python .venv/bin/python -r requirements.lock && \
	  uv pip install --python .venv/bin/python --no-deps -e .; \
	else \
	  $(PYTHON3) -c 'import sys; v = "%d.%d" % sys.version_info[:2]; sys.exit(sys.version_info < (3, 11) and "$(PYTHON3) is Python " + v + "; expected 3.11 or later: make PYTHON3=python3.11, or PYTHON=python in a conda environment")' && \
	  { test -x .venv/bin/python || $(PYTHON3) -m venv .venv; } && \
	  echo "installing requirements.lock into .venv (about a minute)" && \
	  .venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.lock && \
	  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e .; \
	fi
	@mkdir -p .venv/etc/jupyter/jupyter_server_config.d && cp mfrd/report/mfrd.json .venv/etc/jupyter/jupyter_server_config.d/
	@touch $@
