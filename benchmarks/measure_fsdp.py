"""Measures one training step under PyTorch's FSDP 2 with its own memory tracker, on one process that stands for rank 0 of many.

Development only: needs torch 2.13 and transformers 5.23, no GPU. A process group that moves no data stands in for the other ranks, so the
tensors of rank 0 are those of a real run. Prints one JSON line for each case; the lines make tests/ground_truth/fsdp_memory.json.
Every case runs in a process of its own: `python benchmarks/measure_fsdp.py INDEX`.
"""

import json
import sys
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed._tools.fsdp2_mem_tracker import FSDPMemTracker
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.testing._internal.distributed.fake_pg import FakeStore
from transformers import LlamaConfig, LlamaForCausalLM

FIELDS = (
    "hidden",
    "feed_forward",
    "layers",
    "heads",
    "vocabulary",
    "batch",
    "sequence",
    "precision",
    "checkpointing",
    "ranks",
    "optimizer",
)
CASES = (
    (512, 2048, 12, 8, 32000, 2, 128, "bf16", "full", 8, "foreach"),
    (512, 2048, 12, 8, 32000, 2, 128, "amp_bf16", "full", 8, "foreach"),
    (1024, 4096, 8, 16, 512, 1, 64, "bf16", "full", 8, "foreach"),
    (1024, 4096, 8, 16, 512, 1, 64, "amp_bf16", "full", 8, "foreach"),
    (1024, 4096, 8, 16, 512, 2, 256, "bf16", "none", 4, "fused"),
    (1024, 2816, 8, 16, 4096, 1, 256, "bf16", "none", 2, "foreach"),
    (768, 2048, 12, 12, 16384, 2, 128, "amp_bf16", "full", 4, "fused"),
)
STEPS = 2  # the second has optimizer states


def sharded(case: dict[str, Any]) -> torch.nn.Module:
    """The model of a case, each block one unit and the rest another."""
    config = LlamaConfig(
        hidden_size=case["hidden"], intermediate_size=case["feed_forward"], num_hidden_layers=case["layers"],
        num_attention_heads=case["heads"], num_key_value_heads=case["heads"], vocab_size=case["vocabulary"], use_cache=False,
    )  # fmt: skip
    model = LlamaForCausalLM(config).train()
    policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16) if case["precision"] == "amp_bf16" else MixedPrecisionPolicy()
    if case["precision"] == "bf16":
        model = model.to(torch.bfloat16)
    if case["checkpointing"] == "full":
        model.gradient_checkpointing_enable()
    mesh = init_device_mesh("cpu", (case["ranks"],))
    for block in model.model.layers:
        fully_shard(block, mesh=mesh, mp_policy=policy)
    return fully_shard(model, mesh=mesh, mp_policy=policy)


def measure(case: dict[str, Any]) -> dict[str, int]:
    """Peak bytes of the second step by category, as the tracker names them."""
    dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=case["ranks"])
    model = sharded(case)
    optimizer = torch.optim.AdamW(model.parameters(), foreach=case["optimizer"] == "foreach", fused=case["optimizer"] == "fused")
    tokens = torch.zeros(case["batch"], case["sequence"], dtype=torch.long)
    tracker = FSDPMemTracker(model, optimizer)
    with tracker:
        for _ in range(STEPS):
            tracker.reset_mod_stats()
            loss = model(input_ids=tokens, labels=tokens).loss
            loss.backward()
            del loss
            optimizer.step()
            optimizer.zero_grad()
    (peak,) = tracker.get_tracker_snapshot("peak").values()
    return {str(category).rpartition(".")[2].lower(): int(count) for category, count in peak.items()}


if __name__ == "__main__":
    chosen = dict(zip(FIELDS, CASES[int(sys.argv[1])], strict=True))
    print(json.dumps({**chosen, "peak": measure(chosen)}))
