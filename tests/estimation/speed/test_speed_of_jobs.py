"""Speeds of whole workloads: what they count, and what holds between workloads."""

from typing import Any

import pytest

from app.catalogue.seed import catalogue_from_seed
from app.estimation.service import speed_on

GPUS = catalogue_from_seed().gpus
T5_11B = {
    "model_type": "t5", "d_model": 4096, "d_kv": 64, "d_ff": 10240, "num_layers": 24, "num_heads": 64, "vocab_size": 32128,
    "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False,
}  # fmt: skip
UNET = {
    "_class_name": "UNet2DConditionModel", "sample_size": 64, "in_channels": 4, "out_channels": 4, "layers_per_block": 2,
    "block_out_channels": [320, 640, 1280, 1280], "cross_attention_dim": 768, "attention_head_dim": 8,
    "down_block_types": [*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"], "up_block_types": ["UpBlock2D", *["CrossAttnUpBlock2D"] * 3],
}  # fmt: skip
MPT = {
    "model_type": "mpt", "d_model": 2048, "n_heads": 16, "n_layers": 24, "expansion_ratio": 4, "max_seq_len": 2048, "vocab_size": 50368,
    "attn_config": {"alibi": True},
}  # fmt: skip


def training(gpu: str, **workload: Any) -> dict[str, Any]:
    answer: dict[str, Any] = speed_on({"kind": "training", "micro_batch_size": 2, **workload}, GPUS[gpu], 1)["speed"]
    return answer


def test_a_detector_that_only_its_size_stands_for_counts_images() -> None:
    speed = training("tesla-v100-16gb-sxm2", model={"preset": "retinanet_resnet50_fpn"}, image_size=[800, 1333], precision="fp32")
    assert speed["samples_or_tokens_per_second"] * speed["step_seconds"] == pytest.approx(2)


def test_a_job_that_does_not_fit_still_has_a_speed_when_a_card_is_named() -> None:
    speed = training("tesla-v100-16gb-sxm2", model={"preset": "meta-llama/Llama-3.1-70B"}, sequence_length=512, precision="amp_fp16")
    assert speed["samples_or_tokens_per_second"] > 0


def test_fused_attention_with_distance_bias_trains_faster_than_attention_written_out() -> None:
    fused, written_out = (
        training("a100-80gb-sxm", model={"config": MPT}, sequence_length=2048, attention=attention)["samples_or_tokens_per_second"]
        for attention in ("flash", "sdpa")
    )
    assert fused > 1.2 * written_out


def test_all_epochs_take_as_many_times_as_long_as_one() -> None:
    speed = training(
        "a100-80gb-sxm", model={"preset": "meta-llama/Llama-3.1-8B"}, sequence_length=512, tuning={"method": "lora"},
        data={"samples": 1000, "epochs": 2.5},
    )  # fmt: skip
    assert speed["run_seconds"] == pytest.approx(2.5 * speed["epoch_seconds"])


def test_an_image_takes_as_many_passes_as_the_sampler_has_steps() -> None:
    document = {
        "kind": "inference",
        "model": {"config": UNET},
        "runtime": "diffusers",
        "weight_format": "fp16",
        "image_size": [512, 512],
    }
    few, many = (
        speed_on({**document, "denoising_steps": steps}, GPUS["rtx-4090"], 1)["speed"]["samples_or_tokens_per_second"] for steps in (10, 30)
    )
    assert few == pytest.approx(3 * many)


def test_an_encoder_decoder_reads_only_its_decoder_for_a_token() -> None:
    def decoded(model: dict[str, Any]) -> float:
        document = {
            "kind": "inference",
            "model": model,
            "runtime": "vllm",
            "weight_format": "bf16",
            "context_length": 512,
            "prompt_tokens": 256,
        }
        rate: float = speed_on(document, GPUS["rtx-3090"], 1)["speed"]["decode_tokens_per_second"]
        return rate

    whole = decoded({"parameters": 11_000_000_000, "family": "decoder"})
    assert whole < decoded({"config": T5_11B}) < 2.5 * whole


def test_no_speed_is_told_of_an_image_model_of_which_only_the_size_is_known() -> None:
    document = {
        "kind": "inference",
        "model": {"parameters": 10**9, "family": "diffusion"},
        "runtime": "diffusers",
        "image_size": [512, 512],
    }
    assert speed_on(document, GPUS["rtx-4090"], 1)["speed"]["basis"] == "not estimated"


def test_classical_jobs_say_that_no_time_is_estimated() -> None:
    forest = {"kind": "classical", "library": "scikit-learn", "algorithm": "RandomForestClassifier", "rows": 1000, "columns": 10}
    speed = speed_on(forest, GPUS["rtx-4090"], 1)["speed"]
    assert speed["basis"] == "not estimated"
    assert speed["samples_or_tokens_per_second"] is None
