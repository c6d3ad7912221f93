"""Diffusion networks and pipelines of the library: exact parameters, and how memory moves with sizes and settings."""

from typing import Any

import pytest

from app.architectures.diffusion_pipeline import Pipeline
from app.architectures.library import ModelEntry, all_models
from app.architectures.network import Inputs, Network
from app.errors import InvalidInput
from app.tape.dtypes import BF16, FP16
from app.tape.recorder import Category
from tests.architectures.image_runs import configured, part, preset, run_once, trained

PIPELINES = [entry for entry in all_models() if entry.components]
SD15, SDXL, SD3 = (
    "stable-diffusion-v1-5/stable-diffusion-v1-5", "stabilityai/stable-diffusion-xl-base-1.0",
    "stabilityai/stable-diffusion-3-medium-diffusers",
)  # fmt: skip
FLUX, PIXART, DIT = "black-forest-labs/FLUX.1-dev", "PixArt-alpha/PixArt-Sigma-XL-2-1024-MS", "facebook/DiT-XL-2-256"
WAN, COGVIDEOX = "Wan-AI/Wan2.1-T2V-1.3B-Diffusers", "THUDM/CogVideoX-2b"
FEW_LAYERS = {
    SD15: {}, SD3: {"num_layers": 6}, FLUX: {"num_layers": 5, "num_single_layers": 5}, PIXART: {"num_layers": 6}, DIT: {"num_layers": 6},
    WAN: {"num_layers": 6}, COGVIDEOX: {"num_layers": 6},
}  # fmt: skip
IMAGE = Inputs(batch=1, image=(256, 256), frames=9)


def denoiser(pipeline: str, changes: dict[str, Any] | None = None, **choices: Any) -> Network:
    """The denoiser of a library pipeline with few layers."""
    name = "unet" if pipeline in (SD15, SDXL) else "transformer"
    return configured(part(pipeline, name), {**FEW_LAYERS.get(pipeline, {}), **(changes or {})}, **choices)


@pytest.mark.parametrize("entry", PIPELINES, ids=lambda entry: entry.id)
def test_every_part_of_every_pipeline_has_its_published_parameters(entry: ModelEntry) -> None:
    counted = {name: configured(config).parameter_count() for name, config in entry.config.items() if name != "_class_name"}
    assert counted == dict(entry.components)
    assert preset(entry.id).parameter_count() == entry.parameters


@pytest.mark.parametrize("entry", PIPELINES, ids=lambda entry: entry.id)
def test_a_pipeline_needs_more_than_its_denoiser_alone(entry: ModelEntry) -> None:
    whole, alone = (run_once(preset(entry.id, denoiser_only=only), IMAGE) for only in (False, True))
    assert whole.peak_bytes > alone.peak_bytes


@pytest.mark.parametrize("name", FEW_LAYERS)
def test_checkpointing_a_denoiser_saves_memory(name: str) -> None:
    large = Inputs(batch=4, image=(512, 512), frames=9)
    plain, checkpointed = (trained(denoiser(name, checkpointed=on), large, "bf16") for on in (False, True))
    assert checkpointed.peak_bytes < plain.peak_bytes


@pytest.mark.parametrize("name", FEW_LAYERS)
def test_activations_grow_with_the_batch(name: str) -> None:
    small, large = (run_once(denoiser(name), Inputs(batch=size, image=(512, 512), frames=9)) for size in (1, 8))
    assert small.peak_bytes < large.peak_bytes < 8 * small.peak_bytes


@pytest.mark.parametrize("name", [SD3, FLUX, PIXART, DIT, WAN, COGVIDEOX])
@pytest.mark.parametrize("checkpointed", [False, True])
def test_equal_blocks_that_are_traced_once_count_as_if_each_was_traced(name: str, checkpointed: bool) -> None:
    apart = tuple(range(1, 6))  # a boundary between all blocks, so that no two are taken for equal
    folded, unfolded = (trained(denoiser(name, checkpointed=checkpointed, split_at=bounds), IMAGE, "bf16") for bounds in ((), apart))
    assert folded.peak_bytes == pytest.approx(unfolded.peak_bytes, rel=1e-4)
    assert sum(w.flops for w in folded.work.values()) == sum(w.flops for w in unfolded.work.values())


def test_more_steps_take_more_work_and_no_more_memory() -> None:
    few, many = (run_once(preset(SD15), Inputs(batch=1, image=(512, 512), steps=steps)) for steps in (10, 20))
    assert many.peak_bytes == few.peak_bytes
    assert 1.8 < sum(w.flops for w in many.work.values()) / sum(w.flops for w in few.work.values()) < 2


def test_guidance_predicts_with_and_without_the_text() -> None:
    whole, alone = preset(SD15), preset(SD15, denoiser_only=True)
    assert isinstance(whole, Pipeline)
    both = run_once(alone, Inputs(batch=2, image=(512, 512)))
    once = run_once(alone, Inputs(batch=1, image=(512, 512)))
    steps = run_once(whole, Inputs(batch=1, image=(512, 512), steps=50))
    flops = [sum(w.flops for w in trace.work.values()) for trace in (both, once, steps)]
    assert flops[2] > 50 * flops[0] > 99 * flops[1]


def test_the_decoder_of_sdxl_runs_in_fp32_where_its_weights_are_fp16() -> None:
    half, brain = (run_once(preset(SDXL), Inputs(batch=1), dtype) for dtype in (FP16, BF16))
    assert half.peak_bytes > brain.peak_bytes
    assert half.peak.bytes_of(Category.WEIGHT_CASTS) > 0 == brain.peak.bytes_of(Category.WEIGHT_CASTS)


@pytest.mark.parametrize(("name", "frames"), [(WAN, (33, 81)), (COGVIDEOX, (17, 49))])
def test_a_longer_video_takes_more_memory(name: str, frames: tuple[int, int]) -> None:
    short, long = (run_once(configured(part(name, "vae")), Inputs(batch=1, image=(256, 256), frames=count)) for count in frames)
    assert short.peak_bytes < long.peak_bytes


@pytest.mark.parametrize(
    ("pipeline", "name", "changes", "path"),
    [
        (SD15, "unet", {"down_block_types": ["DownBlock3D"]}, "model.config.down_block_types"),
        (SD15, "unet", {"block_out_channels": [320]}, "model.config.block_out_channels"),
        (SD15, "unet", {"mid_block_type": "Other"}, "model.config.mid_block_type"),
        (SD15, "vae", {"down_block_types": "DownEncoderBlock2D"}, "model.config.down_block_types"),
        (SD3, "transformer", {"caption_projection_dim": 7}, "model.config.caption_projection_dim"),
        (SD3, "transformer", {"dual_attention_layers": "all"}, "model.config.dual_attention_layers"),
        (DIT, "transformer", {"activation_fn": "swoosh"}, "model.config.activation_fn"),
        (DIT, "transformer", {"num_layers": 10**9}, "model.config.num_layers"),
        (PIXART, "transformer", {"activation_fn": None}, "model.config.activation_fn"),
        (WAN, "transformer", {"patch_size": [1, 2]}, "model.config.patch_size"),
        (WAN, "vae", {"temperal_downsample": [True]}, "model.config.temperal_downsample"),
        (WAN, "vae", {"dim_mult": [1] * 99}, "model.config.dim_mult"),
        (COGVIDEOX, "transformer", {"patch_size_t": 2}, "model.config.patch_size_t"),
    ],
)
def test_a_configuration_that_does_not_fit_names_the_field(pipeline: str, name: str, changes: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        configured(part(pipeline, name), changes)
    assert refused.value.errors[0].path == path


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"unet": {"_class_name": "AutoencoderKL"}}, "model.config"),
        ({"unet": {"_class_name": "Nothing"}}, "model.config.unet._class_name"),
        ({"unet": 3}, "model.config.unet"),
        ({"text_encoder": {"model_type": "vit"}}, "model.config.text_encoder"),
        ({"vae": {}}, "model.config.vae._class_name"),
    ],
)
def test_a_pipeline_with_a_wrong_part_names_it(changes: dict[str, Any], path: str) -> None:
    parts = {name: part(SD15, name) for name in ("unet", "text_encoder", "vae")}
    with pytest.raises(InvalidInput) as refused:
        configured({"_class_name": "StableDiffusionPipeline", **parts, **changes})
    assert refused.value.errors[0].path.startswith(path)


@pytest.mark.parametrize("name", FEW_LAYERS)
def test_an_image_of_odd_size_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        run_once(denoiser(name), Inputs(batch=1, image=(250, 256), frames=9))
    assert refused.value.errors[0].path == "image_size"
