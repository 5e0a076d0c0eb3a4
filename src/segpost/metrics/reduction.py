"""The sum of a measure over the processes of torch.distributed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from typing import Any, Protocol

import numpy as np

HASH_BYTES = 16
ROW = np.dtype([("id", f"V{HASH_BYTES}"), ("counts", f"V{HASH_BYTES}")])
MOST_RANKS = 8  # that a message names


class Reducible(Protocol):
    """What a measure has for its sum over processes."""

    duplicates: str

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain data."""

    def sums(self) -> Any:
        """Return a measure without counts of single images."""

    def to_json(self) -> str:
        """Return the state as JSON."""

    def _empty(self) -> Any: ...
    def _dump(self) -> dict[str, Any]: ...
    def _image_names(self) -> Sequence[str | int]: ...
    def _image_content(self, name: str | int) -> bytes: ...
    def _without_images(self, names: Collection[str | int]) -> Any: ...


def sum_over_processes(measure: Reducible, group: Any, per_image: bool) -> Any:
    """Return the sum of the counts of all processes; nothing is pickled.

    Each process sends the sums of its counts, and two hashes an image with an id: of the id and of
    its counts. An image that several have counted is left out of all but the first of them.

    Parameters
    ----------
    measure : Reducible
        The counts of this process.
    group : ProcessGroup or None
        The processes.
    per_image : bool
        Gather the counts and ids of all images, too.

    Raises
    ------
    ValueError
        If images were counted by several processes, and `duplicates` says that this is an error;
        if some processes have images with ids and some without; if they have other settings.
        Every process raises it.
    """
    _check_agreement(measure, group, per_image)
    part = _without_repetitions(measure, group)
    sent = part if per_image else part.sums()
    total = sent._empty()
    for text in gather_bytes(sent.to_json().encode(), group):
        total.merge_state(sent.from_json(text))
    return total


def gather_bytes(content: bytes, group: Any) -> list[bytes]:
    """Return the bytes of every process, in the order of the ranks."""
    import torch
    import torch.distributed as dist

    device = "cuda" if "nccl" in str(dist.get_backend(group)) else "cpu"
    ranks = int(dist.get_world_size(group))
    sizes = [torch.zeros(1, dtype=torch.int64, device=device) for _ in range(ranks)]
    dist.all_gather(sizes, torch.tensor([len(content)], device=device), group=group)
    padded = torch.zeros(int(max(map(int, sizes))), dtype=torch.uint8, device=device)
    if content:
        padded[: len(content)] = torch.frombuffer(bytearray(content), dtype=torch.uint8).to(device)
    parts = [torch.zeros_like(padded) for _ in sizes]
    if len(padded):
        dist.all_gather(parts, padded, group=group)
    pairs = zip(parts, sizes, strict=True)
    return [part[: int(size)].cpu().numpy().tobytes() for part, size in pairs]


def _check_agreement(measure: Reducible, group: Any, per_image: bool) -> None:
    """Raise in every process if their sums would not fit together."""
    own = {"measure": type(measure).__name__, **measure.settings()}
    own["per_image of all_reduce"] = bool(per_image)
    texts = gather_bytes(json.dumps([own, _has_ids(measure)]).encode(), group)
    every, have_ids = zip(*map(json.loads, texts), strict=True)
    for rank, settings in enumerate(every):
        for name in every[0] | settings:
            value, other = every[0].get(name), settings.get(name)
            if value != other:
                raise ValueError(f"{name} is {value!r} on rank 0 and {other!r} on rank {rank}")
    named, nameless = ([k for k, has in enumerate(have_ids) if has is w] for w in (True, False))
    if named and nameless:
        raise ValueError(
            f"ids must be given for all images or for none: there are ids on {_name_ranks(named)}, "
            f"and none on {_name_ranks(nameless)}"
        )


def _has_ids(measure: Reducible) -> bool | None:
    """Return whether the images have ids; None if nothing is counted."""
    if measure._image_names():
        return True
    return None if measure._dump() == measure._empty()._dump() else False


def _name_ranks(ranks: Sequence[int]) -> str:
    """Return the numbers of ranks, the first of them if they are many."""
    names = [str(rank) for rank in ranks[:MOST_RANKS]]
    if len(names) == 1:
        return f"rank {names[0]}"
    if len(ranks) > MOST_RANKS:
        return f"{len(ranks)} ranks ({', '.join(names)}, ...)"
    return f"ranks {', '.join(names[:-1])} and {names[-1]}"


def _without_repetitions(measure: Reducible, group: Any) -> Any:
    """Return the counts of the images that no process of a lower rank has counted."""
    import torch.distributed as dist

    names = measure._image_names()
    own = np.zeros(len(names), ROW)
    for row, name in enumerate(names):
        own[row] = (_hash(repr(name).encode()), _hash(measure._image_content(name)))
    ranks = [np.frombuffer(part, ROW) for part in gather_bytes(own.tobytes(), group)]
    first_of_id: dict[bytes, tuple[int, bytes]] = {}
    repeated: dict[bytes, str] = {}
    for rank, rows in enumerate(ranks):
        for id_, counts in zip(rows["id"].tolist(), rows["counts"].tolist(), strict=True):
            first, before = first_of_id.setdefault(id_, (rank, counts))
            if first != rank:
                is_same = before == counts
                difference = "" if is_same else ", with other counts the second time"
                repeated[id_] = f"on ranks {first} and {rank}{difference}"
    if not repeated:
        return measure
    hashes = dict(zip(own["id"].tolist(), names, strict=True))
    wrong = {id_: text for id_, text in repeated.items() if "other counts" in text}
    if wrong or measure.duplicates == "raise":
        id_, text = next(iter((wrong or repeated).items()))
        name = repr(hashes[id_]) if id_ in hashes else "an image of other ranks"
        cure = "" if wrong else '; duplicates="drop" counts it once'
        raise ValueError(f"ids has {name} twice, {text}{cure}")
    rank = int(dist.get_rank(group))
    dropped = {hashes[id_] for id_ in repeated if id_ in hashes and first_of_id[id_][0] != rank}
    return measure._without_images(dropped) if dropped else measure


def _hash(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=HASH_BYTES).digest()
