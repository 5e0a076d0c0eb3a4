"""JAX: bfloat16 logits, channels last, and a small map that jax.image would upsample."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from stand_in import photograph, print_comparison

import segpost

# The kernel that jax.image.resize calls bilinear lies by the pixels' centers.
CONVENTION = segpost.Convention(name="mine", axis=-1, grid="half_pixel")


def network(image: np.ndarray) -> tuple[Any, Any]:
    """Yours, with its weights; here three convolutions, and the photograph in -1..1."""
    keys = jax.random.split(jax.random.key(0), 3)
    widths = (3, 32, 64, 21)
    kernels = [
        jax.random.normal(key, (5, 5, a, b), jnp.float32) / np.sqrt(25 * a)
        for key, a, b in zip(keys, widths[:-1], widths[1:], strict=True)
    ]

    @jax.jit
    def apply(x: Any) -> Any:
        for kernel in kernels:
            x = jax.lax.conv_general_dilated(
                x, kernel, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
            )
            x = jnp.tanh((x - x.mean((1, 2))) / (x.std((1, 2)) + 1e-3))
        return (8 * x).astype(jnp.bfloat16)

    return apply, jnp.asarray(image[None].astype(np.float32) / 127.5 - 1)


def whole(model: Any, x: Any) -> Any:
    """What it gives: (1, H / 8, W / 8, 21) in bfloat16."""
    return model(x)


small = whole


@partial(jax.jit, static_argnames=("model", "size"))
def own(model: Any, logits: Any, size: tuple[int, int]) -> Any:
    """What jax.image does with them, and argmax."""
    shape = (1, *size, logits.shape[-1])
    return jax.image.resize(logits.astype(jnp.float32), shape, "bilinear").argmax(-1)


def ours(model: Any, logits: Any, size: tuple[int, int]) -> Any:
    """The same labels, and no full-size logits."""
    return segpost.postprocess(logits, convention=CONVENTION, size=size).labels


def main() -> None:
    """The network on a photograph."""
    image = photograph()
    model, x = network(image)
    logits, size = whole(model, x), image.shape[:2]
    print_comparison(
        "jax",
        image,
        lambda: own(model, logits, size).block_until_ready(),
        lambda: ours(model, logits, size),
    )


if __name__ == "__main__":
    main()
