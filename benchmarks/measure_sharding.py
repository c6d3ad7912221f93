"""Measures one training step of rank 0 under FSDP 2, and with its matrices split over ranks, by PyTorch's own memory trackers.

Development only: needs torch 2.13 and transformers 5.23, no GPU. A process group that moves no data stands in for the other ranks, so the
tensors of rank 0 are those of a real run. Prints one JSON line for a case; the lines make tests/ground_truth/sharded_memory.json.
Every case runs in a process of its own: `python benchmarks/measure_sharding.py INDEX`.
"""

import json
import sys
from contextlib import nullcontext
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed._tools.fsdp2_mem_tracker import FSDPMemTracker
from torch.distributed._tools.mem_tracker import MemTracker
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import Replicate, Shard
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, loss_parallel, parallelize_module
from torch.nn import functional
from torch.testing._internal.distributed.fake_pg import FakeStore
from transformers import LlamaConfig, LlamaForCausalLM

Case = dict[str, Any]
FIELDS = (
    "scheme", "hidden", "feed_forward", "layers", "heads", "vocabulary", "batch", "sequence", "precision", "checkpointing", "ranks",
    "optimizer",
)  # fmt: skip
# The last three keep logits small beside their blocks: DTensor holds the whole gradient of a split embedding table, Megatron-LM does not.
CASES = (
    ("fsdp", 512, 2048, 12, 8, 32000, 2, 128, "bf16", "full", 8, "adamw foreach"),
    ("fsdp", 512, 2048, 12, 8, 32000, 2, 128, "amp_bf16", "full", 8, "adamw foreach"),
    ("fsdp", 1024, 4096, 8, 16, 512, 1, 64, "bf16", "full", 8, "adamw foreach"),
    ("fsdp", 1024, 4096, 8, 16, 512, 1, 64, "amp_bf16", "full", 8, "adamw foreach"),
    ("fsdp", 1024, 4096, 8, 16, 512, 2, 256, "bf16", "none", 4, "adamw fused"),
    ("fsdp", 1024, 2816, 8, 16, 4096, 1, 256, "bf16", "none", 2, "adamw foreach"),
    ("fsdp", 768, 2048, 12, 12, 16384, 2, 128, "amp_bf16", "full", 4, "adamw fused"),
    ("tensor", 1024, 4096, 8, 16, 512, 2, 256, "bf16", "none", 4, "sgd for_loop"),
    ("tensor", 1024, 2816, 8, 16, 8192, 2, 256, "bf16", "none", 2, "sgd for_loop"),
    ("tensor", 1024, 4096, 8, 16, 4096, 1, 512, "bf16", "full", 8, "sgd for_loop"),
)
STEPS = 2  # the second has optimizer states
COLUMNS = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "mlp.gate_proj", "mlp.up_proj")
ROWS = ("self_attn.o_proj", "mlp.down_proj")


def model_of(case: Case) -> torch.nn.Module:
    """The model of a case, not sharded."""
    config = LlamaConfig(
        hidden_size=case["hidden"], intermediate_size=case["feed_forward"], num_hidden_layers=case["layers"],
        num_attention_heads=case["heads"], num_key_value_heads=case["heads"], vocab_size=case["vocabulary"], use_cache=False,
    )  # fmt: skip
    model = LlamaForCausalLM(config).train()
    if case["checkpointing"] == "full":
        model.gradient_checkpointing_enable()
    return model.to(torch.bfloat16) if case["precision"] == "bf16" else model


def share(model: torch.nn.Module, case: Case) -> None:
    """FSDP: each block one unit, the rest another."""
    mesh = init_device_mesh("cpu", (case["ranks"],))
    mixed = case["precision"] == "amp_bf16"
    policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16) if mixed else MixedPrecisionPolicy()
    for block in model.model.layers:
        fully_shard(block, mesh=mesh, mp_policy=policy)
    fully_shard(model, mesh=mesh, mp_policy=policy)


def split(model: torch.nn.Module, case: Case) -> None:
    """Tensor parallel: columns, then rows; tables and logits by words."""
    mesh = init_device_mesh("cpu", (case["ranks"],))
    plan = {name: ColwiseParallel() for name in COLUMNS} | {name: RowwiseParallel() for name in ROWS}
    for block in model.model.layers:
        parallelize_module(block, mesh, plan)
    tables = {
        "model.embed_tokens": RowwiseParallel(input_layouts=Replicate()),
        "lm_head": ColwiseParallel(output_layouts=Shard(-1), use_local_output=False),
    }
    parallelize_module(model, mesh, tables)


def optimizer_of(model: torch.nn.Module, case: Case) -> torch.optim.Optimizer:
    """The optimizer in the wanted implementation."""
    name, how = case["optimizer"].split()
    kind = torch.optim.AdamW if name == "adamw" else torch.optim.SGD
    return kind(model.parameters(), lr=1e-3, foreach=how == "foreach", fused=how == "fused")


def loss_of(model: torch.nn.Module, tokens: torch.Tensor, *, shared: bool) -> torch.Tensor:
    """Next-token loss as transformers computes it; written out where the logits are split."""
    if shared:
        return model(input_ids=tokens, labels=tokens).loss
    labels = functional.pad(tokens, (0, 1), value=-100)[..., 1:].contiguous().view(-1)
    return functional.cross_entropy(model(input_ids=tokens).logits.float().flatten(0, 1), labels)


def measure(case: Case) -> dict[str, int]:
    """Peak bytes of the second step by category, as the tracker names them."""
    dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=case["ranks"])
    model, shared = model_of(case), case["scheme"] == "fsdp"
    (share if shared else split)(model, case)
    optimizer = optimizer_of(model, case)
    tokens = torch.zeros(case["batch"], case["sequence"], dtype=torch.long)
    tracker = FSDPMemTracker(model, optimizer) if shared else MemTracker()
    if not shared:
        tracker.track_external(model, optimizer)
    with tracker, nullcontext() if shared else loss_parallel():
        for _ in range(STEPS):
            tracker.reset_mod_stats()
            loss = loss_of(model, tokens, shared=shared)
            loss.backward()
            del loss
            optimizer.step()
            optimizer.zero_grad()
    (peak,) = tracker.get_tracker_snapshot("peak").values()
    return {str(category).rpartition(".")[2].lower(): int(count) for category, count in peak.items()}


if __name__ == "__main__":
    chosen = dict(zip(FIELDS, CASES[int(sys.argv[1])], strict=True))
    print(json.dumps({**chosen, "peak": measure(chosen)}))
