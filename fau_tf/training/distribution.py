"""One device or many, by tf.distribute: the batch is shared, the result is the same."""

import json
import os
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, Final

import tensorflow as tf

from fau_tf.training.config import ConfigError


class Devices:
    """The devices that train together.

    Args:
        strategy: Row of `config.STRATEGIES`: `none`, one device; `mirrored`, all devices of this
            machine; `multi_worker`, those of the machines that TF_CONFIG names, each of which runs
            the same command.

    Attributes:
        worker: This process's number; 0 is the chief, which evaluates, saves and exports.
        workers: Processes that train together.
        replicas: Devices that train together.

    Raises:
        ConfigError: If TF_CONFIG is missing or doesn't name this worker.
    """

    def __init__(self, strategy: str) -> None:
        self.worker, self.workers = 0, 1
        self.strategy: tf.distribute.Strategy | None = None
        if strategy == "multi_worker":
            self.worker, self.workers = _place()
        self.strategy = _STRATEGIES[strategy]()
        self.replicas = self.strategy.num_replicas_in_sync if self.strategy else 1

    @property
    def chief(self) -> bool:
        """Whether this process evaluates, saves and exports."""
        return self.worker == 0

    def scope(self) -> Any:
        """Return the `with` block in which variables of the training are made."""
        return self.strategy.scope() if self.strategy else nullcontext()

    def check(self, batch_size: int) -> None:
        """Raise ConfigError unless every device gets an equal part of the batch."""
        if batch_size % self.replicas:
            raise ConfigError(
                f"`training.batch_size` must be a multiple of the {self.replicas} devices: got "
                f"{batch_size}. Set a multiple of {self.replicas}."
            )

    def share(
        self, batches: Callable[[tuple[int, int]], tf.data.Dataset], batch_size: int
    ) -> tf.data.Dataset | tf.distribute.DistributedDataset:
        """Return what `Model.fit` takes.

        Args:
            batches: Returns a worker's part (i, n) of each batch.
            batch_size: Of all devices together.
        """
        if self.strategy is None:
            return batches((0, 1))

        def of_this_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
            del context
            mine = batches((self.worker, self.workers))
            each = batch_size // self.replicas
            if each * self.workers == batch_size:
                return mine
            return mine.rebatch(each, drop_remainder=True)

        return self.strategy.distribute_datasets_from_function(of_this_worker)


def total(value: Any) -> Any:
    """Return the sum over all replicas; `value` itself outside of a replica."""
    replica = tf.distribute.get_replica_context()
    if replica is None or replica.num_replicas_in_sync == 1:
        return value
    return replica.all_reduce(tf.distribute.ReduceOp.SUM, value)


def _mirrored() -> tf.distribute.Strategy:
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    return tf.distribute.MirroredStrategy([d.name for d in tf.config.list_logical_devices(kind)])


_STRATEGIES: Final[dict[str, Callable[[], tf.distribute.Strategy | None]]] = {
    "none": lambda: None,
    "mirrored": _mirrored,
    "multi_worker": tf.distribute.MultiWorkerMirroredStrategy,
}


ONE_DEVICE: Final = Devices("none")


def _place() -> tuple[int, int]:
    """Return this worker's number and how many there are, from TF_CONFIG."""
    raw = os.environ.get("TF_CONFIG", "")
    try:
        cluster = json.loads(raw)
        workers, task = cluster["cluster"]["worker"], cluster["task"]
        index = task["index"]
        if task["type"] != "worker" or not 0 <= index < len(workers):
            raise ValueError(f"task {task}")
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            'training.strategy=multi_worker needs TF_CONFIG, {"cluster": {"worker": ["HOST:PORT", '
            '...]}, "task": {"type": "worker", "index": 0}}, with this machine\'s index. '
            f"Received: {raw or 'none'} ({error}). Set it on every machine."
        ) from error
    return index, len(workers)
