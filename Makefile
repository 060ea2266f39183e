# Everything runs in .venv, made here from a bare checkout. `make demo`, `make test`, `make lint`, `make bench`
# (`make bench TABLES="pgd raw"` for some of its tables), `make docs` (the scorecard that the documentation shows).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet
OUTPUTS := scorecard.html scorecard.md scorecard.json
DEMO := mlp_adam lenet5 smoothed_cnn

.PHONY: demo test lint bench docs clean

demo: $(VENV)/examples
	$(BIN)/pytest $(addprefix example_models/,$(DEMO)) $(foreach file,$(OUTPUTS),--robustness-report=$(file))

test: $(VENV)/dev
	$(BIN)/pytest -n 2 --dist=loadfile

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/examples
	$(BIN)/python docs/regenerate.py

bench: $(VENV)/rivals
	$(BIN)/python -m benchmarks $(TABLES)

clean:
	rm -rf $(VENV) $(OUTPUTS) .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(PIP) install "pip>=25.1"

# torch comes first and alone, so that nothing else can choose another build of it.
$(VENV)/torch: $(VENV)/bin/python constraints.txt
	@echo "installing torch ..."
	$(PIP) install -c constraints.txt torch
	@touch $@

$(VENV)/examples: $(VENV)/torch pyproject.toml
	@echo "installing pytest-robustness and what the examples need ..."
	$(PIP) install -c constraints.txt -e ".[examples]"
	@touch $@

# The last ones ask for torchvision, which would bring another torch, and more: see pyproject.toml.
$(VENV)/dev: $(VENV)/examples
	@echo "installing what the tests need ..."
	$(PIP) install -c constraints.txt --group dev -e ".[examples,skops,onnx]"
	$(PIP) install --no-deps "torchattacks>=3.5.1" "pytorch-ood==0.4.0" "netcal==1.4.0"
	@touch $@

$(VENV)/rivals: $(VENV)/dev
	@echo "installing what the benchmarks compare with ..."
	$(PIP) install -c constraints.txt --group rivals
	$(PIP) install --no-deps imagecorruptions==1.1.2 kornia==0.9.0 kornia_rs albumentations==2.0.8 albucore==0.0.24 \
		simsimd stringzilla
	@touch $@
