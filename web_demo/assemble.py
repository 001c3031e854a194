"""Assemble the page of web_demo/ as a static folder: python web_demo/assemble.py build/web.

The folder has the page and its modules, LiteRT.js from node_modules (`npm ci` compares its packages
with the hashes of package-lock.json), the models of android_demo_assets, and two files that are
written here: models/reader.json, with all that the modules need beside the model's own metadata,
and files.json, the list of files with their hashes.
"""

import argparse
import gzip
import hashlib
import json
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import numpy as np
from ai_edge_litert import schema_py_generated as schema

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parent
sys.path.insert(0, str(ROOT))

from fau_tf.face import bundle, head_pose  # noqa: E402
from fau_tf.inference import occlusion, quality  # noqa: E402

ASSETS: Final = ROOT / "android_demo_assets"
METADATA: Final = "fau_metadata.json"
NOT_SERVED: Final = {"README.md", "tests", "node_modules", "package.json", "package-lock.json"}
LITERT: Final = {
    # As modules of workers know no import map, the one bare name in them becomes a path.
    "core/dist/index.js": "index.js",
    "wasm-utils/dist/index.js": "wasm-utils.js",
    "core/wasm/litert_wasm_internal.js": "wasm/litert_wasm_internal.js",
    "core/wasm/litert_wasm_internal.wasm": "wasm/litert_wasm_internal.wasm",
    # For browsers without relaxed SIMD.
    "core/wasm/litert_wasm_compat_internal.js": "wasm/litert_wasm_compat_internal.js",
    "core/wasm/litert_wasm_compat_internal.wasm": "wasm/litert_wasm_compat_internal.wasm",
}
WASM: Final = "litert/wasm/litert_wasm_internal.wasm"
SAMPLE: Final = "docs/sample/astronaut.png"
DOCS: Final = {
    "android_demo_assets/MODEL_CARD.md": "model_card.txt",
    "docs/guide/browser.md": "guide.txt",
}
"""What the page links to. Browsers show .txt files; some offer .md files as a download."""
NOT_FIRST: Final = re.compile(r"compat_internal|^files\.json$|^LICENSE$|^NOTICE$|^docs/")
"""Files that no first load fetches."""


def main(arguments: list[str] | None = None) -> int:
    """Assemble the folder and print its sizes; return an exit status."""
    parser = argparse.ArgumentParser(description="Assemble the page of web_demo/.")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(arguments).folder
    try:
        assemble(folder)
    except FileNotFoundError as error:
        sys.stderr.write(f"error: {error}. Run `make web`, which installs what is needed.\n")
        return 2
    sys.stdout.write(sizes(folder))
    return 0


def assemble(folder: Path) -> None:
    """Write the folder; what it had before is replaced.

    Raises:
        FileNotFoundError: If a source is missing.
    """
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    write(partial)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def write(folder: Path) -> None:
    """Write all files into an empty folder."""
    copy_page(folder)
    copy_litert(folder / "litert")
    (folder / "models").mkdir()
    write_models(folder / "models")
    (folder / "sample").mkdir()
    shutil.copyfile(ROOT / SAMPLE, folder / "sample" / Path(SAMPLE).name)
    (folder / "docs").mkdir()
    for source, name in DOCS.items():
        # A byte order mark: hosts name no encoding of text files.
        text = (ROOT / source).read_text(encoding="utf-8")
        (folder / "docs" / name).write_text(text, encoding="utf-8-sig")
    for name in ("LICENSE", "NOTICE"):
        shutil.copyfile(ROOT / name, folder / name)
    write_json(folder / "files.json", listing(folder))


def copy_page(folder: Path) -> None:
    """Copy the page and its modules."""
    for path in sorted(HERE.iterdir()):
        if path.name in NOT_SERVED or path.suffix == ".py" or path.name.startswith((".", "__")):
            continue
        if path.is_dir():
            shutil.copytree(path, folder / path.name)
        else:
            shutil.copyfile(path, folder / path.name)


def copy_litert(folder: Path) -> None:
    """Copy LiteRT.js."""
    packages = HERE / "node_modules" / "@litertjs"
    for source, name in LITERT.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        content = (packages / source).read_bytes()
        if name.endswith(".js"):
            content = content.replace(b'"@litertjs/wasm-utils"', b'"./wasm-utils.js"')
            content = re.sub(rb"//# sourceMappingURL=\S+\s*$", b"", content)
        target.write_bytes(content)


def write_models(folder: Path) -> None:
    """Write the networks, the metadata of the AU model and reader.json."""
    content = bundle.read_bundle()
    rows: dict[str, Any] = {}
    for key, name in (("detector", bundle.DETECTOR), ("landmarks", bundle.LANDMARKS)):
        (folder / name).write_bytes(with_static_batch(bundle.network_file(content, name)))
        rows[key] = row(folder / name)
    shutil.copyfile(ASSETS / METADATA, folder / METADATA)
    for variant in json.loads((ASSETS / METADATA).read_text(encoding="utf-8"))["variants"].values():
        shutil.copyfile(ASSETS / variant["file"], folder / variant["file"])
    weights = occlusion.load_weights()
    path = folder / "occlusion.bin"
    path.write_bytes(b"".join(value.astype("<f4").tobytes() for value in weights.values()))
    arrays = [{"name": name, "shape": list(value.shape)} for name, value in weights.items()]
    rows["occlusion"] = {**row(path), "arrays": arrays}
    rows["wasm"] = {"bytes": (folder.parent / WASM).stat().st_size}
    write_json(
        folder / "reader.json",
        {"version": metadata.version("fau_tf"), "files": rows, "quality": quality_rules()},
    )


def with_static_batch(content: bytes) -> bytes:
    """Return a .tflite file whose tensors have no dynamic sides: LiteRT.js refuses these.

    The sides that are dynamic (-1) in the signatures of the shapes are 1 in the shapes.
    """
    changed = bytearray(content)
    model = schema.Model.GetRootAs(changed)
    for graph in (model.Subgraphs(i) for i in range(model.SubgraphsLength())):
        for tensor in (graph.Tensors(i) for i in range(graph.TensorsLength())):
            if tensor.ShapeSignatureLength():
                tensor.ShapeSignatureAsNumpy()[:] = tensor.ShapeAsNumpy()  # in place
    return bytes(changed)


def quality_rules() -> dict[str, Any]:
    """Return the limits of the quality measures, and the mesh points of the head pose."""
    return {
        "flag_below": quality.FLAG_BELOW,
        "limits": [{"measure": name, **asdict(row)} for name, row in quality.LIMITS.items()],
        "rigid_points": head_pose.RIGID,
    }


def row(path: Path) -> dict[str, Any]:
    """Return name, size and hash of a file."""
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return {"file": path.name, "bytes": len(content), "sha256": digest}


def listing(folder: Path) -> dict[str, Any]:
    """Return the files of the folder, and a version that changes with any of them."""
    files = [{**row(path), "file": name} for name, path in served(folder)]
    version = hashlib.sha256("".join(one["sha256"] for one in files).encode()).hexdigest()[:16]
    return {"version": version, "files": files}


def served(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield name and path of each file of the folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path


def sizes(folder: Path) -> str:
    """Return a table of raw and compressed sizes, and of what a first load fetches."""
    lines, first = [f"{'bytes':>10} {'gzip':>10}  file"], {}
    for name, path in served(folder):
        content = path.read_bytes()
        first[name] = np.array((len(content), len(gzip.compress(content, 6))))
        lines.append("{:10,} {:10,}  {}".format(*first[name], name))
    variants = json.loads((folder / "models" / METADATA).read_text(encoding="utf-8"))["variants"]
    models = {f"models/{variant['file']}" for variant in variants.values()}
    for key, variant in variants.items():
        others = models - {f"models/{variant['file']}"}
        fetched = [
            size
            for name, size in first.items()
            if name not in others and not NOT_FIRST.search(name)
        ]
        lines.append("{:10,} {:10,}  first load, {}".format(*sum(fetched), key))
    return "\n".join(lines) + "\n"


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file in one line."""
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
