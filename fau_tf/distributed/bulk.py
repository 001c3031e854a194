"""`fau-demo --cluster`: sources -> a folder of shards, with the rows of a run on one machine.

job-<hash>/talk_au-00003-of-00012.csv, another folder for other files, model or settings. A shard is
renamed into its place when it is complete, so that a killed worker loses and doubles nothing, and
the same command goes on with those that are left.
"""

import csv
import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from fau_tf import __version__
from fau_tf.distributed import engine as engines
from fau_tf.distributed.parts import Job
from fau_tf.distributed.reports import Done, stoppable
from fau_tf.distributed.stages import Stages
from fau_tf.inference.estimator import AUEstimator
from fau_tf.inference.model_info import default_model
from fau_tf.io.sources import Source, SourceKind
from fau_tf.outputs.file_names import result_names
from fau_tf.outputs.options import DEFAULTS, PredictOptions
from fau_tf.outputs.run import processing
from fau_tf.utils.console import Console
from fau_tf.utils.files import file_sha256, hold, replacing

CARD: Final = "job.json"
FAILED: Final = "failed.csv"
PREPARED: Final = 1
"""Raised when what a shard becomes changes, so that jobs are begun again."""


def bulk(
    options: PredictOptions,
    sources: Sequence[Source],
    estimator: AUEstimator,
    console: Console,
) -> list[str]:
    """Read all sources on a cluster; return what could not be read, and why.

    Args:
        options: Of the command.
        sources: Photos and videos that all machines find under the same names.
        estimator: Has read the model; closed before the work begins.
        console: Says how far it is.

    Raises:
        ClusterError: If Ray is missing, or there is no cluster.
        ValueError: If an option or a source needs one machine, or a shard failed.
        OSError: If a file can't be written.
    """
    engines.require_ray(options.cluster)
    _refuse(options, sources)
    names = [path.name for path in result_names(sources, options.out)]
    job = _job(options, estimator)
    estimator.close()
    key = _key(job, sources, names)
    place = options.out / f"job-{key[:10]}"
    job = Job(**asdict(job) | {"place": str(place.absolute()), "outputs": job.outputs})
    job.work.mkdir(parents=True, exist_ok=True)
    with hold(place, "one process at a time works on a job"):
        if (place / CARD).is_file():
            console.say(f"{place.name} is there already")
        else:
            _work(options, job, key, list(zip(sources, names, strict=True)), console)
        # Only what is left of work that is complete.
        shutil.rmtree(job.work, ignore_errors=True)
    return _told(place, console)


def _work(
    options: PredictOptions,
    job: Job,
    key: str,
    sources: Sequence[tuple[Source, str]],
    console: Console,
) -> None:
    for left in job.work.glob(".partial-*"):  # of killed workers
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    with replacing(job.work / CARD) as unfinished:
        unfinished.write_text(json.dumps(asdict(job)), encoding="utf-8")
    with stoppable(job.work), engines.started(options.cluster, options.workers) as engine:
        console.say(f"{Path(job.place).name}, {engine.workers} workers")
        stages = Stages(job, key, engine, console)
        done = stages.all(sources)
    _write_card(job, done, stages)


def _refuse(options: PredictOptions, sources: Sequence[Source]) -> None:
    """Raise ValueError for what only one machine can do."""
    for name in ("draw", "plot"):
        if getattr(options, name):
            raise ValueError(
                f"--cluster: writes rows only. Received: --{name}. Leave it out, and draw what you "
                "want to look at in another call."
            )
    for source in sources:
        if source.kind in (SourceKind.CAMERA, SourceKind.STDIN):
            raise ValueError(
                "--cluster: needs files, which every machine can open. Received: "
                f"{source.name}. Read it without --cluster."
            )
    if not _outputs(options):
        raise ValueError(
            "--cluster: must write something. Received: --no-csv. Add --parquet or --jsonl."
        )


def _outputs(options: PredictOptions) -> tuple[str, ...]:
    asked = {name: getattr(options, name) for name in ("csv", "jsonl")}
    wanted = {name: bool(DEFAULTS[name]) if on is None else on for name, on in asked.items()}
    return tuple(name for name, on in (wanted | {"parquet": options.parquet}).items() if on)


def _job(options: PredictOptions, estimator: AUEstimator) -> Job:
    done, model = processing(options, estimator), options.model or default_model()
    return Job(
        place="",
        folder=str(Path.cwd()),
        version=__version__,
        model=str(model.absolute()),
        model_sha256=estimator.interpreter.info.sha256,
        info_sha256=file_sha256(model.with_suffix(".json")),
        faces=options.faces,
        threads=options.threads,
        every=options.every,
        shard=options.shard,
        smooth=done.smooth,
        neutral=done.neutral,
        rest=done.rest,
        present_from=options.present_from,
        outputs=_outputs(options),
    )


def _key(job: Job, sources: Sequence[Source], names: Sequence[str]) -> str:
    """Return the hash of all that decides what the rows are."""
    entries = {key: value for key, value in asdict(job).items() if key not in ("place", "model")}
    digest = hashlib.sha256(json.dumps([PREPARED, entries], sort_keys=True).encode())
    for source, name in zip(sources, names, strict=True):
        digest.update(json.dumps([source.name, source.kind.value, name]).encode())
        for path in source.paths:
            digest.update(json.dumps([str(path), *_state(path)]).encode())
    return digest.hexdigest()


def _state(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except (OSError, ValueError):  # it will be listed as unread
        return -1, -1
    return found.st_size, found.st_mtime_ns


def _write_card(job: Job, done: Sequence[Done], stages: Stages) -> None:
    place = Path(job.place)
    with replacing(place / FAILED) as unfinished, unfinished.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("source", "shard", "reason"))
        table.writerows(row for one in done for row in one.failures)
    hidden = ("place", "folder", "model")  # they say something of a machine, and nothing of rows
    card: dict[str, Any] = {
        "settings": {key: value for key, value in asdict(job).items() if key not in hidden},
        "processes": [asdict(one) for one in stages.processes.values()],
        "join_seconds": stages.join_seconds,
        "sources": [asdict(one) for one in done],
    }
    with replacing(place / CARD) as unfinished:
        unfinished.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


def _told(place: Path, console: Console) -> list[str]:
    """Say what a card says; return what could not be read."""
    unread: list[str] = []
    for entry in json.loads((place / CARD).read_text(encoding="utf-8"))["sources"]:
        unread += [reason for *_, reason in entry["failures"]]
        if not entry["pictures"]:
            console.say(f"{entry['source']}: not read")
            continue
        counted = f"{entry['pictures']} {entry['unit']}, {entry['with_face']} with a face"
        console.say(f"{entry['source']}: {counted} that was read, {entry['shards']} shards")
    console.say("", f"Results: {place}")
    return unread
