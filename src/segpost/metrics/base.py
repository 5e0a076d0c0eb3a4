"""What every measure that is summed over a data set can do: merge, reduce, be saved."""

from __future__ import annotations

import copy
import json
from typing import Any, ClassVar, TypeVar

import numpy as np

A = TypeVar("A", bound="Accumulator")
VERSION = 1
MOST_BYTES = 1 << 30  # of a saved state; more is no state of ours


class Accumulator:
    """Counts over a data set. Sums of parts are the counts of the whole, in any order."""

    _kind: ClassVar[str] = ""
    _reduced: bool = False

    # What a measure defines.

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments as plain data; what they are in both parts of a sum."""
        raise NotImplementedError

    def reset(self) -> None:
        """Forget everything that was counted."""
        raise NotImplementedError

    def _totals(self) -> dict[str, Any]:
        """The counts as plain data."""
        raise NotImplementedError

    def _restore(self, totals: dict[str, Any]) -> None:
        """Take counts that `_totals` gave."""
        raise NotImplementedError

    def _absorb(self, other: Any) -> None:
        """Add the counts of another one with the same settings; on an error nothing changes."""
        raise NotImplementedError

    # What that gives.

    def merge_state(self: A, other: A) -> None:
        """Add the counts of another part of the data set.

        Raises
        ------
        TypeError, ValueError
            If it is another measure, or one with other settings.
        """
        if type(other) is not type(self):
            raise TypeError(f"cannot add {type(other).__name__} to {type(self).__name__}")
        own, others = self.settings(), other.settings()
        for name, value in own.items():
            if others[name] != value:
                raise ValueError(
                    f"cannot add two {type(self).__name__}: {name} is {value!r} and "
                    f"{others[name]!r}"
                )
        if self._reduced != other._reduced:
            blank = self.copy()
            blank.reset()
            if blank._totals() not in (self._totals(), other._totals()):
                raise RuntimeError("the counts of one are those of all processes already")
        self._absorb(other)
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
        """One of its own with the same counts."""
        return copy.deepcopy(self)

    def all_reduce(self: A, group: Any = None) -> A:
        """Sum over the processes of torch.distributed; afterwards all have the same state.

        Every process must call it. The parts are merged in the order of the ranks, from tensors
        of plain data: nothing is pickled.

        Parameters
        ----------
        group : ProcessGroup, optional
            The default group where left out.

        Raises
        ------
        RuntimeError
            If it was called before and `reset` was not: the counts would be multiplied.
        """
        import torch
        import torch.distributed as dist

        if self._reduced:
            raise RuntimeError(
                "all_reduce was called already: a second one would multiply the counts; "
                "reset() starts anew"
            )
        device = "cuda" if "nccl" in str(dist.get_backend(group)) else "cpu"
        text = np.frombuffer(self.to_json().encode(), np.uint8)
        sizes = [torch.zeros(1, dtype=torch.int64, device=device) for _ in range(_ranks(group))]
        dist.all_gather(sizes, torch.tensor([len(text)], device=device), group=group)
        padded = torch.zeros(int(max(map(int, sizes))), dtype=torch.uint8, device=device)
        padded[: len(text)] = torch.from_numpy(text.copy()).to(device)
        texts = [torch.zeros_like(padded) for _ in sizes]
        dist.all_gather(texts, padded, group=group)
        merged = self.copy()
        merged.reset()
        for size, part in zip(sizes, texts, strict=True):
            merged.merge_state(self.from_json(part[: int(size)].cpu().numpy().tobytes()))
        self.__dict__.update(merged.__dict__)
        self._reduced = True
        return self

    def state_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, strings and lists: for a checkpoint, or JSON."""
        return {
            "segpost": self._kind,
            "version": VERSION,
            "settings": self.settings(),
            "reduced": self._reduced,
            "totals": self._totals(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the counts of a `state_dict` of the same settings.

        Raises
        ------
        ValueError
            If it is none, has other settings, or its counts cannot be.
        """
        other = type(self)._from_state(state)
        fresh = self.copy()
        fresh.reset()
        fresh.merge_state(other)
        self.__dict__.update(fresh.__dict__)

    def to_json(self) -> str:
        """The state as one line of JSON; the same bytes for the same counts."""
        return json.dumps(self.state_dict(), separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls: type[A], text: str | bytes) -> A:
        """The inverse of `to_json`.

        Raises
        ------
        ValueError
            If the text is no such state, or its counts cannot be.
        """
        if len(text) > MOST_BYTES:
            raise ValueError(f"a state of {len(text)} bytes is none of segpost's")
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
            result._restore(state["totals"])
            if not isinstance(state["reduced"], bool):
                raise ValueError(f"reduced is {state['reduced']!r}")
            result._reduced = state["reduced"]
        except (KeyError, TypeError, AttributeError, OverflowError, ValueError) as error:
            raise ValueError(f"damaged {cls.__name__}: {error}") from error
        return result

    def _check_open(self) -> None:
        if self._reduced:
            raise RuntimeError(
                "the counts are those of all processes since all_reduce; reset() starts anew"
            )


def table(values: object, shape: tuple[int, ...], name: str) -> Any:
    """Saved counts as an int64 array; negative ones, fractions and other shapes are refused."""
    array = np.array(values)
    if array.size == 0:
        array = np.zeros(shape, np.int64) if 0 in shape else array
    if array.shape != shape or (array.size and array.dtype.kind not in "iu"):
        raise ValueError(f"{name} must be integers of shape {shape}, got {array.shape}")
    if array.size and (int(array.min()) < 0 or int(array.max()) >= 2**63):
        raise ValueError(f"{name} has counts outside 0..2**63 - 1")
    return array.astype(np.int64)


def whole(value: object, least: int, most: int, name: str) -> int:
    """A saved integer in its range."""
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{name} has {value!r}, which is no integer in {least}..{most}")
    return value


def added(a: Any, b: Any) -> Any:
    """The sum of two tables of counts, if int64 holds it."""
    total = a + b
    if (total < 0).any():
        raise OverflowError("the sum of the counts is beyond int64")
    return total


def tallies(values: object, shape: tuple[int, ...], name: str) -> Any:
    """Saved (..., 3, C) hits, target and predicted pixels that fit each other."""
    array = table(values, shape, name)
    if (array[..., 0, :] > array[..., 1:, :].min(axis=-2)).any():
        raise ValueError(f"{name} has more hits than pixels")
    return array


def _ranks(group: Any) -> int:
    import torch.distributed as dist

    return int(dist.get_world_size(group))
