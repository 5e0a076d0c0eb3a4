"""Base of the measures over a data set: merging, reduction over processes, saved states."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar

from segpost._core.locks import Locked
from segpost._core.unknown_names import SuggestingType
from segpost.metrics.saved_state import (
    READABLE_VERSIONS,
    VERSION,
    StateCoverage,
    decode_state,
    encode_state,
    merge_coverage,
    read_coverage,
)

A = TypeVar("A", bound="Accumulator")


class Accumulator(Locked, metaclass=SuggestingType):
    """Counts over a data set, which may be counted in parts and merged in any order.

    Threads may share one: each method changes the counts in one step.
    """

    _kind: ClassVar[str] = ""
    _reduced: bool = False
    _coverage: StateCoverage = StateCoverage()
    duplicates: str

    if not TYPE_CHECKING:

        def __call__(self, *_: object, **__: object) -> NoReturn:
            """Refuse a call, which other libraries take for an update and a score of one batch."""
            raise TypeError(
                f"{type(self).__name__} is not called: call update(preds, target) for every batch, "
                "and compute() at the end"
            )

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

    def sums(self: A) -> A:
        """Return a measure with the same counts, without ids and counts of single images."""
        raise NotImplementedError

    def _image_names(self) -> Sequence[str | int]:
        """Return the ids of all images, empty where they have none."""
        raise NotImplementedError

    def _image_content(self, name: str | int) -> bytes:
        """Return the counts of an image that has an id, for comparisons."""
        raise NotImplementedError

    def _without_images(self: A, names: Collection[str | int]) -> A:
        """Return the counts of the other images."""
        raise NotImplementedError

    # Derived from these

    @property
    def is_complete(self) -> bool:
        """Whether no image is known to be missing from the counts."""
        return self._coverage.complete

    def record_coverage(
        self, complete: bool, expected: int | None = None, failed: Sequence[str | int] = ()
    ) -> None:
        """Record whether the counts are of all the images that they should be of.

        Saved states say it, and sums with other counts are complete only if both are.

        Parameters
        ----------
        complete : bool
            Whether nothing is missing.
        expected : int, optional
            Number of images that there should be.
        failed : sequence of str or int
            Ids of images that could not be counted.
        """
        with self._lock:
            self._coverage = StateCoverage(bool(complete), expected, tuple(failed))

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
            cure = "; sum(parts) adds a list" if isinstance(other, (list, tuple)) else ""
            raise TypeError(f"cannot add {type(other).__name__} to {type(self).__name__}{cure}")
        own, others = self.settings(), other.settings()
        for name in own | others:
            value, other_value = own.get(name), others.get(name)
            if value != other_value:
                raise ValueError(
                    f"cannot add two {type(self).__name__}: {name} is {value!r} and {other_value!r}"
                )
        first, second = sorted((self._lock, other._lock), key=id)  # the same order in all threads
        with first, second:
            if self._reduced != other._reduced:
                empty = self._empty()._dump()
                if empty not in (self._dump(), other._dump()):
                    raise RuntimeError("the counts of one are those of all processes already")
            coverage = self._merged_coverage(other)
            self._merge(other)
            self._coverage = coverage
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

    def all_reduce(self: A, group: Any = None, *, per_image: bool = False) -> A:
        """Sum over the processes of torch.distributed; afterwards they all have the same state.

        Every process must call it. Processes exchange sums, and hashes of ids, so that an image
        that two have counted is an error, or is left out, as `duplicates` says. The state has the
        bytes of one process's; without `per_image`, of one that counts without ids.

        Parameters
        ----------
        group : ProcessGroup, optional
            The default group if left out.
        per_image : bool
            Gather the counts and ids of all images. Otherwise the sums are without them until
            `reset`.

        Raises
        ------
        RuntimeError
            If it was called before and `reset` was not: the counts would be multiplied.
        ValueError
            If processes have counted images of the same id, if some of them have ids and some have
            none, or if they have other settings. Every process raises it.
        """
        from segpost.metrics.reduction import sum_over_processes

        with self._lock:
            if self._reduced:
                raise RuntimeError(
                    "all_reduce was called already: a second one would multiply the counts; "
                    "reset() starts anew"
                )
            total = sum_over_processes(self, group, per_image)
            self.__dict__.update(total.__dict__ | self._after_reduction() | {"_reduced": True})
        return self

    def _after_reduction(self) -> dict[str, Any]:
        """Return attributes that `reset` needs to undo what `all_reduce` changes."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Return settings and counts as plain numbers, strings and lists, for a checkpoint."""
        with self._lock:
            return self._document(self._dump(), reduced=self._reduced)

    def _document(self, totals: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {
            "segpost": self._kind,
            "version": VERSION,
            "settings": self.settings(),
            **more,
            "complete": self._coverage.complete,
            "expected": self._coverage.expected,
            "failed": list(self._coverage.failed),
            "totals": totals,
        }

    def _dump_lazily(self) -> dict[str, Any]:
        """Return what `_dump` returns, with an iterator in the place of a long list.

        Counts that are added later do not change what it yields.
        """
        return self._dump()

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
        """Return the state as one line of JSON; the same counts give the same bytes.

        Raises
        ------
        ValueError
            If it is larger than what `from_json` reads.
        """
        return "".join(self.json_pieces())

    def json_pieces(self) -> Iterator[str]:
        """Return the pieces of what `to_json` returns, which together take much memory.

        Raises
        ------
        ValueError
            As `to_json`, after the last piece.
        """
        with self._lock:
            return encode_state(self._document(self._dump_lazily()))

    @classmethod
    def from_json(cls: type[A], text: str | bytes) -> A:
        """Load a state that `to_json` returned, also from several in lines of their own.

        Raises
        ------
        ValueError
            If the text has no state of this measure, it is damaged, or its counts are impossible.
        """
        return cls._from_state(decode_state(text, cls._kind))

    @classmethod
    def _from_state(cls: type[A], state: object) -> A:
        if not isinstance(state, dict) or state.get("segpost") != cls._kind:
            kind = state.get("segpost") if isinstance(state, dict) else type(state).__name__
            raise ValueError(f"not a saved {cls.__name__}: it says {kind!r}")
        if state.get("version") not in READABLE_VERSIONS:
            raise ValueError(
                f"saved {cls.__name__} has version {state.get('version')!r}, "
                f"this segpost reads {' and '.join(map(str, READABLE_VERSIONS))}"
            )
        try:
            result = cls(**state["settings"])
            result._load(state["totals"])
            reduced = state.get("reduced", False)
            if not isinstance(reduced, bool):
                raise ValueError(f"reduced is {reduced!r}")
            result._reduced, result._coverage = reduced, read_coverage(state)
        except (KeyError, TypeError, AttributeError, OverflowError, ValueError) as error:
            raise ValueError(f"damaged {cls.__name__}: {error}") from error
        return result

    def _empty(self: A) -> A:
        """Return a measure with the same settings that has counted nothing."""
        cls = type(self)
        result = cls.__new__(cls)
        result.__dict__.update(self.__dict__)
        result.reset()
        return result

    def _reset_base(self) -> None:
        """Forget everything that is not a count."""
        self._reduced, self._coverage = False, Accumulator._coverage

    def _merged_coverage(self: A, other: A) -> StateCoverage:
        """Return the completeness of the sum; what has counted nothing does not change it."""
        one, two = self._coverage, other._coverage
        if (one.expected is None) != (two.expected is None):
            empty = self._empty()._dump()
            if one == StateCoverage() and self._dump() == empty:
                return two
            if two == StateCoverage() and other._dump() == empty:
                return one
        return merge_coverage(one, two)

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
