"""The command `segpost run`: label maps and images of saved logits."""

from __future__ import annotations

import argparse

from segpost._core.text import ErrorText, display_path
from segpost.cli.messages import format_error
from segpost.cli.parser import CommandParser, format_epilog
from segpost.cli.progress import print_error, progress
from segpost.cli.repetitions import RepeatedMessages
from segpost.cli.run.arguments import (
    add_arguments,
    check_arguments,
    check_header,
    default_outputs,
)
from segpost.cli.run.inputs import Images, Item, LogitsFile, list_files, list_items
from segpost.cli.run.journal import Journal, OutputError
from segpost.cli.run.outputs import OutputFolder, check_collisions
from segpost.cli.run.settings import RunSettings
from segpost.cli.run.volumes import LikeImages
from segpost.cli.run.work import Worker, expected_names, has_labels, map_in_order
from segpost.files.images import limit_pixels
from segpost.files.nifti import NIFTI_SUFFIXES
from segpost.files.tensors import LOGITS_SUFFIXES

EXAMPLES = (
    "segpost run logits.npy --image photo.png --palette voc --out pictures",
    "segpost run logits/ --out labels --jobs 4 --resume",
    "segpost run case.npz --volume --like case_0000.nii.gz --want labels,confidence --out cases",
)


def declare(parser: CommandParser) -> None:
    """Declare the command."""
    parser.description = (
        "Make label maps (indexed PNG), colors, overlays and confidence of logits that "
        "NumPy, torch, safetensors or h5py saved: (C, H, W), or (N, C, H, W) with --batch; or "
        "label maps (NIfTI or .npy) of volumes (C, D, H, W) with --volume. Folders are searched "
        "with everything below them, and --out gets the same folders."
    )
    parser.epilog = format_epilog(
        EXAMPLES,
        "An item that fails is reported and the others go on; the exit status is then 1. "
        "Where an output cannot be written, the run stops with status 2.",
    )
    add_arguments(parser)
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the outputs of every input."""
    import PIL.Image  # noqa: F401  # if it is missing, say so once and not for every item

    has_colors = arguments.palette is not None and not arguments.volume
    want = arguments.want or default_outputs(has_colors, arguments.image is not None)
    check_arguments(arguments, want)
    position, count = arguments.shard
    journal = Journal(arguments.out, "" if count == 1 else f"{position}-of-{count}")
    journal.refresh()
    with limit_pixels(arguments.max_pixels):
        is_volume = arguments.volume
        images = LikeImages(arguments.like) if is_volume else Images(arguments.image)
        suffixes = (*LOGITS_SUFFIXES, *NIFTI_SUFFIXES) if is_volume else LOGITS_SUFFIXES
        files = list_files(arguments.logits, arguments.glob, journal, arguments.key, suffixes)
        is_searched = any(path.is_dir() for path in arguments.logits)
        images.warn_of_files([file.name for file in files], is_searched=is_searched)
        inputs = [*(file.path for file in files), *images.paths()]
        items = _list_items(files, arguments, images)
        outputs = OutputFolder(
            journal,
            RunSettings.of(arguments, want),
            inputs,
            overwrite=arguments.overwrite,
            resume=arguments.resume,
        )
        worker = Worker(arguments, want, images, outputs)
        try:
            with outputs.open():
                outputs.check(expected_names(items, want, arguments))
                return _make_all(items, worker, arguments)
        except OutputError as error:
            print_error(f"error: {format_error(error.text)}")
            return 2


def _make_all(items: list[Item], worker: Worker, arguments: argparse.Namespace) -> int:
    """Write the outputs of all items and print what fails; return the exit status."""
    failed = written = done_before = 0
    repeated = RepeatedMessages()
    results = map_in_order(worker.make, items, arguments.jobs)
    with progress(results, len(items)) as (bar, print_line):
        for result in bar:
            for note in result.notes:
                print_line(note)
            if result.problem is None:
                done_before += result.was_done
                written += not result.was_done
                continue
            failed += 1
            if repeated.is_new(result.problem):
                print_line(format_error(result.problem))
        for line in repeated.summaries():
            print_line(line)
    tail = f", {failed} failed" if failed else ""
    tail += f", {done_before} done before" if done_before else ""
    count = worker.outputs.written
    out = display_path(arguments.out)
    print(f"{written} done{tail}: {count} file{'' if count == 1 else 's'} in {out}")
    return 1 if failed else 0


def _list_items(
    files: list[LogitsFile], arguments: argparse.Namespace, images: Images
) -> list[Item]:
    """Return the items of this shard, after a check that no two of all have one name."""
    position, count = arguments.shard
    batch_ndim = None if arguments.volume else 3 if has_labels(arguments) else 4
    items: list[Item] = []
    for file in files[position::count]:
        listed = list_items(file, batch_ndim, lambda header: check_header(arguments, header))
        try:
            images.check_batch([item.name for item in listed])
        except ValueError as error:
            problem = ErrorText(display_path(file.path), str(error))
            listed = [Item(file.name, file, problem.location, problem=problem)]
        items += listed
    in_files = [(file.name, file.path) for file in files]
    in_batches = [(item.name, item.file.path) for item in items if item.name != item.file.name]
    check_collisions([*in_files, *in_batches])
    return items
