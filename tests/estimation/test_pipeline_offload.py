"""Diffusion pipelines whose parts wait in RAM, and latents decoded in parts."""

from functools import cache
from typing import Any

import pytest

from app.catalogue.seed import catalogue_from_seed
from app.errors import InvalidInput
from app.estimation.capacity import capacity
from app.estimation.inference_job import InferenceJob
from app.placement import Sharding
from app.workloads import InferenceWorkload, parse_workload

SDXL = "stabilityai/stable-diffusion-xl-base-1.0"
CARD = catalogue_from_seed().gpus["rtx-4090"]


@cache
def job(offload: Any = "none", decoding: str = "whole", side: int = 1024, batch: int = 1, model: str = SDXL) -> InferenceJob:
    workload = parse_workload(
        {
            "kind": "inference", "model": {"preset": model}, "runtime": "diffusers", "weight_format": "fp16", "image_size": [side, side],
            "batch_size": batch, "cpu_offload": offload, "latent_decoding": decoding,
        }
    )  # fmt: skip
    assert isinstance(workload, InferenceWorkload)
    return InferenceJob(workload)


def need(*settings: Any) -> int:
    return job(*settings).prepared.gpu_memory(Sharding()).required_bytes


def seconds(*settings: Any) -> float:
    return job(*settings).speed(CARD, Sharding()).step_seconds or 0.0


def test_the_fewer_parts_lie_on_the_gpu_the_less_it_needs_and_the_longer_an_image_takes() -> None:
    assert need("none") > need("model") > need("sequential")
    assert seconds("none") < seconds("model") < seconds("sequential")


def test_model_offload_holds_the_largest_part() -> None:
    unet = 2 * 2_567_463_684
    assert need("none") - need("model") > 2 * 10**9
    assert job("model").prepared.gpu_memory(Sharding()).ledger.bytes_of("weights") == unet


def test_what_waits_is_in_ram() -> None:
    kept = next(term for term in job("model").estimate.host_memory.ledger.terms if term.key == "kept_in_ram")
    assert kept.bytes == job().prepared.weights


def test_tiles_bound_what_large_images_need_and_slices_what_many_need() -> None:
    large = need("none", "whole", 2048)
    assert need("none", "tiled", 2048) < 0.6 * large
    assert need("none", "sliced", 2048) == pytest.approx(large, rel=0.01)
    many = need("none", "whole", 1024, 4)
    assert need("none", "sliced", 1024, 4) < 0.6 * many


def test_images_of_one_tile_need_what_they_need_whole() -> None:
    assert need("none", "tiled", 512) == pytest.approx(need("none", "whole", 512), rel=0.01)


def test_the_largest_batch_is_asked_of_the_pipeline_as_it_is_offloaded() -> None:
    found = {kind: capacity(job(kind).workload, CARD, 1).largest["batch_size"] for kind in ("none", "model")}
    assert found["model"] > found["none"] > 0


def test_only_pipelines_have_parts() -> None:
    with pytest.raises(InvalidInput, match="diffusion pipelines"):
        _ = job("model", "whole", 224, 1, "resnet50")
