"""Measures training steps on a CUDA GPU: what PyTorch allocates and reserves, phase by phase, and what the context takes beside it.

The runs are those of tests/ground_truth that are recorded without a GPU: of each family the largest that this card holds. Every run has a
process and so a context of its own. Development only: needs PyTorch with CUDA, transformers, timm and, for adapters, peft.

    python -m benchmarks.measure_gpu [--only TEXT] [--out FILE]

writes rows in the format of tests/ground_truth/torch_memory*.json. It has not been run on a GPU yet: its steps were checked on tensors
without data against the recorded peaks. Without a CUDA GPU it says so and exits with status 2.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from benchmarks.measured_cases import GROUND_TRUTH, Case, torch_cases

try:
    import torch
except ModuleNotFoundError:
    torch = None

SOURCES = ("transformers", "timm")
KINDS = ("causal_lm", "mlm", "seqcls", "seq2seq", "image_cls")
HEADROOM = 1.5  # times the recorded peak that must be free: fragmentation, workspaces and the context come on top
STEPS = 3  # the last one is measured: optimizer states exist, and libraries have chosen their kernels
PHASES = ("forward", "backward", "optimizer")
OUT = GROUND_TRUTH / "torch_memory_gpu.json"
Batch = dict[str, Any]


class Meter(Protocol):
    """Where the bytes of a phase are read."""

    def begin(self, phase: str) -> None:
        """A phase starts: peaks are counted from here."""

    def peak(self) -> int:
        """The most bytes that were allocated since."""


class CudaMeter:
    """PyTorch's own statistics of the card."""

    def begin(self, phase: str) -> None:
        """Forgets earlier peaks."""
        del phase
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()

    def peak(self) -> int:
        """torch.cuda.max_memory_allocated(), once all kernels have run."""
        torch.cuda.synchronize()
        return int(torch.cuda.max_memory_allocated())


def chosen(cases: Iterable[Case], free_bytes: int, only: str = "") -> list[Case]:
    """Of each family the largest recorded training run that this much memory holds."""
    best: dict[str, Case] = {}
    for case in cases:
        fits = HEADROOM * case["measured"]["peak_bytes"] <= free_bytes
        if not (fits and only in case["id"] and runs_here(case)):
            continue
        known = best.get(case["family"])
        if known is None or case["measured"]["peak_bytes"] > known["measured"]["peak_bytes"]:
            best[case["family"]] = case
    return [best[family] for family in sorted(best)]


def runs_here(case: Case) -> bool:
    """Whether this script can set the run up."""
    work = case["workload"]
    return case["model"]["source"] in SOURCES and case["kind"] in KINDS and work["task"] == "train" and not work.get("freeze")


def precision_of(case: Case) -> tuple[Any, Any]:
    """The type of the weights, and the one autocast computes in (None: no autocast)."""
    name = case["workload"]["precision"]
    types = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    return types[name.removeprefix("amp_")] if name in types else torch.float32, types[name[4:]] if name.startswith("amp_") else None


def model_of(case: Case, device: str) -> Any:
    """The model of a run with random weights, its adapters and checkpoints set up, ready to train."""
    described, work = case["model"], case["workload"]
    weights, _ = precision_of(case)
    with torch.device(device):
        model = _of_transformers(case, weights) if described["source"] == "transformers" else _of_timm(described).to(weights)
    if work.get("lora"):
        model = _adapted(model, dict(work["lora"]))
    if work.get("grad_ckpt") and described["source"] == "timm":
        model.set_grad_checkpointing()
    elif work.get("grad_ckpt"):
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        if work.get("lora"):
            model.enable_input_require_grads()
    return model.train()


def _of_transformers(case: Case, weights: Any) -> Any:
    transformers, described = import_module("transformers"), case["model"]
    kind = getattr(transformers, described["model_class"])
    attributes = dict(described["config"])
    config = transformers.AutoConfig.for_model(attributes.pop("model_type"), **attributes)
    config.use_cache = False
    build = kind._from_config if hasattr(kind, "_from_config") else kind.from_config  # noqa: SLF001 - as its own from_config does
    attention = case["workload"].get("attn")
    return build(config, dtype=weights, **({"attn_implementation": attention} if attention else {}))


def _of_timm(described: dict[str, Any]) -> Any:
    return import_module("timm").create_model(described["name"], pretrained=False, **(described.get("config") or {}))


def _adapted(model: Any, adapters: dict[str, Any]) -> Any:
    peft = import_module("peft")
    own_type = adapters.pop("autocast_adapter_dtype", True)
    config = peft.LoraConfig(**{"lora_dropout": adapters.pop("dropout", 0.0), **adapters})
    return peft.get_peft_model(model, config, autocast_adapter_dtype=own_type)


def batch_of(case: Case, device: str) -> Batch:
    """One batch of the run's sizes, all zeros: only shapes matter."""
    work, kind = case["workload"], case["kind"]
    count = work["batch"]

    def ids(*shape: int) -> Any:
        return torch.zeros(shape, dtype=torch.long, device=device)

    if kind == "image_cls":
        pixels = torch.zeros((count, 3, work["image"], work["image"]), dtype=precision_of(case)[0], device=device)
        return {"pixel_values": pixels, "labels": ids(count)}
    words = {"input_ids": ids(count, work["seq"])}
    if kind == "seqcls":
        return {**words, "attention_mask": torch.ones_like(words["input_ids"]), "labels": ids(count)}
    if kind == "mlm" and case["model"]["config"].get("type_vocab_size", 0) > 1:
        words["token_type_ids"] = ids(count, work["seq"])
    return {**words, "labels": ids(count, work["target_seq"] if kind == "seq2seq" else work["seq"])}


def loss_of(case: Case, model: Any, batch: Batch, device: str) -> Any:
    """The loss as the library computes it; of a timm network, cross-entropy."""
    _, autocast = precision_of(case)
    context: AbstractContextManager[Any] = torch.autocast(device, dtype=autocast) if autocast else nullcontext()
    with context:
        if case["model"]["source"] == "transformers":
            return model(**batch).loss
        return torch.nn.functional.cross_entropy(model(batch["pixel_values"]), batch["labels"])


def optimizer_of(case: Case, parameters: list[Any]) -> Any:
    """The optimizer in the wanted implementation."""
    work = case["workload"]
    how = work.get("optim_impl", "foreach")
    flags = {"foreach": how == "foreach", "fused": how == "fused"}
    if work["optimizer"] in ("adamw", "adam"):
        return getattr(torch.optim, {"adamw": "AdamW", "adam": "Adam"}[work["optimizer"]])(parameters, **flags)
    momentum = {"momentum": 0.9, "weight_decay": 1e-4} if work["optimizer"] == "sgd_momentum" else {}
    return torch.optim.SGD(parameters, lr=0.1, **momentum, **flags)


def step_peaks(case: Case, device: str, meter: Meter) -> dict[str, int]:
    """Runs the steps; gives the peak of each phase of the last one. Ends the process where the model is another one."""
    model = model_of(case, device)
    count = sum(parameter.numel() for parameter in model.parameters())
    if count != case["params_total"]:
        raise SystemExit(f"the library builds {count:,} parameters where {case['params_total']:,} were recorded")
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = optimizer_of(case, trained)
    peaks: dict[str, int] = {}
    for _ in range(STEPS):
        peaks = {phase: _measured(phase, act, meter) for phase, act in _step(case, model, optimizer, trained, device)}
    return peaks


def _measured(phase: str, act: Callable[[], None], meter: Meter) -> int:
    meter.begin(phase)
    act()
    return meter.peak()


def _step(case: Case, model: Any, optimizer: Any, trained: list[Any], device: str) -> Iterator[tuple[str, Callable[[], None]]]:
    """The phases of one step, each with what happens in it."""
    held: list[Any] = []
    batch = batch_of(case, device)
    yield PHASES[0], lambda: held.append(loss_of(case, model, batch, device))
    yield PHASES[1], lambda: held.pop().backward()

    def update() -> None:
        if limit := case["workload"].get("clip"):
            torch.nn.utils.clip_grad_norm_(trained, limit)
        optimizer.step()

    yield PHASES[2], update
    optimizer.zero_grad(set_to_none=True)


def measure(case: Case, used_before: int) -> Case:
    """One run on the card of this process. `used_before`: bytes of the card that others had taken."""
    peaks = step_peaks(case, "cuda", CudaMeter())
    phase = max(PHASES, key=lambda name: peaks[name])
    free, total = torch.cuda.mem_get_info()
    reserved = int(torch.cuda.memory_reserved())
    measured = {
        "peak_bytes": peaks[phase], "peak_phase": phase, "phase_peaks": peaks,
        "reserved_bytes": int(torch.cuda.max_memory_reserved()), "context_bytes": total - free - used_before - reserved,
    }  # fmt: skip
    properties = torch.cuda.get_device_properties(0)
    device = {"name": properties.name, "capability": f"{properties.major}.{properties.minor}", "torch": torch.__version__}
    return {**case, "id": f"{case['id']}@gpu", "measured": measured, "device": device}


def used_bytes() -> int:
    """What is taken of the first card, by nvidia-smi, so that this process needs no context."""
    query = ["nvidia-smi", "--id=0", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    return int(subprocess.run(query, capture_output=True, text=True, check=True).stdout) * 2**20


def in_own_process(case: Case) -> Case | None:
    """The row of a run made by another process; None, with the reason on standard error, where it fails."""
    command = [sys.executable, "-m", "benchmarks.measure_gpu", "--case", "-", "--used", str(used_bytes())]
    done = subprocess.run(command, input=json.dumps(case), capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{case['id']}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}", file=sys.stderr)
        return None
    row: Case = json.loads(done.stdout.splitlines()[-1])
    found, known = row["measured"]["peak_bytes"], case["measured"]["peak_bytes"]
    print(f"{case['id']}: {found:,} B, {100 * (found / known - 1):+.2f} % of the recorded peak", file=sys.stderr)
    return row


def main() -> int:
    """Measures what is asked for; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="runs whose id contains this")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--used", type=int, default=0, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if torch is None or not torch.cuda.is_available():
        print("No CUDA GPU can be used here, so nothing was measured.", file=sys.stderr)
        return 2
    if asked.case:
        print(json.dumps(measure(json.load(sys.stdin), asked.used)))
        return 0
    rows = [row for case in chosen(torch_cases(), torch.cuda.mem_get_info()[0], asked.only) if (row := in_own_process(case))]
    meta = {"what": "peaks of PyTorch training steps on a CUDA GPU, its reserved memory and context", "torch": torch.__version__}
    lines = ",\n".join(json.dumps(row) for row in rows)
    asked.out.write_text(f'{{"meta": {json.dumps(meta)},\n "cases": [\n{lines}\n]}}\n', encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
