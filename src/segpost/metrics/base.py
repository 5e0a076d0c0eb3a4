"""Base of the measures over a data set: merging, reduction over processes, saved states."""

from __future__ import annotations

import copy
import json
from typing import Any, ClassVar, TypeVar

import numpy as np

from segpost._core.locks import Locked

A = TypeVar("A", bound="Accumulator")
VERSION = 1
MAX_STATE_BYTES = 1 << 30


class Accumulator(Locked):
    """Counts over a data set, which may be counted in parts and merged in any order.

    Threads may share one: each method changes the counts in one step.
    """

    _kind: ClassVar[str] = ""
    _reduced: bool = False

    # Defined by each measure

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain data.

        Only measures with the same settings can be merged.
        """
        raise NotImplementedError

    def reset(self) -> None:
        """Set all counts to zero, in new arrays: copies may have the old ones."""
        raise NotImplementedError

    def _dump(self) -> dict[str, Any]:
        """Return the counts as plain data."""
        raise NotImplementedError

    def _load(self, totals: dict[str, Any]) -> None:
        """Replace the counts by those that `_dump` returned; refuse counts that cannot be."""
        raise NotImplementedError

    def _merge(self, other: Any) -> None:
        """Add the counts of a measure with the same settings; on an error nothing changes."""
        raise NotImplementedError

    # Derived from these

    def merge_state(self: A, other: A) -> None:
        """Add the counts of another part of the data set.

        Raises
        ------
        TypeError, ValueError
            If `other` is another measure, or one with other settings.
        RuntimeError
            If one of the two was summed over all processes by `all_reduce`, and the other has
            counts of its own.
        """
        if type(other) is not type(self):
            raise TypeError(f"cannot add {type(other).__name__} to {type(self).__name__}")
        other_settings = other.settings()
        for name, value in self.settings().items():
            if other_settings[name] != value:
                raise ValueError(
                    f"cannot add two {type(self).__name__}: {name} is {value!r} and "
                    f"{other_settings[name]!r}"
                )
        first, second = sorted((self._lock, other._lock), key=id)  # the same order in all threads
        with first, second:
            if self._reduced != other._reduced:
                empty = self._empty()._dump()
                if empty not in (self._dump(), other._dump()):
                    raise RuntimeError("the counts of one are those of all processes already")
            self._merge(other)
            self._reduced |= other._reduced

    def __iadd__(self: A, other: A) -> A:
        if not isinstance(other, Accumulator):
            return NotImplemented
        self.merge_state(other)
        return self

    def __add__(self: A, other: A) -> A:
        if not isinstance(other, Accumulator):
            return NotImplemented
        result = self.copy()
        result.merge_state(other)
        return result

    def __radd__(self: A, other: object) -> A:
        if other == 0:  # the start of sum()
            return self.copy()
        return NotImplemented

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self) or not isinstance(other, Accumulator):
            return NotImplemented
        return self.state_dict() == other.state_dict()

    __hash__ = None  # type: ignore[assignment]

    def copy(self: A) -> A:
        """Return an independent measure with the same settings and counts."""
        with self._lock:
            return copy.deepcopy(self)

    def all_reduce(self: A, group: Any = None) -> A:
        """Sum over the processes of torch.distributed; afterwards they all have the same state.

        Every process must call it. The parts are merged in the order of the ranks, from tensors
        of plain data: nothing is pickled.

        Parameters
        ----------
        group : ProcessGroup, optional
            The default group if left out.

        Raises
        ------
        RuntimeError
            If it was called before and `reset` was not: the counts would be multiplied.
        """
        with self._lock:
            if self._reduced:
                raise RuntimeError(
                    "all_reduce was called already: a second one would multiply the counts; "
                    "reset() starts anew"
                )
            self.__dict__.update(self._sum_of_processes(group).__dict__, _reduced=True)
        return self

    def _sum_of_processes(self: A, group: Any) -> A:
        """Return the sum of the counts of all processes."""
        import torch
        import torch.distributed as dist

        device = "cuda" if "nccl" in str(dist.get_backend(group)) else "cpu"
        text = np.frombuffer(self.to_json().encode(), np.uint8)
        ranks = int(dist.get_world_size(group))
        sizes = [torch.zeros(1, dtype=torch.int64, device=device) for _ in range(ranks)]
        dist.all_gather(sizes, torch.tensor([len(text)], device=device), group=group)
        padded = torch.zeros(int(max(map(int, sizes))), dtype=torch.uint8, device=device)
        padded[: len(text)] = torch.from_numpy(text.copy()).to(device)
        texts = [torch.zeros_like(padded) for _ in sizes]
        dist.all_gather(texts, padded, group=group)
        merged = self._empty()
        for size, part in zip(sizes, texts, strict=True):
            merged.merge_state(self.from_json(part[: int(size)].cpu().numpy().tobytes()))
        return merged

    def state_dict(self) -> dict[str, Any]:
        """Return settings and counts as plain numbers, strings and lists, for a checkpoint."""
        with self._lock:
            return {
                "segpost": self._kind,
                "version": VERSION,
                "settings": self.settings(),
                "reduced": self._reduced,
                "totals": self._dump(),
            }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Replace the counts by those of a `state_dict` with the same settings.

        Raises
        ------
        ValueError
            If it is no state of this measure, has other settings, or impossible counts.
        """
        other = type(self)._from_state(state)
        result = self._empty()
        result.merge_state(other)
        with self._lock:
            self.__dict__.update(result.__dict__)

    def to_json(self) -> str:
        """Return the state as one line of JSON; the same counts give the same bytes."""
        return json.dumps(self.state_dict(), separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls: type[A], text: str | bytes) -> A:
        """Load a state that `to_json` returned.

        Raises
        ------
        ValueError
            If the text is no state of this measure, or its counts are impossible.
        """
        if len(text) > MAX_STATE_BYTES:
            raise ValueError(
                f"state is {len(text)} bytes, over the limit of {MAX_STATE_BYTES}; "
                "not a segpost state"
            )
        try:
            state = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"not a saved {cls.__name__}: {error}") from error
        return cls._from_state(state)

    @classmethod
    def _from_state(cls: type[A], state: object) -> A:
        if not isinstance(state, dict) or state.get("segpost") != cls._kind:
            kind = state.get("segpost") if isinstance(state, dict) else type(state).__name__
            raise ValueError(f"not a saved {cls.__name__}: it says {kind!r}")
        if state.get("version") != VERSION:
            raise ValueError(
                f"saved {cls.__name__} has version {state.get('version')!r}, "
                f"this segpost reads {VERSION}"
            )
        try:
            result = cls(**state["settings"])
            result._load(state["totals"])
            if not isinstance(state["reduced"], bool):
                raise ValueError(f"reduced is {state['reduced']!r}")
            result._reduced = state["reduced"]
        except (KeyError, TypeError, AttributeError, OverflowError, ValueError) as error:
            raise ValueError(f"damaged {cls.__name__}: {error}") from error
        return result

    def _empty(self: A) -> A:
        """Return a measure with the same settings that has counted nothing."""
        result = copy.copy(self)
        result.reset()
        return result

    def _add_batch(self: A, batch: A) -> None:
        """Add the counts of a batch, of which no other thread knows."""
        with self._lock:
            self._check_not_reduced()
            self._merge(batch)

    def _check_not_reduced(self) -> None:
        if self._reduced:
            raise RuntimeError(
                "the counts are those of all processes since all_reduce; reset() starts anew"
            )
