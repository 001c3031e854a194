"""`fau-demo --cluster`: a folder of shards with the rows of a run on one machine.

The folder is job-<hash>, another one for other files, another model or other settings. It holds
files such as talk_au-00003-of-00012.csv. A shard gets its name when it is complete, so a killed
worker loses and doubles nothing, and the same command continues with the remaining shards.
"""

import csv
import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from fau_tf import __version__
from fau_tf.distributed import cluster as clusters
from fau_tf.distributed.job import Job
from fau_tf.distributed.reports import forget_attempts_on_interrupt
from fau_tf.distributed.stages import SourceSummary, Stages
from fau_tf.inference.estimator import AUEstimator
from fau_tf.inference.model_info import default_model
from fau_tf.inference.postprocessing import Postprocessing
from fau_tf.io.sources import Source, SourceKind
from fau_tf.outputs.options import DEFAULTS, PredictOptions
from fau_tf.outputs.run import postprocessing
from fau_tf.outputs.writers import result_names
from fau_tf.utils.console import Console
from fau_tf.utils.files import file_sha256, lock_folder, replacing
from fau_tf.utils.text import readable

CARD: Final = "job.json"
FAILED: Final = "failed.csv"
ROWS_VERSION: Final = 3
"""Raised when the content of a shard changes, so that jobs start again."""


def predict(
    options: PredictOptions, sources: Sequence[Source], estimator: AUEstimator, console: Console
) -> list[str]:
    """Read all sources on a cluster; return the error messages of what cannot be read.

    Args:
        options: Of the command; `cluster` is set.
        sources: Photos and videos that all machines find at the same paths.
        estimator: Has loaded the model; closed before the work begins.
        console: Prints progress.

    Raises:
        ClusterError: If Ray is missing, or there is no cluster.
        ValueError: If an option or a source needs one machine, or a shard failed.
        OSError: If a file cannot be written.
    """
    address = options.cluster or clusters.LOCAL
    clusters.require_ray()
    _check(options, sources)
    names = [path.name for path in result_names(sources, options.out)]
    job = _job(options, estimator)
    estimator.close()
    key = _key(job, sources, names)
    folder = options.out / f"job-{key[:10]}"
    job = replace(job, folder=str(folder.absolute()))
    job.work.mkdir(parents=True, exist_ok=True)
    with lock_folder(folder, "one process at a time works on a job"):
        if (folder / CARD).is_file():
            console.print(f"{folder.name} is complete already")
        else:
            _delete_partial_files(job.work)
            with replacing(job.work / CARD) as unfinished:
                unfinished.write_text(json.dumps(asdict(job)), encoding="utf-8")
            with (
                forget_attempts_on_interrupt(job.work),
                clusters.start_cluster(address, options.workers) as cluster,
            ):
                console.print(f"{folder.name}, {cluster.workers} workers")
                stages = Stages(job, key, cluster, console)
                summaries = stages.run(list(zip(sources, names, strict=True)))
            _write_card(job, summaries, stages)
        shutil.rmtree(job.work, ignore_errors=True)
    return _print_card(folder, console)


def _check(options: PredictOptions, sources: Sequence[Source]) -> None:
    """Raise ValueError for what only one machine can do."""
    for name in ("draw", "plot", "events"):
        if getattr(options, name):
            raise ValueError(
                f"--cluster writes rows only, so --{name} is not possible. Leave it out, and draw "
                "single files in another call."
            )
    for source in sources:
        if source.kind in (SourceKind.CAMERA, SourceKind.STDIN):
            raise ValueError(
                f"--cluster needs files that every machine can open, so {source.name} is not "
                "possible. Read it without --cluster."
            )
    if not _outputs(options):
        raise ValueError("--cluster has nothing to write with --no-csv. Add --parquet or --jsonl.")


def _outputs(options: PredictOptions) -> tuple[str, ...]:
    asked = {name: getattr(options, name) for name in ("csv", "jsonl")}
    wanted = {name: bool(DEFAULTS[name]) if on is None else on for name, on in asked.items()}
    return tuple(name for name, on in (wanted | {"parquet": options.parquet}).items() if on)


def _job(options: PredictOptions, estimator: AUEstimator) -> Job:
    model = options.model or default_model()
    return Job(
        folder="",
        working_dir=str(Path.cwd()),
        version=__version__,
        model=str(model.absolute()),
        model_sha256=estimator.info.sha256,
        info_sha256=file_sha256(model.with_suffix(".json")),
        faces=options.faces,
        threads=options.threads,
        landmarker=options.landmarker,
        every=options.every,
        fps=options.fps,
        shard=options.shard,
        processing=postprocessing(options, estimator) or Postprocessing(),
        present_from=options.present_from,
        outputs=_outputs(options),
    )


def _key(job: Job, sources: Sequence[Source], names: Sequence[str]) -> str:
    """Return the hash of everything that decides the rows."""
    entries = {key: value for key, value in asdict(job).items() if key not in ("folder", "model")}
    digest = hashlib.sha256(json.dumps([ROWS_VERSION, entries], sort_keys=True).encode())
    for source, name in zip(sources, names, strict=True):
        digest.update(json.dumps([source.name, source.kind.value, name]).encode())
        for path in source.paths:
            digest.update(json.dumps([str(path), *_size_and_time(path)]).encode())
    return digest.hexdigest()


def _size_and_time(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except (OSError, ValueError):  # reading it gives the error
        return -1, -1
    return found.st_size, found.st_mtime_ns


def _delete_partial_files(work: Path) -> None:
    for left in work.glob(".partial-*"):  # of killed workers
        shutil.rmtree(left) if left.is_dir() else left.unlink()


def _write_card(job: Job, summaries: Sequence[SourceSummary], stages: Stages) -> None:
    folder = Path(job.folder)
    with (
        replacing(folder / FAILED) as unfinished,
        unfinished.open("w", encoding="utf-8", newline="") as file,
    ):
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("source", "shard", "reason"))
        failures = [row for summary in summaries for row in summary.failures]
        table.writerows(map(readable, row) for row in failures)
    local = ("folder", "working_dir", "model")  # paths of this machine, which no row depends on
    card: dict[str, Any] = {
        "settings": {key: value for key, value in asdict(job).items() if key not in local},
        "processes": [asdict(one) for one in stages.processes.values()],
        "join_seconds": stages.join_seconds,
        "sources": [asdict(one) for one in summaries],
    }
    with replacing(folder / CARD) as unfinished:
        unfinished.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


def _print_card(folder: Path, console: Console) -> list[str]:
    """Print the card of a complete job; return the error messages of what cannot be read."""
    unread: list[str] = []
    for entry in json.loads((folder / CARD).read_text(encoding="utf-8"))["sources"]:
        unread += [reason for *_, reason in entry["failures"]]
        if not entry["images"]:
            console.print(f"{entry['source']}: not read")
            continue
        counted = f"{entry['images']} {entry['unit']}, {entry['with_face']} with a face"
        console.print(f"{entry['source']}: {counted} that was read, {entry['shards']} shards")
    console.print("", f"Results: {folder}")
    return unread
