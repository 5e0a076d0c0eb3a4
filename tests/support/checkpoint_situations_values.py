"""Situations of values: weights in another form, quantized, fused, adapted, of two names."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import torch
import torch.nn.utils.parametrizations as parametrizations
from checkpoint_situations import Case, Small, fresh, situation, small, trained, with_prefix
from torch import nn
from torch.nn.utils import prune, spectral_norm, weight_norm
from torch.nn.utils.fusion import fuse_conv_bn_eval

warnings.filterwarnings("ignore", message=r".*(weight_norm|torch\.ao\.quantization).*")


def chain() -> Any:
    """Return a new network of two convolutions."""
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 1)).eval()


def normed(norm: Any) -> Any:
    """Return a network whose first convolution has a norm, with values that no new one has."""
    torch.manual_seed(6)
    net = chain()
    trained(net)
    net[0] = norm(net[0])
    with torch.no_grad():
        for name, tensor in net.state_dict().items():
            if name.endswith(("weight_g", "original0")):
                tensor.mul_(1.7)
    return net.eval()


@situation
def weight_norm_old_to_new() -> Case:
    """A file of the old hook into torch's parametrization, whose loader renames."""
    net = normed(weight_norm)
    return Case(net.state_dict(), normed_new(), net)


def normed_new() -> Any:
    """Return a new network with the parametrization of weight norm."""
    net = chain()
    net[0] = parametrizations.weight_norm(net[0])
    return net


@situation
def weight_norm_new_to_old() -> Case:
    """The reverse, which torch does not do."""
    model = chain()
    model[0] = weight_norm(model[0])
    net = normed(parametrizations.weight_norm)
    return Case(net.state_dict(), model, net, ("prefix",), ("prefix",))


@situation
def weight_norm_into_plain() -> Case:
    """A file with weight norm into a network from which it was removed."""
    net = normed(weight_norm)
    codes = ("reparametrized",)
    return Case(net.state_dict(), chain(), net, codes, codes)


@situation
def new_weight_norm_into_plain() -> Case:
    """The same of the parametrization, of a file of DataParallel with a counter."""
    net = normed(parametrizations.weight_norm)
    state = with_prefix("module.", net.state_dict()) | {"n_averaged": torch.tensor(3)}
    codes = ("prefix", "reparametrized")
    return Case(state, chain(), net, (*codes, "num-batches-tracked"), codes)


@situation
def plain_into_weight_norm() -> Case:
    """A plain file into a network with weight norm."""
    codes = ("reparametrized",)
    model = chain()
    model[0] = weight_norm(model[0])
    return Case(trained(chain()).state_dict(), model, trained(chain()), codes, codes)


@situation
def spectral_norm_into_plain() -> Case:
    """A file with spectral norm into a plain network."""
    net = normed(spectral_norm)
    codes = ("reparametrized",)
    return Case(net.state_dict(), chain(), net, codes, codes)


@situation
def spectral_norm_old_to_new() -> Case:
    """A file of the old hook into the parametrization."""
    model = chain()
    model[0] = parametrizations.spectral_norm(model[0])
    net = normed(spectral_norm)
    return Case(net.state_dict(), model.eval(), net, ("prefix",), ("prefix",))


@situation
def pruned_into_plain() -> Case:
    """A pruned network, whose weight is a product with a mask."""
    net = trained(chain())
    masked: Any = prune
    masked.l1_unstructured(net[0], "weight", amount=0.5)
    codes = ("reparametrized",)
    reference = chain()
    reference.load_state_dict(
        {**net.state_dict(), "0.weight": net[0].weight.detach()}, strict=False
    )
    state = net.state_dict()
    return Case(state, chain(), reference, codes, codes)


class Separate(nn.Module):
    """Convolutions before batch norm, defined one after another."""

    def __init__(self, bias: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, bias=bias)
        self.bn1 = nn.BatchNorm2d(4, eps=1e-3)
        self.conv2 = nn.Conv2d(4, 4, 3, bias=bias)
        self.bn2 = nn.BatchNorm2d(4)
        self.head = nn.Conv2d(4, 5, 1)

    def forward(self, x: Any) -> Any:
        """Return the logits."""
        x = torch.relu(self.bn1(self.conv1(x)))
        return self.head(torch.relu(self.bn2(self.conv2(x))))


def fused(net: Any) -> Any:
    """Return the network with its batch norm fused."""
    net = copy.deepcopy(net).eval()
    net.conv1, net.bn1 = fuse_conv_bn_eval(net.conv1, net.bn1), nn.Identity()
    net.conv2, net.bn2 = fuse_conv_bn_eval(net.conv2, net.bn2), nn.Identity()
    return net


@situation
def fused_before_saving() -> Case:
    """Batch norm was fused before the file was saved."""
    net = trained(Separate())
    return Case(fused(net).state_dict(), Separate(), net, ("fused-batch-norm",), tolerance=1e-4)


@situation
def fused_with_bias() -> Case:
    """The same where the convolutions have a bias."""
    net = trained(Separate(True))
    return Case(fused(net).state_dict(), Separate(True), net, ("fused-batch-norm",), tolerance=1e-4)


@situation
def into_fused_model() -> Case:
    """The model was fused before loading."""
    net = trained(Separate())
    net.bn1.eps = 1e-5
    saved = net.state_dict()
    model = fused(Separate())
    return Case(saved, model, net, ("fused-batch-norm",), tolerance=1e-4)


class Linears(nn.Module):
    """A head of linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.fc: Any = nn.Linear(3, 5)

    def forward(self, x: Any) -> Any:
        """Return the logits."""
        return self.fc(x.movedim(1, -1)).movedim(-1, 1)


class Convolutions(Linears):
    """The same as convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Conv2d(3, 5, 1)

    def forward(self, x: Any) -> Any:
        """Return the logits."""
        return self.fc(x)


@situation
def linear_into_convolution() -> Case:
    """A linear layer beside a convolution of 1 x 1."""
    net = trained(Linears())
    return Case(net.state_dict(), Convolutions(), net, ("linear-conv",))


@situation
def convolution_into_linear() -> Case:
    """The reverse."""
    net = trained(Convolutions())
    return Case(net.state_dict(), Linears(), net, ("linear-conv",))


@situation
def channels_last_kernels() -> Case:
    """Kernels in TensorFlow's order of axes."""
    state = {
        n: t.permute(2, 3, 1, 0).contiguous() if t.ndim == 4 else t
        for n, t in small().state_dict().items()
    }
    return Case(state, fresh(), small(), ("transposed",))


class SharedLayers(nn.Module):
    """Two convolutions that are one."""

    def __init__(self, is_tied: bool = True) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
        if is_tied:
            self.b.weight, self.b.bias = self.a.weight, self.a.bias

    def forward(self, x: Any) -> Any:
        """Return the features."""
        return self.b(torch.relu(self.a(x)))


@situation
def tied_and_saved_once() -> Case:
    """safetensors drops one name of a tensor."""
    net = trained(SharedLayers())
    state = {n: t for n, t in net.state_dict().items() if n.startswith("a.")}
    return Case(state, SharedLayers(), net, ("tied-weights",))


@situation
def tied_and_saved_by_the_other_name() -> Case:
    """The same with the second name kept."""
    net = trained(SharedLayers())
    state = {n: t for n, t in net.state_dict().items() if n.startswith("b.")}
    return Case(state, SharedLayers(), net, ("tied-weights",))


@situation
def two_values_for_one_tensor() -> Case:
    """A network whose tensors were not tied."""
    net = trained(SharedLayers(False))
    codes = ("tied-values",)
    return Case(net.state_dict(), SharedLayers(), net, codes, codes)


def quantizable() -> Any:
    """Return a network with the stubs of quantization."""
    q = torch.ao.quantization
    return nn.Sequential(q.QuantStub(), nn.Conv2d(3, 4, 1), q.DeQuantStub()).eval()


def build_quantized() -> Any:
    """Return a network of static quantization."""
    torch.manual_seed(5)
    q: Any = torch.ao.quantization
    net = trained(quantizable())
    net.qconfig = q.get_default_qconfig()
    q.prepare(net, inplace=True)
    net(torch.rand(2, 3, 8, 8))
    return q.convert(net)


@situation
def static_quantization() -> Case:
    """A quantized file into a float network, which torch refuses."""
    codes = ("quantized",)
    return Case(build_quantized().state_dict(), quantizable(), build_quantized(), codes, codes)


@situation
def float_into_quantized() -> Case:
    """A float file into a quantized network."""
    codes = ("quantized",)
    saved = trained(quantizable()).state_dict()
    return Case(saved, build_quantized(), build_quantized(), codes, codes, curable=False)


@situation
def dynamic_quantization() -> Case:
    """A file of dynamic quantization: its weights are packed."""
    q: Any = torch.ao.quantization
    net = nn.Sequential(nn.Linear(11, 8), nn.ReLU(), nn.Linear(8, 4)).eval()
    trained(net)
    small_net = q.quantize_dynamic(net, {nn.Linear}, dtype=torch.qint8)
    model = nn.Sequential(nn.Linear(11, 8), nn.ReLU(), nn.Linear(8, 4))
    codes = ("quantized",)
    return Case(small_net.state_dict(), model, small_net, codes, codes)


@situation
def dynamic_quantization_in_container() -> Case:
    """The same with the prefix of DataParallel, in a container."""
    case = dynamic_quantization()
    case.saved = {"model": with_prefix("module.", case.saved)}
    case.codes = case.certain = ("prefix", "quantized")
    return case


@situation
def eight_bit_integers() -> Case:
    """Integers with one scale a row, as bitsandbytes saves them."""
    net = trained(nn.Sequential(nn.Linear(11, 8)))
    state = net.state_dict()
    scale = state["0.weight"].abs().amax(1)
    integers = (state["0.weight"] / scale[:, None] * 127).round()
    saved = {**state, "0.weight": integers.to(torch.int8), "0.SCB": scale}
    saved["0.weight_format"] = torch.tensor(0, dtype=torch.uint8)
    net.load_state_dict({**state, "0.weight": integers * scale[:, None] / 127})
    codes = ("quantized",)
    return Case(saved, nn.Sequential(nn.Linear(11, 8)), net, codes, codes)


def adapted() -> tuple[dict[str, Any], Any]:
    """Return a network's state dict with an adapter in PEFT's names, and the network merged."""
    net = small()
    torch.manual_seed(4)
    a, b = torch.randn(2, 8, 1, 1) / 4, torch.randn(5, 2, 1, 1) / 4
    state = dict(net.state_dict())
    product = (b.flatten(1) @ a.flatten(1))[..., None, None]
    merged = state | {"head.weight": state["head.weight"] + 2 * product}
    names = {n.replace("head.", "head.base_layer."): t for n, t in state.items()}
    names |= {"head.lora_A.default.weight": a, "head.lora_B.default.weight": b}
    reference = small()
    reference.load_state_dict(merged)
    return with_prefix("base_model.model.", names), reference


@situation
def whole_adapted_network() -> Case:
    """The state dict of a PEFT model into the plain network."""
    state, reference = adapted()
    codes = ("prefix", "adapter")
    return Case(state, fresh(), reference, codes, ("prefix",), {"scaling": 2})


@situation
def adapter_alone() -> Case:
    """An adapter's file into the network it was trained on."""
    state, reference = adapted()
    saved = {n.replace(".default", ""): t for n, t in state.items() if "lora" in n}
    return Case(saved, small(), reference, ("adapter",), (), {"scaling": 2})


@situation
def float64_file() -> Case:
    """A file of float64 into float32: digits are lost, and the cure keeps them."""
    net = small().double()
    return Case(net.state_dict(), fresh(), small(), ("narrower-type",), curable=False)


@situation
def small_network_in_bfloat16() -> Case:
    """A file of bfloat16."""
    net = Small().bfloat16()
    trained(net)
    return Case(net.state_dict(), fresh(), copy.deepcopy(net).float())
