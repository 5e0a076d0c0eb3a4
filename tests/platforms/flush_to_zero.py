"""Labels of denormal logits where the caller has set flush-to-zero, on AArch64.

Prints whether the mode was on, whether the labels are those of the default mode, with one thread
and with several, and whether the mode was on afterwards.
"""

from __future__ import annotations

import ctypes
import mmap

import numpy as np

import segpost

FLUSH_TO_ZERO = 1 << 24
READ = bytes.fromhex("00443bd5c0035fd6")  # mrs x0, fpcr; ret
WRITE = bytes.fromhex("00441bd5c0035fd6")  # msr fpcr, x0; ret

page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(READ + WRITE)
address = ctypes.addressof(ctypes.c_char.from_buffer(page))
read_mode = ctypes.CFUNCTYPE(ctypes.c_uint64)(address)
write_mode = ctypes.CFUNCTYPE(None, ctypes.c_uint64)(address + len(READ))


def main() -> None:
    """Print the four answers."""
    random = np.random.default_rng(0)
    logits = (random.normal(size=(2, 9, 33, 41)) * 1e-39).astype(np.float32)
    wanted = segpost.argmax(logits, size=(131, 160))
    before = read_mode()
    write_mode(before | FLUSH_TO_ZERO)
    is_on = bool((np.float32(1e-39) * np.ones(1, np.float32))[0] == 0)
    same = []
    for threads in (1, 4):
        segpost.set_num_threads(threads)
        same.append(bool((segpost.argmax(logits, size=(131, 160)) == wanted).all()))
    is_kept = read_mode() == before | FLUSH_TO_ZERO
    write_mode(before)
    print(is_on, *same, is_kept)


if __name__ == "__main__":
    with segpost.use_backend("native"):
        main()
