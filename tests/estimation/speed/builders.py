"""Cards and passes for the tests of speed."""

from typing import Any

from app.estimation.speed import InferencePass, TrainingPass
from app.hardware import Gpu
from app.tape.dtypes import FP16
from app.tape.recorder import Phase, Work, WorkKey

GIGA = 10**9


def card(**changes: Any) -> Gpu:
    """A data-centre card with NVLink."""
    fields: dict[str, Any] = {
        "id": "card", "name": "Card", "vendor": "NVIDIA", "memory_gb": 80, "visible_bytes": 80 * GIGA, "bandwidth_gb_s": 2000.0,
        "fp32_tflops": 20.0, "fp16_tflops": 300.0, "bf16_tflops": 300.0, "pcie_gen": 4, "pcie_lanes": 16, "link_gb_s": 600.0,
        "compute_capability": "8.0", "form_factor": "sxm", "segment": "datacenter", "architecture": "Ampere", "memory_type": "HBM2e",
    }  # fmt: skip
    return Gpu(**{**fields, **changes})


def geforce(**changes: Any) -> Gpu:
    """A consumer card without NVLink."""
    fields: dict[str, Any] = {
        "name": "GeForce RTX 4090", "bandwidth_gb_s": 1008.0, "fp32_tflops": 82.6, "fp16_tflops": 165.2, "bf16_tflops": 165.2,
        "link_gb_s": 0.0, "compute_capability": "8.9", "form_factor": "pcie",
        "segment": "consumer", "architecture": "Ada Lovelace", "memory_type": "GDDR6X",
    }  # fmt: skip
    return card(**{**fields, **changes})


def work(*, flops: int = 50 * 10**12, bytes_moved: int = 100 * GIGA, calls: int = 500, recomputed: bool = False) -> dict[WorkKey, Work]:
    """A micro-batch: products forward and twice backward, pointwise operators forward, one optimizer step."""
    found = {
        WorkKey(Phase.FORWARD, "matmul", FP16): Work(calls, flops, bytes_moved // 4),
        WorkKey(Phase.BACKWARD, "matmul", FP16): Work(2 * calls, 2 * flops, bytes_moved // 2),
        WorkKey(Phase.FORWARD, "elementwise", FP16): Work(calls, flops // 1000, bytes_moved),
        WorkKey(Phase.OPTIMIZER, "optimizer", FP16): Work(10, 10**9, 50 * GIGA),
    }
    if recomputed:
        found[WorkKey(Phase.RECOMPUTE, "matmul", FP16)] = Work(calls, flops, bytes_moved // 4)
    return found


def training(**changes: Any) -> TrainingPass:
    """A decoder of seven billion parameters."""
    fields: dict[str, Any] = {
        "work": work(), "units": 8192, "gradient_bytes": 14 * GIGA, "weight_bytes": 14 * GIGA, "precision": "fp16",
        "layers": 32, "hidden": 4096,
    }  # fmt: skip
    return TrainingPass(**{**fields, **changes})


def decoder(**changes: Any) -> InferencePass:
    """The same decoder in 4 bits, being run by llama.cpp."""
    fields: dict[str, Any] = {
        "runtime": "llama.cpp", "weight_format": "q4_0", "weight_bytes_read": 37 * GIGA // 10, "active_parameters": 66 * GIGA // 10,
        "kv_bytes_per_position": 524_288, "layers": 32, "hidden": 4096, "attention_width": 4096, "prompt_tokens": 512, "context": 1024,
    }  # fmt: skip
    return InferencePass(**{**fields, **changes})
