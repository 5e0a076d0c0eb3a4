"""Logits of networks that are fitted once, in the folder for temporary files."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benches.harness.jobs import need

HERE = Path(__file__).parent


def logits_file(program: str, data: Path | None) -> Path:
    """What `python -m benches.real.PROGRAM` writes; it runs where the file is not there yet."""
    need("torch")
    content = hashlib.sha256((HERE / f"{program}.py").read_bytes())
    for image in sorted(data.iterdir()) if data is not None else ():
        content.update(image.name.encode())
    folder = Path(os.environ.get("SEGPOST_BENCH_CACHE", tempfile.gettempdir()))
    file = folder / f"segpost-bench-logits-{content.hexdigest()[:16]}.npz"
    if not file.exists():
        print(f"fitting benches.real.{program}: up to some minutes", file=sys.stderr, flush=True)
        part = file.with_suffix(f".{os.getpid()}.part")
        subprocess.run(
            [
                sys.executable,
                "-m",
                f"benches.real.{program}",
                str(data.resolve()) if data is not None else "",
                str(part),
            ],
            cwd=HERE.parents[1],
            env={**os.environ, "OMP_WAIT_POLICY": "passive"},
            check=True,
        )
        part.replace(file)
    return file
