"""Speeds of whole workloads: what they count, and what holds between workloads."""

from typing import Any

import pytest

from app.catalogue.seed import catalogue_from_seed
from app.estimation.service import speed_on

GPUS = catalogue_from_seed().gpus
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
