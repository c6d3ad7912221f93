"""The script that measures on a GPU: which recorded runs it repeats, and what it says where there is none."""

import subprocess
import sys
from pathlib import Path

from benchmarks.measure_gpu import HEADROOM, chosen, runs_here
from benchmarks.measured_cases import torch_cases

ROOT = Path(__file__).resolve().parents[2]
CARD = 24 * 1024**3


def test_without_a_gpu_it_says_so_and_measures_nothing(tmp_path: Path) -> None:
    out = tmp_path / "rows.json"
    command = [sys.executable, "-m", "benchmarks.measure_gpu", "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, env={"CUDA_VISIBLE_DEVICES": ""}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, out.exists()) == (2, "", False)
    assert done.stderr == "No CUDA GPU can be used here, so nothing was measured.\n"


def test_the_largest_run_of_each_family_that_the_card_holds_is_repeated() -> None:
    cases = [case for case in torch_cases() if runs_here(case)]
    picked = {case["family"]: case["measured"]["peak_bytes"] for case in chosen(cases, CARD)}
    assert len(picked) >= 20
    for case in cases:
        size = case["measured"]["peak_bytes"]
        assert HEADROOM * size > CARD or size <= picked[case["family"]]


def test_runs_can_be_named() -> None:
    assert {case["id"] for case in chosen(torch_cases(), CARD, "bert-base-fp32-b32s128-cls")} == {"bert-base-fp32-b32s128-cls"}
