"""compare_checkpoints on what frameworks leave: the cause, its rank, and cures that are run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from checkpoint_situations import SITUATIONS, Case, output

import segpost

torch = pytest.importorskip("torch")
import checkpoint_situations_names  # noqa: E402, F401  (they register the situations)
import checkpoint_situations_values  # noqa: E402, F401

ADVICE = {"not-loaded", "partly-loaded"}  # of models that nothing was loaded into yet
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*(quantiz|quant_min|reduce_range|weight_norm|observer|TypedStorage).*"
)


def run(cure: str, case: Case) -> Any:
    """Return the model after a cure."""
    # What a cure names: the file's content, and its state dict where that is the content.
    names = {"checkpoint": case.saved, "state": case.saved, "model": case.model, **case.names}
    exec(cure, names)
    return names["model"]


@pytest.mark.parametrize("name", sorted(SITUATIONS))
def test_what_loading_would_do_is_said(name: str) -> None:
    """The codes are those of the situation, and nothing else is certain."""
    case = SITUATIONS[name]()
    diff = segpost.compare_checkpoints(case.saved, case.model)
    told = tuple(code for code in diff.codes if code not in ADVICE)
    assert {*told} == {*case.codes}, str(diff)
    certain = {f.code for f in diff.findings if f.rank == "certain"}
    assert certain == {*case.certain}, str(diff)


@pytest.mark.parametrize("name", sorted(SITUATIONS))
def test_every_cure_restores_the_output(name: str) -> None:
    """Each cure is run on the failing input, and the outputs become equal."""
    case = SITUATIONS[name]()
    if not case.curable:
        return
    wanted = output(case.reference, case.size)
    findings = segpost.compare_checkpoints(case.saved, case.model).findings
    for finding in findings:
        assert finding.cure, finding
        if finding.code == "averaged-weights":
            continue  # it restores another network: its own test
        again = SITUATIONS[name]()
        model = run(finding.cure, again)
        np.testing.assert_allclose(
            output(model, case.size), wanted, atol=case.tolerance, err_msg=str(finding)
        )
    if not findings:
        case.model.load_state_dict(case.saved)
        np.testing.assert_array_equal(output(case.model, case.size), wanted)
