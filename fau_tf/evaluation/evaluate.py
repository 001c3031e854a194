"""Evaluation of trained or exported networks on test subjects of a data set."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from fau_tf import facs
from fau_tf.data.adapters.registry import DATASETS
from fau_tf.data.datasets import FaceDataset
from fau_tf.data.pipeline import Targets
from fau_tf.evaluation import figures, predictions
from fau_tf.evaluation.comparison.figure_table import evaluation_table
from fau_tf.evaluation.networks import Network, population_of
from fau_tf.evaluation.predictions import Predictions, pooled
from fau_tf.evaluation.published import Published
from fau_tf.training.run_dir import AGREEMENT, METRICS, PREDICTIONS, SCATTER, RunDir

_BATCH: Final = 64
_NO_PUBLISHED: Final = Published()


def evaluate(
    networks: Sequence[Network],
    faces: FaceDataset,
    subjects: Sequence[str],
    log: Callable[[str], None],
) -> Predictions:
    """Return the predictions for test subjects, each by the first network not fitted on them.

    For data of the networks' own population. See `evaluate_apart` for other data.

    Args:
        networks: From `load_networks`.
        faces: The data set.
        subjects: Test subjects of the data set's protocol.
        log: Prints a line.

    Raises:
        ValueError: If every network was fitted on every subject, the data set codes no AU of the
            networks, or they are of several seeds.
    """
    _require_one_seed(networks)
    aus = _common_aus(networks, faces, log)
    parts, remaining = [], list(subjects)
    for network in networks:
        fitted_on = network.fitted_on if _may_share(network, faces) else frozenset[str]()
        chosen = [name for name in remaining if name not in fitted_on]
        if chosen:
            log(f"   {network.name} predicts {len(chosen)} subjects")
            _log_unnamed(network, faces, log)
            parts.append(_predictions(network, faces, chosen, aus))
        remaining = [name for name in remaining if name in fitted_on]
    if remaining:
        log(f"   left out, as the network was fitted on them: {', '.join(remaining)}")
    if not parts:
        raise ValueError(
            f"{networks[0].name} was fitted on all {len(subjects)} test subjects. Evaluate on "
            "another data set."
        )
    return _coded(pooled(parts), log)


def is_apart(networks: Sequence[Network], faces: FaceDataset) -> bool:
    """Return whether no network was fitted on a subject of the data set.

    Networks of the same or an unknown population that don't name their subjects count as fitted
    on some.
    """
    return not any(
        _may_share(network, faces)
        and (not network.fitted_on or network.fitted_on & set(faces.subjects))
        for network in networks
    )


def evaluate_apart(
    networks: Sequence[Network], faces: FaceDataset, log: Callable[[str], None]
) -> dict[str, Predictions]:
    """Return name -> predictions of every network for all subjects of a data set.

    Args:
        networks: From `load_networks`; none was fitted on a subject of the data set.
        faces: The data set.
        log: Prints a line.

    Raises:
        ValueError: If the data set codes no AU of the networks.
    """
    aus = _common_aus(networks, faces, log)
    found: dict[str, Predictions] = {}
    for network in networks:
        log(f"   {network.name} predicts all {len(faces.subjects)} subjects")
        part = _predictions(network, faces, faces.subjects, aus)
        # All networks have the same AUs: those that are left out are printed once.
        found[network.name] = _coded(part, _silent if found else log)
    return found


def write_evaluation(
    run: RunDir,
    found: Predictions,
    dataset: str,
    *,
    published: Published = _NO_PUBLISHED,
    prefix: str = "",
    facts: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Print and keep every figure of some predictions; return the content of metrics.json.

    Writes `run_dir.EVALUATION`, with the prefix.

    Args:
        run: Folder of the run.
        found: The predictions.
        dataset: Name of the data set.
        published: What published results may stand beside them.
        prefix: Of the names of the files.
        facts: Further entries of metrics.json.
    """
    metrics = found.figures()
    run.log(predictions.table(metrics))
    run.log(predictions.levels_table(metrics))
    for line in published.lines(metrics["test"]["mean"]["icc"]):
        run.log(line)
    found.save(run / f"{prefix}{PREDICTIONS}")
    subjects, labels = len(set(found.subjects)), list(found.labels)
    title = f"{len(found.coded)} faces of {subjects} test subjects, {dataset}"
    figures.draw_agreement(run / f"{prefix}{AGREEMENT}", metrics["test"], title)
    figures.draw_scatter(run / f"{prefix}{SCATTER}", found.coded, found.predicted, labels, title)
    evaluation_table(metrics, f"{run.path.name}: {title}").save(run, f"{prefix}metrics")
    metrics |= {
        "data": {"name": dataset, "test_subjects": subjects},
        "published": published.rows,
        "published_left_out": published.left_out,
        **(facts or {}),
    }
    run.write_json(f"{prefix}{METRICS[0]}", metrics)
    return metrics


def describe_people(faces: FaceDataset, parts: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return the content of a run's `people.json`.

    Those are the population, the folder of the face records, and the subjects of each part.
    """
    names = {part: list(subjects) for part, subjects in parts.items()}
    records = faces.files[0].parent.name
    return {"population": population_of(faces.name), "records": records, **names}


def _may_share(network: Network, faces: FaceDataset) -> bool:
    """Return whether the names of the network's subjects may be those of the data set's."""
    return network.population in ("", population_of(faces.name))


def _log_unnamed(network: Network, faces: FaceDataset, log: Callable[[str], None]) -> None:
    """Print whether a network may have been fitted on subjects that it predicts."""
    if not network.fitted_on and _may_share(network, faces):
        log(
            f"   {network.name} doesn't name the subjects that it was fitted on; some may be among "
            "these"
        )


def _require_one_seed(networks: Sequence[Network]) -> None:
    seeds = {one.name.partition("/")[0] for one in networks if one.name.startswith("seed")}
    if len(seeds) > 1:
        raise ValueError(
            f"Networks of one seed predict subjects of their own data set: got {len(seeds)} seeds, "
            f"{', '.join(sorted(seeds))}. Evaluate the folder of one of them."
        )


def _common_aus(
    networks: Sequence[Network], faces: FaceDataset, log: Callable[[str], None]
) -> list[int]:
    """Return the AUs that all networks predict and the data set may code; print the others."""
    coded = (DATASETS[faces.name].aus if faces.name in DATASETS else ()) or facs.ALL
    predicted = networks[0].aus
    aus = [au for au in predicted if au in coded and all(au in one.aus for one in networks)]
    if not aus:
        raise ValueError(
            f"{networks[0].name} predicts {_labels(predicted)}, and {faces.name} codes none of "
            "them. Evaluate on another data set."
        )
    left_out = [au for au in predicted if au not in aus]
    if left_out:
        log(f"   left out, as {faces.name} or another fold lacks it: {_labels(left_out)}")
    return aus


def _coded(found: Predictions, log: Callable[[str], None]) -> Predictions:
    """Return the predictions of AUs that some face codes; print the others."""
    labels = found.coded_labels
    if not labels:
        raise ValueError(
            f"A face of the data set must code one of {', '.join(found.labels)}. Received: none of "
            f"{len(found.coded)} faces does. Evaluate on another data set."
        )
    left_out = [label for label in found.labels if label not in labels]
    if left_out:
        log(f"   left out, as no face codes it: {', '.join(left_out)}")
    return found.only(labels)


def _predictions(
    network: Network, faces: FaceDataset, subjects: Sequence[str], aus: Sequence[int]
) -> Predictions:
    """Return a network's predictions of some of its AUs."""
    targets = Targets(codec=network.codec, aus=network.aus, rule=network.rule)
    part = faces.subset(subjects)
    intensity = network.predict(part.batches(targets, batch_size=_BATCH))
    columns = [network.aus.index(au) for au in aus]
    coded, predicted = part.labels(targets)[:, columns], intensity[:, columns]
    return Predictions(coded, predicted, part.face_subjects(), [facs.AUS[au].label for au in aus])


def _labels(aus: Sequence[int]) -> str:
    return ", ".join(facs.AUS[au].label for au in aus)


def _silent(_line: str) -> None:
    """Print nothing."""
