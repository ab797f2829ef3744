# Everything runs in .venv, which `install` sets up; the other targets set it up themselves where it is missing.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO := results/demo

.PHONY: install demo test lint bench clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "explorer needs Python 3.11 or newer; make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,test,dev]'
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/explorer run studies/demo.yaml --out $(DEMO)
	$(BIN)/explorer boundary $(DEMO) --along sparsity --by rate
	$(BIN)/explorer figure $(DEMO) phase_diagram --out $(DEMO)/figures/phase_diagram.png
	$(BIN)/explorer figure $(DEMO) loss_curves --out $(DEMO)/figures/loss_curves.png
	$(BIN)/explorer figure $(DEMO) minimizers --out $(DEMO)/figures/minimizers.png

test: $(STAMP)
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/pyright --pythonpath $(BIN)/python

# About an hour and a half on two cores that do nothing else; results in benchmarks/results.
bench: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,bench]'
	$(BIN)/python benchmarks/roofline.py
	$(BIN)/python benchmarks/peers.py
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python benchmarks/early_stop.py
	$(BIN)/python benchmarks/levers.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/enumeration.py
	$(BIN)/python benchmarks/store.py
	$(BIN)/python benchmarks/object_store.py
	$(BIN)/python benchmarks/time_to_boundary.py
	$(BIN)/python benchmarks/refine_study.py
	$(BIN)/python benchmarks/coverage.py

clean:
	rm -rf $(VENV) build *.egg-info
