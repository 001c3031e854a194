"""Run a .tflite file once on the LiteRT GPU accelerator, in a process of its own.

    python -m export.checks.gpu_child MODEL INPUTS.npz OUTPUTS.npz float32|float16

The child of `gpu_check`, which says why it has a process of its own. Prints one line of JSON.
"""

import ctypes
import json
import sys
from pathlib import Path
from typing import Any, Final

import ai_edge_litert
import numpy as np
from ai_edge_litert.compiled_model import CompiledModel
from ai_edge_litert.gpu_options import GpuOptions
from ai_edge_litert.hardware_accelerator import HardwareAccelerator
from ai_edge_litert.options import Options

_CPU_AND_GPU: Final = 3  # LiteRtHwAccelerators, bit flags


def main(model: str, inputs: str, outputs: str, precision: str) -> None:
    """Write the outputs by name; write {"resident": whether no operator fell to the CPU}."""
    resident = runs_whole(model)
    results = run(model, dict(np.load(inputs)), enforce_float32=precision == "float32")
    np.savez(outputs, **results)
    sys.stdout.write(json.dumps({"resident": resident}) + "\n")


def runs_whole(model: str) -> bool:
    """Return whether the accelerator took every operator, from the C library.

    `CompiledModel.is_fully_accelerated` of the Python wrapper is also True when all operators run
    on the CPU. The CPU is allowed here, so that a refused operator gives False, not an error.
    """
    folder = Path(ai_edge_litert.__file__).parent
    library = ctypes.CDLL(str(folder / "libLiteRt.so"))

    def create(function: str, *arguments: Any) -> ctypes.c_void_p:
        made = ctypes.c_void_p()
        status = getattr(library, function)(*arguments, ctypes.byref(made))
        if status:
            raise RuntimeError(
                f"{model}: {function} must return 0: got {status}. See the accelerator's messages "
                "above."
            )
        return made

    environment = create("LiteRtCreateEnvironment", 0, None)
    options = create("LiteRtCreateOptions")
    library.LiteRtSetOptionsHardwareAccelerators(options, _CPU_AND_GPU)
    loaded = create("LiteRtCreateModelFromFile", environment, model.encode())
    compiled = create("LiteRtCreateCompiledModel", environment, loaded, options)
    resident = ctypes.c_bool()
    library.LiteRtCompiledModelIsNonCpuFullyAccelerated(compiled, ctypes.byref(resident))
    return resident.value


def run(model: str, values: dict[str, Any], *, enforce_float32: bool) -> dict[str, Any]:
    """Return output name -> (N, ...) of the first signature, computed on the GPU alone.

    Args:
        model: Path of a .tflite file, batch 1.
        values: Input name -> (N, ...), for N runs.
        enforce_float32: Ask for float32 arithmetic; False allows float16.
    """
    options = Options(
        hardware_accelerators=HardwareAccelerator.GPU,
        gpu_options=GpuOptions(enforce_f32=enforce_float32),
    )
    compiled = CompiledModel.from_file(model, options=options)
    signature, names = next(iter(compiled.get_signature_list().items()))
    inputs, outputs = compiled.create_input_buffers(0), compiled.create_output_buffers(0)
    details = compiled.get_output_tensor_details(signature)
    results: dict[str, list[Any]] = {name: [] for name in names["outputs"]}
    for i in range(len(next(iter(values.values())))):
        for buffer, name in zip(inputs, names["inputs"], strict=True):
            buffer.write(np.ascontiguousarray(values[name][i : i + 1], dtype=np.float32))
        compiled.run_by_index(0, inputs, outputs)
        for buffer, name in zip(outputs, names["outputs"], strict=True):
            shape = details[name]["shape"]
            results[name].append(buffer.read(int(np.prod(shape)), np.float32).reshape(shape))
    return {name: np.stack(runs) for name, runs in results.items()}


if __name__ == "__main__":
    main(*sys.argv[1:])
