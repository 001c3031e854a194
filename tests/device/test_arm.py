"""The shipped models on emulated ARM processors with LiteRT's arm64 wheel, compared with x86.

The kernels are those that a phone's processor runs; speed is not measured.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from fau_tf import contract
from fau_tf.inference.model_info import read_model
from tests.helpers import golden_files, qemu_arm
from tests.helpers.golden_files import ASSETS

pytestmark = pytest.mark.gpu

CONTENT = golden_files.index()
OUTPUTS = (contract.OUTPUT_INTENSITY, contract.OUTPUT_HEATMAPS)
SAME = {"float16": 1e-5, "static_int8": 0.1}
"""Intensity units. Float arithmetic adds up in a different order: at most 4e-6 was measured, of
values up to 5. In static int8, what FaceMesh's trunk computes in float is rounded, so a value near
the border of two steps may take the other one: 0.005 was measured here; on x86 noise of 1e-4 gray
levels moved an intensity by 0.02 and a heatmap by 0.07."""


@pytest.fixture(scope="module")
def inputs():
    return np.stack([golden_files.array(case, "input") for case in CONTENT["cases"]])


@pytest.fixture(scope="module")
def emulated(inputs, tmp_path_factory):
    """(processor, model's stem, output) -> (N, 1, ...); both processors run at the same time."""
    if reason := qemu_arm.lacking():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("arm")
    np.save(folder / "inputs.npy", inputs)
    models = [ASSETS / row["file"] for row in CONTENT["variants"].values()]
    for processor in qemu_arm.PROCESSORS:
        (folder / processor).mkdir()
    with ThreadPoolExecutor(len(qemu_arm.PROCESSORS)) as pool:
        machines = pool.map(
            lambda name: qemu_arm.run(name, folder / "inputs.npy", folder / name, models),
            qemu_arm.PROCESSORS,
        )
        assert set(machines) == {"aarch64"}
    return lambda processor, model, name: np.load(folder / processor / f"{model}.{name}.npy")


def on_x86(model, inputs):
    runner = Interpreter(model_path=str(model), num_threads=1).get_signature_runner()
    results = [runner(image=image) for image in inputs]
    return {name: np.stack([result[name] for result in results]) for name in OUTPUTS}


@pytest.mark.parametrize("processor", qemu_arm.PROCESSORS)
@pytest.mark.parametrize("variant", CONTENT["variants"])
def test_arm_gives_the_numbers_of_x86(variant, processor, inputs, emulated):
    model = ASSETS / CONTENT["variants"][variant]["file"]
    read_model(model)  # checks it against its JSON file
    for name, expected in on_x86(model, inputs).items():
        given = emulated(processor, model.stem, name)
        assert given.shape == expected.shape
        assert np.isfinite(expected).all()
        assert expected.max() > 1, "not blank"
        assert np.abs(given - expected).max() <= SAME[variant], name  # NaN fails too


def test_arm_numbers_of_another_face_do_not_pass(inputs, emulated):
    """Otherwise the gate could not tell right numbers from wrong ones."""
    for variant, row in CONTENT["variants"].items():
        model = ASSETS / row["file"]
        given = emulated("cortex-a53", model.stem, contract.OUTPUT_INTENSITY)
        expected = on_x86(model, inputs)[contract.OUTPUT_INTENSITY]
        assert np.abs(given - np.roll(expected, 1, axis=0)).max() > 10 * SAME[variant]
