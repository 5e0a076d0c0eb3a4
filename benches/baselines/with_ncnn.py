"""ncnn, which has Interp, but no layer that picks a class a pixel."""

from __future__ import annotations

from benches.harness.jobs import Absent, Job, Run, contender, need


@contender("ncnn", "labels", "labels+color", "labels+confidence+color")
def labels(job: Job) -> Run:
    create = need("ncnn").create_layer
    missing = [name for name in ("ArgMax", "TopK") if create(name) is None]
    raise Absent(f"ncnn has no layer {' or '.join(missing)}, so its graphs end in scores")
