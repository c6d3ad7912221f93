"""Rules that other calculators use, on the same measured runs. Each gives the peak of a training step in bytes, None where it says nothing.

Sources: Hugging Face accelerate (commands/estimate.py, stages of Adam training); Rajbhandari et al. 2020 and DeepSpeed (16 B a parameter);
Korthikanti et al. 2022 (activations of a transformer layer, with exact states added here); EleutherAI/cookbook
(calc_transformer_mem.py); the folk rules of four times and of 1.2 times the weights.
"""

from collections.abc import Callable
from typing import Any

from app.tape.trace import PRECISIONS

Case = dict[str, Any]
Rule = Callable[[Case], float | None]

SIZES = (("hidden_size", "n_embd"), ("num_hidden_layers", "n_layer"), ("num_attention_heads", "n_head"))
MASTER_GRADIENT_AND_MOMENTS = 16  # bytes, of EleutherAI's calculator: fp32 gradient, master weight and two moments
ADAM_STATES = 4  # weights, gradients, two moments


def _is_full_training(case: Case) -> bool:
    work = case["workload"]
    return work["task"] == "train" and not work.get("lora") and not work.get("freeze")


def _weight_bytes(case: Case) -> int:
    return PRECISIONS[case["workload"]["precision"]].weights.bytes


def _mixed(case: Case) -> bool:
    return PRECISIONS[case["workload"]["precision"]].autocast is not None


def _sizes(case: Case) -> tuple[int, int, int, int] | None:
    """Width, layers, heads and length of a transformer on text that is trained in full; None of anything else."""
    config, work = case["model"].get("config") or {}, case["workload"]
    found = [next((config[name] for name in names if config.get(name)), 0) for names in SIZES]
    if not (_is_full_training(case) and all(found) and "seq" in work):
        return None
    hidden, layers, heads = found
    return hidden, layers, heads, work["seq"]


def accelerate_training(case: Case) -> float | None:
    """The largest of accelerate's stages: 16 B a parameter in fp32, 8 B in mixed or half precision."""
    if not _is_full_training(case):
        return None
    return case["params_total"] * (16 if case["workload"]["precision"] == "fp32" else 8)


def sixteen_bytes(case: Case) -> float | None:
    """16 B a parameter, no activations."""
    return 16 * case["params_total"] if _is_full_training(case) else None


def four_times_weights(case: Case) -> float | None:
    """Weights, gradients and two moments, no activations."""
    return ADAM_STATES * _weight_bytes(case) * case["params_total"] if _is_full_training(case) else None


def korthikanti(case: Case) -> float | None:
    """Exact states and s b h (34 + 5 a s / h) bytes a layer; the scores only where attention is written out; twice in fp32."""
    sizes, work = _sizes(case), case["workload"]
    if sizes is None:
        return None
    hidden, layers, heads, length = sizes
    scores = 5 * heads * length / hidden if work.get("attn") == "eager" else 0
    a_layer = 2 if work.get("grad_ckpt") else 34 + scores
    activations = layers * length * work["batch"] * hidden * a_layer
    return (four_times_weights(case) or 0) + activations * (2 if work["precision"] == "fp32" else 1)


def eleuther(case: Case) -> float | None:
    """18 B a parameter (20 in fp32), and 34 + 5 a s / h bytes a layer and number of the stream, whatever the attention kernel."""
    sizes = _sizes(case)
    if sizes is None:
        return None
    hidden, layers, heads, length = sizes
    scores = 0 if case["workload"].get("grad_ckpt") else 5 * heads * length / hidden  # its checkpointing drops the scores only
    states = (MASTER_GRADIENT_AND_MOMENTS + _weight_bytes(case) // (2 if _mixed(case) else 1)) * case["params_total"]
    return states + layers * length * case["workload"]["batch"] * hidden * (34 + scores)


def weights_and_a_fifth(case: Case) -> float | None:
    """1.2 times the weights, for inference."""
    return None if case["workload"]["task"] == "train" else 1.2 * _weight_bytes(case) * case["params_total"]


RULES: dict[str, Rule] = {
    "accelerate estimate-memory, training": accelerate_training,
    "DeepSpeed and ZeRO, 16 B a parameter": sixteen_bytes,
    "4 x weights": four_times_weights,
    "Korthikanti et al. with exact states": korthikanti,
    "EleutherAI cookbook, calc_transformer_mem": eleuther,
    "weights x 1.2 (inference)": weights_and_a_fifth,
}
