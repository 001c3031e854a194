"""What is closed at the end of a `with` block."""

from abc import ABC, abstractmethod
from typing import Self


class Closing(ABC):
    """Something with a `close`, which the end of a `with` block calls in any case."""

    @abstractmethod
    def close(self) -> None:
        """Free what is held, or complete what is written."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
