# Every target that carries a `##` comment is listed by `make help`.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Compiled modules are kept, else every command of the tests would compile all of them anew.
unexport PYTHONDONTWRITEBYTECODE
CERULEANML := $(BIN)/ceruleanml
WORKERS ?= 2
SEED ?= 0

.PHONY: help
help: ## List these targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-zA-Z_-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(VENV)/.complete ## Make .venv with the package and everything its tests and demo need

$(VENV)/.complete: pyproject.toml constraints.txt
	@echo "Making $(VENV): a few minutes and about 8 GB of disk the first time (PyTorch is most of it) …"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ceruleanml needs Python 3.11 or newer; say make PYTHON=/path/to/python3.11 …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable '.[dev]' | \
		sed -un '/^Collecting/p; /^ *Downloading .* MB)/p; s/^Installing collected.*/Installing all of it: some more minutes …/p'
	@touch $@
	@echo "$(VENV) is made; to have its commands in PATH, say: source $(BIN)/activate"

.PHONY: system-packages
system-packages:
	@scripts/install_debian_packages.sh tests/debian-packages.txt

# The stand-in for Terraform's provider needs an older protobuf than the package.
.PHONY: setup-infra
setup-infra: $(VENV)/infra/.complete ## Make .venv/infra, for the tests of gcpvm/

$(VENV)/infra/.complete: $(VENV)/.complete constraints-infra.txt
	$(PYTHON) -m venv $(VENV)/infra
	$(VENV)/infra/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement constraints-infra.txt
	@touch $@

.PHONY: check-infra
check-infra: setup setup-infra ## Check gcpvm/: fmt, validate, plans of every preset and guard, and that faults are found
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal tests/test_infra_*.py

.PHONY: test
test: setup setup-infra system-packages ## Run every test (makes .venv when it is missing)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

# Two tests are left out: they limit the size of files, and coverage's own would be cut short.
.PHONY: coverage
coverage: setup setup-infra system-packages ## Run every test and tell which lines of the package none of them runs
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(WORKERS) --dist worksteal \
		--deselect tests/test_build_errors.py::test_full_disk_stops_with_one_line_and_continues_after \
		--deselect tests/test_odd_inputs.py::test_full_disk_while_a_whole_scene_is_written
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

.PHONY: setup-icevision
setup-icevision: setup ## Add icevision 0.12.0 to .venv, for scripts/ice_trainer.py
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement constraints-icevision.txt

.PHONY: test-icevision
test-icevision: setup-icevision ## Run icevision's smoke test
	$(BIN)/python -m pytest -p no:xdist tests/icevision/test_icevision.py

.PHONY: mutants
mutants: setup ## Put small faults into copies of the package, one at a time, and see that the tests tell (minutes)
	$(BIN)/python tests/mutation/run.py --workers $(WORKERS)

.PHONY: test-serving
test-serving: setup ## Run exports in the service's own PyTorch 2.0.1 (slow; makes .venv-serving)
	scripts/test_serving.sh

.PHONY: lint
lint: setup system-packages ## Check style, types and shell scripts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	shellcheck scripts/*.sh gcpvm/laptop/*.sh gcpvm/vm/*.sh .ci/run

.PHONY: format
format: setup ## Put the code into the house's form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: bench
bench: setup ## Measure the bars of docs/benchmarks.md, as ratios within one run
	$(BIN)/python benchmarks/run.py

# make demo SCENE=S1A_IW_GRDH_….SAFE
SCENE ?=
DEMO ?= demo
.PHONY: demo
demo: setup ## The whole loop on simulated scenes, in about ten minutes: demo/report.html [SCENE=…]
	@$(BIN)/python scripts/demo.py $(DEMO) --seed $(SEED) $(if $(SCENE),--scene '$(SCENE)')

REAL ?= ../shared/data
.PHONY: demo-real
demo-real: setup ## The same path on real data, which is not part of this: REAL=../shared/data
	@$(BIN)/python scripts/demo_real.py $(REAL) demo-real --seed $(SEED)

# make make-dataset SCENES="scenes/*.SAFE" OUT=datasets/may ARGS="--labels labels --grid serving"
SCENES ?=
OUT ?=
ARGS ?=
.PHONY: make-dataset
make-dataset: setup ## Build one data set: SCENES=… OUT=… [ARGS=…]
	$(if $(and $(SCENES),$(OUT)),,$(error say which: make make-dataset SCENES="scenes/*.SAFE" OUT=datasets/may [ARGS="--labels labels"]))
	$(CERULEANML) make-dataset $(SCENES) --out $(OUT) --workers $(WORKERS) --seed $(SEED) $(ARGS)

# make train DATA=datasets/train RUN=runs/first ARGS="model=unet_resnet34 trainer.epochs=20"
DATA ?=
RUN ?=
.PHONY: train
train: setup ## Train a model: DATA=… RUN=… [ARGS=…]
	$(if $(and $(DATA),$(RUN)),,$(error say which: make train DATA=datasets/train RUN=runs/first [ARGS="model=unet_resnet34"]))
	$(CERULEANML) train data.train=$(DATA) run=$(RUN) $(ARGS)

# make page PAGE=pages/may STORE=labels
PAGE ?= demo/annotation/page
STORE ?= $(patsubst %/,%,$(dir $(PAGE:/=)))/labels
.PHONY: page
page: setup ## Open the annotation page: a demo queue of simulated scenes, or PAGE=… [STORE=…]
	$(if $(filter demo/annotation/page,$(PAGE)),$(CERULEANML) annotate demo demo/annotation)
	$(CERULEANML) annotate serve $(PAGE) --store $(STORE) --open

.PHONY: publish-page
publish-page: setup ## Bring a prepared page to a bucket: PAGE=… BUCKET=gs://…
	$(if $(BUCKET),,$(error say which: make publish-page PAGE=pages/may BUCKET=gs://our-pages/may))
	$(CERULEANML) annotate publish $(PAGE) $(BUCKET)

.PHONY: tensorboard
tensorboard: setup ## Show the curves of all runs in runs/ on http://127.0.0.1:6006
	$(BIN)/tensorboard --logdir runs --host 127.0.0.1

.PHONY: docs
docs: setup ## Build the documentation into site/; site/index.html opens with a double click
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

.PHONY: docs-serve
docs-serve: setup ## Show the documentation on http://127.0.0.1:8000 while you write
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve

.PHONY: reference
reference: setup ## Write docs/reference anew from verbs, settings and targets
	$(BIN)/python scripts/docs/reference.py

# The GPU VM. These are gcpvm/Makefile's, which says more: make -C gcpvm help
VM_VERBS := vm-init vm-plan vm-apply vm-destroy vm-start vm-stop vm-status vm-environment
VM_ALIASES := ssh syncup syncdown pull-dataset push-dataset jserve vscode cost image-check
.PHONY: $(VM_VERBS) $(VM_ALIASES)
vm-init: ## GPU VM: fetch Terraform's provider, connect to the state's bucket
vm-plan: ## GPU VM: show what vm-apply would change
vm-apply: ## GPU VM: make it, or change it to what gcpvm/terraform.tfvars says
vm-destroy: ## GPU VM: remove it, its network and account; the data disk stays
vm-start: ## GPU VM: start it again
vm-stop: ## GPU VM: stop it; its disks stay
vm-status: ## GPU VM: say whether it runs, and since when
vm-environment: ## GPU VM: make or renew the package's environment there
ssh: ## GPU VM: log in; brings Jupyter, TensorBoard and Dask to this machine
syncup: ## GPU VM: bring the repository's files there
syncdown: ## GPU VM: bring changes, runs, experiments and labels here
pull-dataset: ## GPU VM: a data set from a bucket to there, or from there to here: DATASET=… [TO=…]
push-dataset: ## GPU VM: a data set from here to there, or from there to a bucket: DATASET=… [TO=…]
jserve: ## GPU VM: start JupyterLab and TensorBoard there
vscode: ## GPU VM: print the ssh entry for VS Code Remote
cost: ## GPU VM: estimate what running, stopping and destroying cost [ARGS="preset=a100"]
image-check: ## GPU VM: ask whether its image family still exists
$(VM_VERBS) $(VM_ALIASES):
	@$(MAKE) --no-print-directory -C gcpvm $(@:vm-%=%)

.PHONY: clean
clean: ## Remove the demo, caches and builds (not .venv)
	rm -rf demo demo-real site build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
