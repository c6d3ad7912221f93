"""Measured runs of eager PyTorch as workload documents, so that they go the way of every request."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Case = dict[str, Any]
GROUND_TRUTH = Path(__file__).resolve().parent.parent / "tests" / "ground_truth"

# Hyper-parameters of the generic networks: the measuring script's names -> ours.
OPTION_NAMES = {"base": "base_channels", "vocab": "vocabulary", "emb": "embedding_size", "hidden": "hidden_size"}
WHISPER_SECONDS, SAMPLES_PER_SECOND = 30, 16_000
FRAMES_PER_LATENT, PIXELS_PER_LATENT = 4, 8  # of the video autoencoders measured


def torch_cases() -> Iterator[Case]:
    """Every measured run that is recorded in tests/ground_truth/torch_memory*.json."""
    for path in sorted(GROUND_TRUTH.glob("torch_memory*.json")):
        yield from (case for case in json.loads(path.read_text(encoding="utf-8"))["cases"] if case.get("measured"))


def document(case: Case) -> dict[str, Any]:
    """The workload document of a measured run."""
    return _training(case) if case["workload"]["task"] == "train" else _inference(case)


def _model(case: Case) -> dict[str, Any]:
    model = case["model"]
    config = dict(model.get("config") or {})
    match model["source"]:
        case "transformers":
            return {"config": {**config, "architectures": [model["model_class"]]}}
        case "diffusers":
            return {"config": {**config, "_class_name": model["model_class"]}}
        case "timm":
            return {"preset": model["name"], **({"options": config} if config else {})}
    return {"preset": model["name"], "options": {OPTION_NAMES.get(name, name): value for name, value in config.items()}}


def _sizes(case: Case) -> dict[str, Any]:
    """Input sizes beside the batch."""
    work = case["workload"]
    sizes: dict[str, Any] = {}
    if "image" in work:
        sizes["image_size"] = work["image"] if isinstance(work["image"], list) else [work["image"]] * 2
    for ours, theirs in (("sequence_length", "seq"), ("target_length", "target_seq"), ("text_length", "text_seq")):
        if theirs in work:
            sizes[ours] = work[theirs]
    if case["kind"] == "whisper":
        sizes["audio_seconds"] = WHISPER_SECONDS
    if "samples" in work:
        sizes["audio_seconds"] = work["samples"] / SAMPLES_PER_SECOND
    if "latent_frames" in work:
        sizes["frames"] = FRAMES_PER_LATENT * (work["latent_frames"] - 1) + 1
        sizes["image_size"] = [PIXELS_PER_LATENT * work["latent_h"], PIXELS_PER_LATENT * work["latent_w"]]
    return sizes


def _training(case: Case) -> dict[str, Any]:
    work = case["workload"]
    optional = {
        name: work[theirs]
        for name, theirs in (
            ("attention", "attn"),
            ("gradient_clipping", "clip"),
            ("gradient_accumulation_steps", "accum"),
            ("optimizer_implementation", "optim_impl"),
        )
        if work.get(theirs)
    }
    return {
        "kind": "training",
        "model": _model(case),
        "precision": work["precision"],
        "micro_batch_size": work["batch"],
        "optimizer": work["optimizer"],
        "activation_checkpointing": "full" if work.get("grad_ckpt") else "none",
        "tuning": _tuning(case),
        **_sizes(case),
        **optional,
    }


def _tuning(case: Case) -> dict[str, Any]:
    work = case["workload"]
    if lora := work.get("lora"):
        raised = lora.get("autocast_adapter_dtype", True) or work["precision"].startswith("amp")
        precision = "fp32" if raised else work["precision"]
        return {
            "method": "qlora" if lora.get("quantized") else "lora",
            "rank": lora["r"],
            "dora": lora.get("use_dora", False),
            "target_modules": "all_linear" if lora["target_modules"] == "all-linear" else lora["target_modules"],
            "dropout": lora.get("dropout", 0.0),
            "adapter_precision": precision,
        }
    frozen = work.get("freeze")
    if not frozen:
        return {"method": "full"}
    if modules := re.fullmatch(r"(?:\^\()?(\w+(?:\|\w+)*)\)?", frozen):
        return {"method": "frozen", "frozen_modules": modules[1].split("|")}
    if first := re.search(r"layers\\\.\[0-(\d)\]", frozen):
        layers = case["model"]["config"]["num_hidden_layers"]
        return {"method": "frozen", "trainable": {"last_layers": layers - int(first[1]) - 1}}
    return {"method": "frozen", "trainable": "head"}


def _inference(case: Case) -> dict[str, Any]:
    work = case["workload"]
    common = {
        "kind": "inference",
        "model": _model(case),
        "weight_format": work["precision"],
        **({"attention": work["attn"]} if work.get("attn") else {}),
    }
    if work["task"] == "infer":
        components = {"components": "denoiser"} if case["model"]["source"] == "diffusers" else {}
        sizes = {name: value for name, value in _sizes(case).items() if name != "sequence_length"}
        prompt = {"prompt_tokens": work["seq"]} if "seq" in work else {}
        return {**common, "runtime": "pytorch", "batch_size": work["batch"], **prompt, **sizes, **components}
    length = work["seq"] if work["task"] == "prefill" else work["kv_len"]
    return {
        **common,
        "runtime": "transformers",
        "kv_cache_format": work["precision"],
        "context_length": length,
        "concurrent_sequences": work["batch"],
        "prompt_tokens": length if work["task"] == "prefill" else 1,
        "logits": "last" if work["task"] == "decode" or work.get("logits_to_keep") == 1 else "all",
    }
