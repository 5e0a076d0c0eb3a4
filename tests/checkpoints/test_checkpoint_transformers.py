"""compare_checkpoints of networks of transformers, PEFT and segmentation-models-pytorch."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import segpost

torch = pytest.importorskip("torch")
with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(Path(__file__).resolve().parents[2] / "examples" / "runtimes")
    importlib.import_module("stand_in").declare_operators()
transformers = pytest.importorskip("transformers")
pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.runtimes]

BLOCKS = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
BLOCKS |= {"intermediate_size": 24, "image_size": 32, "patch_size": 8}
# Small networks of random weights: the name of the configuration, of the model, and options.
NETWORKS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "segformer": (
        "SegformerConfig",
        "SegformerForSemanticSegmentation",
        {
            "hidden_sizes": [8, 16, 20, 32],
            "decoder_hidden_size": 16,
            "depths": [1, 1, 1, 1],
            "num_attention_heads": [1, 1, 2, 4],
        },
    ),
    "beit": (
        "BeitConfig",
        "BeitForSemanticSegmentation",
        BLOCKS
        | {
            "num_hidden_layers": 4,
            "out_indices": [1, 2, 3, 4],
            "use_relative_position_bias": True,
            "pool_scales": [1, 2],
            "auxiliary_channels": 8,
        },
    ),
    "mobilevit": (
        "MobileViTConfig",
        "MobileViTForSemanticSegmentation",
        {
            "hidden_sizes": [16, 20, 24],
            "neck_hidden_sizes": [8, 8, 8, 16, 16, 16, 32],
            "num_attention_heads": 2,
            "aspp_out_channels": 8,
            "image_size": 32,
        },
    ),
    "mobilenet": (
        "MobileNetV2Config",
        "MobileNetV2ForSemanticSegmentation",
        {"depth_multiplier": 0.25, "image_size": 32},
    ),
    "vit": ("ViTConfig", "ViTForImageClassification", BLOCKS),
}


def built(name: str, classes: int = 5) -> Any:
    """Return a small network of transformers."""
    configuration, model, options = NETWORKS[name]
    try:
        config = getattr(transformers, configuration)(num_labels=classes, **options)
        return getattr(transformers, model)(config).eval()
    except (ImportError, AttributeError) as error:
        pytest.skip(str(error))


def output(model: Any) -> Any:
    """Return the logits of a fixed input."""
    torch.manual_seed(0)
    x = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        return model(x).logits


def run(cure: str, **names: Any) -> Any:
    """Return the model after a cure."""
    exec(cure, names)
    return names["model"]


@pytest.mark.parametrize("is_loaded", [True, False])
@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_a_saved_network_is_restored(name: str, is_loaded: bool, tmp_path: Path) -> None:
    """Nothing is certain of what from_pretrained restores, and every cure restores it."""
    safetensors = pytest.importorskip("safetensors.torch")
    saved = built(name)
    saved.save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    model = type(saved).from_pretrained(tmp_path) if is_loaded else built(name)
    diff = segpost.compare_checkpoints(file, model)
    assert not [f for f in diff.findings if f.rank == "certain"], str(diff)
    for finding in diff.findings:
        if finding.code.startswith("batch-norm") or not finding.cure:
            continue
        restored = run(finding.cure, state=safetensors.load_file(file), model=built(name))
        torch.testing.assert_close(output(restored), output(saved), rtol=0, atol=0)


@pytest.mark.parametrize("name", ["segformer", "beit", "vit"])
def test_a_backbone_gets_its_place(name: str, tmp_path: Path) -> None:
    """The file of a backbone and the file of the whole network go into each other."""
    whole = built(name)
    backbone = whole.base_model
    backbone.save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    diff = segpost.compare_checkpoints(file, built(name))
    assert not [f for f in diff.findings if f.rank == "certain"], str(diff)
    assert len(diff.matched) >= 0.5 * len(backbone.state_dict())
    whole.save_pretrained(tmp_path)
    diff = segpost.compare_checkpoints(file, copy.deepcopy(backbone))
    assert not [f for f in diff.findings if f.rank == "certain"], str(diff)
    assert not diff.missing


def test_another_head_is_still_certain(tmp_path: Path) -> None:
    """Another number of classes is no renaming."""
    built("segformer", 7).save_pretrained(tmp_path)
    diff = segpost.compare_checkpoints(tmp_path / "model.safetensors", built("segformer"))
    assert "head-classes" in diff.codes


def test_the_repository_of_the_paper_is_another_naming(tmp_path: Path) -> None:
    """The values under other names are found where the model holds them."""
    model = built("segformer")
    saved = {f"module.part{i}.{n.rpartition('.')[2]}": t
             for i, (n, t) in enumerate(model.state_dict().items())}  # fmt: skip
    diff = segpost.compare_checkpoints(saved, model)
    (found,) = [f for f in diff.findings if f.code == "another-naming"]
    torch.manual_seed(1)
    restored = run(found.cure, state=saved, model=built("segformer"))
    torch.testing.assert_close(output(restored), output(model), rtol=0, atol=0)


# --- segmentation-models-pytorch


def unet(kind: str = "Unet", **options: Any) -> Any:
    """Return a small network of segmentation-models-pytorch."""
    smp = pytest.importorskip("segmentation_models_pytorch")
    settings: dict[str, Any] = {"encoder_name": "resnet18", "encoder_weights": None}
    settings["encoder_depth"] = 3
    if kind == "Unet":
        settings["decoder_channels"] = (16, 8, 8)
    if kind in ("DeepLabV3Plus", "FPN"):
        settings["encoder_depth"] = 5
    return getattr(smp, kind)(**settings, classes=4, **options).eval()


def score(model: Any) -> Any:
    """Return the mask of a fixed input."""
    torch.manual_seed(0)
    with torch.no_grad():
        found = model(torch.rand(2, 3, 64, 64))
    return found[0] if isinstance(found, tuple) else found


SMP: dict[str, Callable[[Any], Any]] = {
    "plain": lambda state: state,
    "lightning": lambda state: {
        "state_dict": {f"model.{n}": t for n, t in state.items()}
        | {"loss_fn.weight": torch.ones(4)},
        "epoch": 3,
    },
    "compiled": lambda state: {f"_orig_mod.{n}": t for n, t in state.items()},
    "parallel average": lambda state: (
        {f"module.{n}": t for n, t in state.items()} | {"n_averaged": torch.tensor(3)}
    ),
    "encoder compiled": lambda state: {
        n.replace("encoder.", "encoder._orig_mod."): t for n, t in state.items()
    },
    "float16": lambda state: {
        n: t.half() if t.is_floating_point() else t for n, t in state.items()
    },
}


@pytest.mark.parametrize("kind", ["Unet", "FPN", "DeepLabV3Plus"])
@pytest.mark.parametrize("name", sorted(SMP))
def test_files_of_smp(kind: str, name: str) -> None:
    """What training scripts make of a state dict of smp is named, and its cure restores it."""
    torch.manual_seed(1)
    net = unet(kind)
    if name == "float16":  # which the file holds without loss then
        net = net.half().float()
    saved = SMP[name](net.state_dict())
    model = unet(kind)
    diff = segpost.compare_checkpoints(saved, model)
    certain = {f.code for f in diff.findings if f.rank == "certain"}
    assert certain == (set() if name in ("plain", "float16") else {"prefix"}), str(diff)
    for finding in diff.findings:
        if finding.code.startswith("batch-norm"):
            continue
        restored = run(finding.cure, state=saved, checkpoint=saved, model=unet(kind))
        np.testing.assert_allclose(score(restored), score(net), atol=1e-6)


def test_a_classification_head_is_missing() -> None:
    """aux_params adds a head, which an older file does not have."""
    aux: dict[str, Any] = {"aux_params": {"classes": 3}}
    diff = segpost.compare_checkpoints(unet().state_dict(), unet(**aux))
    assert {f.code for f in diff.findings if f.rank == "certain"} == {"missing"}
    assert all("classification_head" in name for name in diff.missing)


def test_another_decoder_shares_the_encoder() -> None:
    """An FPN has the encoder of a Unet and another decoder."""
    diff = segpost.compare_checkpoints(unet().state_dict(), unet("FPN"))
    assert {"missing", "unexpected"} <= {*diff.codes}
    assert not [n for n in diff.mismatched if n.startswith("encoder.")]


# --- PEFT


def adapted(model: Any) -> Any:
    """Return a network with an adapter whose factors are not zero."""
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(r=2, lora_alpha=4, target_modules=["q_proj", "query"])
    net = peft.get_peft_model(model, config)
    torch.manual_seed(2)
    with torch.no_grad():
        for name, tensor in net.named_parameters():
            if "lora_" in name:
                tensor.normal_()
    return net.eval()


def test_an_adapter_goes_into_its_network(tmp_path: Path) -> None:
    """PEFT's own file: into the network it is a product, into a PEFT model it is expected."""
    safetensors = pytest.importorskip("safetensors.torch")
    base = built("vit")
    net = adapted(copy.deepcopy(base))
    net.save_pretrained(tmp_path)
    file = tmp_path / "adapter_model.safetensors"
    for model, names in ((copy.deepcopy(base), {"scaling": 2}), (adapted(copy.deepcopy(base)), {})):
        diff = segpost.compare_checkpoints(file, model)
        certain = {f.code for f in diff.findings if f.rank == "certain"}
        assert not certain - {"prefix"}, str(diff)
        (found, *_) = [f for f in diff.findings if f.code in ("adapter", "prefix")]
        restored = run(found.cure, state=safetensors.load_file(file), model=model, **names)
        np.testing.assert_allclose(output(restored), output(net), atol=1e-5)
