# make train | make test | make demo IMAGE=photo.jpg | make docs | make lint
# Each sets up what it needs: .venv with the pinned packages of constraints.txt.

PYTHON ?= python3
IMAGE ?= docs/sample/astronaut.png
RUN ?= runs/synthetic
MODEL ?= $(firstword $(wildcard $(RUN)/fau_*_float16.tflite))
OUT ?= demo_out
BIN := .venv/bin

.PHONY: train test test-backends test-device qat-env test-qat test-long lint demo export release assets describe docs clean

train: .venv/.train
	$(BIN)/python train_keras.py

test: .venv/.dev
	$(BIN)/python -m pytest -q -n 2 --dist worksteal --cov --cov-report=term

# The SCC layer on JAX and PyTorch against TensorFlow, in an environment of their own.
test-backends: .venv/.dev .venv-backends/.done
	FAU_BACKENDS_PYTHON="$(CURDIR)/.venv-backends/bin/python" $(BIN)/python -m pytest -q tests/backends

.venv-backends/.done:
	$(PYTHON) -m venv .venv-backends
	.venv-backends/bin/python -m pip install -q "keras>=3.15,<3.16" jax==0.10.2 torch==2.13.0
	touch $@

# GPU variants on LiteRT's GPU accelerator over a software Vulkan driver; the Kotlin of
# android_demo_assets/ on the JVM; its models on emulated ARM. What is missing is installed (Debian,
# root), into the system or build/device/.
test-device: .venv/.dev
	sh tests/device/install_driver.sh
	sh tests/device/install_kotlin.sh
	sh tests/device/install_arm.sh $(BIN)/python
	$(BIN)/python -m pytest -q --run-gpu tests/device

# Minutes: the wheel in an empty folder, 2,000 mutated files, damaged models, long conversions.
test-long: .venv/.dev
	$(BIN)/python -m pytest -q -n 2 --run-slow -m slow

# Quantization-aware training needs tensorflow-model-optimization, which can't share .venv.
qat-env: .venv-qat/.done

.venv-qat/.done: export/qat_constraints.txt
	test -x .venv-qat/bin/python || $(PYTHON) -m venv .venv-qat
	.venv-qat/bin/python -m pip install -q --disable-pip-version-check -r export/qat_constraints.txt
	touch $@

test-qat: .venv/.dev .venv-qat/.done
	$(BIN)/python -m pytest -q --run-slow tests/unit/export/qat/test_qat.py tests/unit/export/qat/test_qat_child.py

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

demo: .venv/.train
	@test -n "$(MODEL)" || { echo "error: no model in $(RUN). Run 'make train' first, or give MODEL=file.tflite" >&2; exit 2; }
	$(BIN)/python -m fau_tf.cli.predict "$(IMAGE)" --model "$(MODEL)" --out "$(OUT)"

# Every variant of the run in $(RUN), judged on test people, into $(RUN)/export.
export: .venv/.export
	$(BIN)/python -m export --run "$(RUN)"

# The packaged model from nothing, in hours, resumed by the same command: faces of both rigs, a run on
# them, one on each rig alone, docs/experiments/accuracy.md. ICT=ict.npz is what `convert-ict` wrote. Real faces
# are read where there are some: PHOTOS=folder VIDEOS="a.mp4 b.mp4"
LEARN := $(BIN)/python train_keras.py --config configs/release.toml
ONE_RIG := --set training.epochs=8
release: .venv/.dev
	@test -n "$(ICT)" || { echo "error: ICT must name the second rig. Received: nothing. Run 'python -m fau_tf.cli.synthesize convert-ict ICT-FaceKit ict.npz', then 'make release ICT=ict.npz'" >&2; exit 2; }
	$(LEARN) --set data.ict="$(ICT)"
	$(LEARN) --set data.ict="$(ICT)" $(ONE_RIG) --set run.name=on_ict --set 'data.train_rigs=["ict"]'
	$(LEARN) --set data.ict="$(ICT)" $(ONE_RIG) --set run.name=on_canonical --set 'data.train_rigs=["canonical"]'
	$(BIN)/python -m fau_tf.evaluation.accuracy --run runs/release --cross-rig runs/on_canonical runs/on_ict \
	  $(if $(PHOTOS),--photos "$(PHOTOS)") $(if $(VIDEOS),--videos $(VIDEOS)) --write

# What an app needs, and the default model of the package: of `make release`, unless RUN says else.
assets: RUN = runs/release
assets: .venv/.export
	$(BIN)/python -m export.bundle make android_demo_assets --run "$(RUN)" --name small

# The same, of the models that are there: metadata, card, golden vectors, manifest.
describe: .venv/.export
	$(BIN)/python -m export.bundle describe android_demo_assets

# The figures and pictures of README.md and docs/, from the run in $(RUN).
docs: .venv/.train
	$(BIN)/python docs/figures/au_centers.py
	$(BIN)/python docs/figures/contact_sheet.py
	$(BIN)/python docs/figures/from_run.py "$(RUN)"
	$(BIN)/python docs/figures/gallery.py "$(RUN)"
	@test ! -f "$(RUN)/export/parity.json" || $(BIN)/python docs/figures/from_export.py "$(RUN)/export"

# `pip install -e` reads pyproject.toml, so a change there installs again.
.venv/.train: pyproject.toml constraints.txt
	@echo "== packages"
	$(PYTHON) -c 'import sys; sys.exit("error: Python 3.11 or newer is needed. Received: " + sys.version.split()[0] + ". Set PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e ".[train]"
	touch $@

.venv/.dev: .venv/.train
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@

.venv/.export: .venv/.train
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e ".[export]"
	touch $@

clean:
	rm -rf .venv .venv-qat .venv-backends build runs data demo_out
