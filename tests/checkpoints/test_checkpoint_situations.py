"""compare_checkpoints on what frameworks leave: the cause, its rank, and cures that are run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from checkpoint_situations import SITUATIONS, Case, one_thread, output

import segpost

torch = pytest.importorskip("torch")
import checkpoint_situations_names  # noqa: E402, F401  (they register the situations)
import checkpoint_situations_values  # noqa: E402, F401

ADVICE = {"not-loaded", "partly-loaded"}  # of models that nothing was loaded into yet
__all__ = ["one_thread"]  # a fixture
pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings(
        "ignore:.*(quantiz|quant_min|reduce_range|weight_norm|observer|TypedStorage).*"
    ),
]


def run(cure: str, case: Case) -> Any:
    """Return the model after a cure."""
    # What a cure names: the file's content, and its state dict where that is the content.
    names = {"checkpoint": case.saved, "state": case.saved, "model": case.model, **case.names}
    exec(cure, names)
    return names["model"]


@pytest.mark.parametrize("name", sorted(SITUATIONS))
def test_what_loading_would_do_is_said_and_every_cure_restores_the_output(name: str) -> None:
    """The codes are those of the situation, nothing else is certain, and each cure is run."""
    case = SITUATIONS[name]()
    diff = segpost.compare_checkpoints(case.saved, case.model)
    told = {code for code in diff.codes if code not in ADVICE}
    assert told == {*case.codes}, str(diff)
    certain = {f.code for f in diff.findings if f.rank == "certain"}
    assert certain == {*case.certain}, str(diff)
    wanted = output(case.reference, case.size)
    for cure in dict.fromkeys(f.cure for f in diff.findings if f.code != "averaged-weights"):
        if not case.curable:  # nothing restores it, and a cure loads what there is
            if cure:
                run(cure, SITUATIONS[name]())
            continue
        assert cure, str(diff)
        model = run(cure, SITUATIONS[name]())
        np.testing.assert_allclose(
            output(model, case.size), wanted, atol=case.tolerance, err_msg=cure
        )
    if not diff.findings:
        case.model.load_state_dict(case.saved)
        np.testing.assert_array_equal(output(case.model, case.size), wanted)
