# Everything runs in .venv, which `install` sets up; the other targets set it up themselves where it is missing.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO := results/demo

.PHONY: install demo test chaos lint docs audit lock bench clean

install: $(STAMP)

# pip would compile on one core; not every file that packages install is Python 3.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "explorer needs Python 3.11 or newer; make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e '.[train,report,test,dev,docs]'
	$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/explorer run studies/demo.yaml --out $(DEMO)
	$(BIN)/explorer boundary $(DEMO) --along sparsity --by rate
	$(BIN)/explorer figure $(DEMO) phase_diagram --out $(DEMO)/figures/phase_diagram.png
	$(BIN)/explorer figure $(DEMO) loss_curves --out $(DEMO)/figures/loss_curves.png
	$(BIN)/explorer figure $(DEMO) minimizers --out $(DEMO)/figures/minimizers.png

test: $(STAMP)
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

# Faults that are really done, the long ones too; prints what survived each. About half an hour.
chaos: $(STAMP)
	$(BIN)/python -m pytest -m "chaos_full or not chaos_full" -v -s tests/chaos
	$(BIN)/python -m pytest -m chaos_full --ignore tests/chaos

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/pyright --pythonpath $(BIN)/python

# The documentation into site/, from docs/ and the program's own docstrings; a warning is an error. Needs no network.
docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

# The versions of constraints.txt against the public lists of known vulnerabilities; needs the network; fails where a version cannot be looked up.
audit: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check pip-audit
	$(BIN)/pip-audit --strict --disable-pip --no-deps -r constraints.txt

# What core and [train] need, each file with its hash, but for torch, whose build is yours to choose, and what only torch needs:
# pip install -c constraints.txt torch && pip install --require-hashes --no-deps -r requirements.lock && pip install --no-deps -e .
lock: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check pip-tools
	$(BIN)/python -c "import tomllib; project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
	needed = project['dependencies'] + project['optional-dependencies']['train']; \
	print('\n'.join(one for one in needed if not one.startswith('torch')))" | CUSTOM_COMPILE_COMMAND='make lock' $(BIN)/pip-compile \
	--quiet --generate-hashes --strip-extras --allow-unsafe --no-annotate --no-emit-index-url --no-emit-trusted-host \
	--no-emit-find-links -c constraints.txt -o requirements.lock -

# About two hours on two cores that do nothing else; results in benchmarks/results.
bench: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,report,test,bench]'
	$(BIN)/python benchmarks/roofline.py
	$(BIN)/python benchmarks/peers.py
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python benchmarks/early_stop.py
	$(BIN)/python benchmarks/levers.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/enumeration.py
	$(BIN)/python benchmarks/scale.py
	$(BIN)/python benchmarks/tail.py
	$(BIN)/python benchmarks/store.py
	$(BIN)/python benchmarks/damage.py
	$(BIN)/python benchmarks/checkpoints.py
	$(BIN)/python benchmarks/object_store.py
	$(BIN)/python benchmarks/time_to_boundary.py
	$(BIN)/python benchmarks/refine_study.py
	$(BIN)/python benchmarks/coverage.py
	$(BIN)/python benchmarks/pages.py

clean:
	rm -rf $(VENV) build site *.egg-info
