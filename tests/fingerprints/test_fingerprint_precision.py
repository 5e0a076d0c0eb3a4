"""What fingerprints cannot tell apart: precision, enlarging, and outputs that are constant."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import segpost

torch = pytest.importorskip("torch")
RNG = np.random.default_rng(11)
SMALL = RNG.normal(size=(5, 24, 32)).astype(np.float32)
LOGITS = np.asarray(RNG.normal(size=(7, 33, 41)) * 3, np.float32)


def enlarged(mode: str, logits: Any = SMALL, factor: int = 8) -> Any:
    """Return logits enlarged by torch."""
    options = {} if mode == "nearest" else {"align_corners": False}
    tensor = torch.from_numpy(logits)[None]
    return torch.nn.functional.interpolate(
        tensor, scale_factor=factor, mode=mode, **options
    ).numpy()


def quantized(logits: Any, bits: int = 8) -> Any:
    """Return logits as eight bits hold them, in float32."""
    scale = np.float32((logits.max() - logits.min()) / (2**bits - 1))
    return (np.rint(logits / scale) * scale).astype(np.float32)


# --- Precision


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["bfloat16", "float16"])
def test_a_network_of_less_precision_is_rounding(seed: int, kind: Any) -> None:
    """A network of bfloat16 whose output was cast to float32 is no other network."""
    import fingerprint_networks as networks

    net = networks.load_net(seed)
    x = networks.normalize(segpost.probe_image(networks.SIZE))
    low = networks.load_net(seed).to(getattr(torch, kind))
    with torch.no_grad():
        a, b = net(x).numpy(), low(x.to(getattr(torch, kind))).float().numpy()
    before = segpost.fingerprint(a)
    assert before.compare(segpost.fingerprint(b)).ok  # the values show it
    assert before.compare(segpost.fingerprint(b, precision=kind)).ok
    after = enlarged("bilinear", b[0])  # the values do not show it any more
    before = segpost.fingerprint(enlarged("bilinear", a[0]))
    assert before.compare(segpost.fingerprint(after, precision=kind)).verdict == "rounding"
    unsaid = before.compare(segpost.fingerprint(after))
    assert {f.rank for f in unsaid.findings} <= {"hint"}
    assert unsaid.codes in ((), ("precision",))


def test_a_stage_of_less_precision_is_a_hint() -> None:
    """Stages that differ by rounding of bfloat16 are no certain finding."""
    import fingerprint_networks as networks

    net, low = networks.load_net(0), networks.load_net(0).bfloat16()
    x = networks.normalize(segpost.probe_image(networks.SIZE))
    with torch.no_grad():
        stages = [{"stem": net.stem(x)}, {"stem": low.stem(x.bfloat16()).float() * 1.0001}]
        logits = [net(x), low(x.bfloat16()).float() * 1.0001]
    prints = [segpost.fingerprint(one, stages=s) for one, s in zip(logits, stages, strict=True)]
    diff = prints[0].compare(prints[1])
    assert {f.rank for f in diff.findings} <= {"hint"}, str(diff)


def test_eight_bits_are_seen_in_the_values_or_said() -> None:
    """Static int8 with a float output has 256 levels; before an enlarging it must be said."""
    before = segpost.fingerprint(LOGITS)
    coarse = quantized(LOGITS)
    assert segpost.fingerprint(coarse).logits.resolution == "int8"
    assert before.compare(segpost.fingerprint(coarse)).ok
    noisy = LOGITS + np.float32(0.15) * RNG.normal(size=LOGITS.shape).astype(np.float32)
    assert before.compare(segpost.fingerprint(noisy, precision="int8")).ok
    assert before.compare(segpost.fingerprint(noisy)).codes == ("precision",)


def test_a_said_precision_that_does_not_explain_is_no_excuse() -> None:
    """Another network is another one in every precision, and float32 excuses nothing."""
    other = np.random.default_rng(5).normal(size=LOGITS.shape).astype(np.float32)
    before = segpost.fingerprint(LOGITS, precision="float32")
    assert before.compare(segpost.fingerprint(other, precision="int8")).verdict == "changed"
    near = LOGITS + np.float32(0.05) * other
    diff = before.compare(segpost.fingerprint(near, precision="float32"))
    assert diff.codes == ("inside",)


def test_what_rounding_hides_is_said() -> None:
    """A comparison of low precision says what it cannot tell."""
    before = segpost.fingerprint(LOGITS)
    diff = before.compare(segpost.fingerprint(quantized(LOGITS)))
    assert "20%" in diff.cannot_tell[0]
    assert before.compare(before).cannot_tell == ()


def test_whole_numbers_show_no_precision() -> None:
    """Whole numbers are in every format, and noise is in none."""
    whole = np.rint(LOGITS * 4)
    assert segpost.fingerprint(whole).logits.resolution == ""
    assert segpost.fingerprint(LOGITS).logits.resolution == ""
    bits = torch.from_numpy(LOGITS).bfloat16().float()
    assert segpost.fingerprint(bits).logits.resolution == "bfloat16"
    assert segpost.fingerprint(LOGITS.astype(np.float16)).logits.kind == "float16"


# --- Enlarging


@pytest.mark.parametrize("before", ["bilinear", "bicubic", "nearest"])
@pytest.mark.parametrize("after", ["bilinear", "bicubic", "nearest"])
@pytest.mark.parametrize("with_stage", [False, True])
def test_another_way_of_enlarging_is_named(before: str, after: str, with_stage: bool) -> None:
    """Nearest, bilinear and bicubic are told apart, and the head is not blamed."""
    stages = {"features": SMALL} if with_stage else None
    diff = segpost.fingerprint(enlarged(before), stages=stages).compare(
        segpost.fingerprint(enlarged(after), stages=stages)
    )
    assert diff.codes == (() if before == after else ("resampling",)), str(diff)
    if diff.findings:
        assert diff.findings[0].rank == "likely"


def test_logits_that_were_not_enlarged_show_no_way() -> None:
    """Noise, gradients of other networks and small maps are not enlarged."""
    import fingerprint_networks as networks

    for logits in (LOGITS, SMALL, RNG.normal(size=(3, 8, 8)).astype(np.float32)):
        assert segpost.fingerprint(logits).logits.enlarging == ""
    x = networks.normalize(segpost.probe_image(networks.SIZE))
    with torch.no_grad():
        assert segpost.fingerprint(networks.load_net(1)(x)).logits.enlarging == ""


# --- Constant outputs


@pytest.mark.parametrize("value", [0.0, 1.5])
def test_a_constant_output_is_no_unloaded_network(value: float) -> None:
    """A network that does not see its input is constant over the picture."""
    flat = np.full_like(LOGITS, value) + np.arange(7, dtype=np.float32)[:, None, None] * value
    before, after = segpost.fingerprint(LOGITS), segpost.fingerprint(flat)
    for diff in (before.compare(after), after.compare(before)):
        assert [(f.code, f.rank) for f in diff.findings] == [("constant", "certain")]
    same = after.compare(segpost.fingerprint(flat))
    assert same.ok
    assert "same at all positions" in same.cannot_tell[0]


def test_a_constant_of_a_classifier_is_no_finding() -> None:
    """One output of a classifier has one position, which is no constant map."""
    scores = np.random.default_rng(0).normal(size=(2, 1, 9)).astype(np.float32)
    diff = segpost.fingerprint(scores[0]).compare(segpost.fingerprint(scores[1]))
    assert "constant" not in diff.codes


# --- A cause stands before what follows from it


@pytest.mark.parametrize(
    ("code", "after"),
    [
        ("scaled", LOGITS * 3),
        ("probabilities", segpost.softmax(LOGITS)),
        ("classes-permuted", np.roll(LOGITS, 1, axis=0)),
        ("turned", LOGITS[:, ::-1]),
    ],
)
def test_a_proven_change_of_the_logits_is_no_other_head(code: str, after: Any) -> None:
    """With the features recorded, what was done to the logits is named, and the head is not."""
    prints = [segpost.fingerprint(x, stages={"features": SMALL}) for x in (LOGITS, after)]
    assert prints[0].compare(prints[1]).codes == (code,)


def test_an_epsilon_of_batch_norm_is_mentioned() -> None:
    """Channels that are scaled a bit point to epsilon, too."""
    import fingerprint_networks as networks

    net: Any = networks.load_net(0)
    other: Any = networks.load_net(0)
    for module in other.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = 5e-2
    x = networks.normalize(segpost.probe_image(networks.SIZE))

    def record(net: Any) -> segpost.Fingerprint:
        block = net.stem[0]
        stages = {"input": x, "norm": block[1](block[0](x))}
        return segpost.fingerprint(net(x), stages=stages, precision="float32")

    with torch.no_grad():
        prints = [record(net), record(other)]
    first = prints[0].compare(prints[1]).findings[0]
    assert (first.code, first.where) == ("stage", "norm")
    assert "epsilon" in first.message


# --- Conventions


def test_a_convention_reads_the_output() -> None:
    """The output of a runtime is read as postprocess reads it: entry, axis, quantization."""
    before = segpost.fingerprint(LOGITS)
    output = {"out": LOGITS, "aux": None}
    assert before.compare(segpost.fingerprint(output, convention="torchvision")).verdict == "same"
    last = np.moveaxis(LOGITS, 0, -1)
    keras = segpost.Convention.named("keras-hub")
    assert before.compare(segpost.fingerprint(last, convention=keras)).verdict == "same"
    scale = float(np.abs(LOGITS).max() / 127)
    raw = np.rint(LOGITS / scale).astype(np.int8)
    convention = segpost.Convention(quantization=(scale, 0.0))
    assert before.compare(segpost.fingerprint(raw, convention=convention)).ok
    assert before.compare(segpost.fingerprint(LOGITS, quantization=(0.0, 0))).verdict == "same"
    with pytest.raises(ValueError, match="holds labels"):
        segpost.fingerprint(LOGITS, convention=segpost.Convention(kind="labels"))


def test_older_files_are_read() -> None:
    """A file without precision, resolution and enlarging is a fingerprint."""
    import json

    prints = segpost.fingerprint(LOGITS)
    content = json.loads(prints.to_json())
    for name in ("precision", "resolution", "enlarging"):
        del content["logits"][name]
    assert prints.compare(segpost.Fingerprint.from_json(json.dumps(content))).verdict == "same"
