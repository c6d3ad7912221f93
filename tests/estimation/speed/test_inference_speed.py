"""Inference speed: what must hold for every card, runtime and format."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalogue.seed import catalogue_from_seed
from app.estimation.speed import InferencePass, inference_speed
from app.hardware import Gpu
from app.placement import Sharding, Speed
from app.workloads.inference import WEIGHT_FORMATS
from tests.estimation.speed.builders import GIGA, card, decoder, geforce, work

RUNTIMES = (
    "transformers", "pytorch", "vllm", "llama.cpp", "ollama", "sglang", "tensorrt-llm", "exllamav2", "mlx", "diffusers", "onnxruntime",
    "faster-whisper", "whisper.cpp",
)  # fmt: skip
ROUNDING = 1 - 1e-9
bandwidths = st.floats(min_value=50, max_value=10_000)
factors = st.floats(min_value=1, max_value=20)


def speed(job: InferencePass, gpu: Gpu | None = None, quantity: int = 1, spread: Sharding | None = None) -> Speed:
    return inference_speed(job, gpu or card(), quantity, spread or Sharding(gpus=quantity))


def decoded(job: InferencePass, gpu: Gpu | None = None, quantity: int = 1, spread: Sharding | None = None) -> float:
    found = speed(job, gpu, quantity, spread).decode_tokens_per_second
    assert found is not None
    return found


def prompted(job: InferencePass, gpu: Gpu | None = None) -> float:
    found = speed(job, gpu).prompt_tokens_per_second
    assert found is not None
    return found


@given(bandwidths, factors, st.sampled_from(RUNTIMES), st.sampled_from(["fp16", "q4_0", "nf4", "gptq_int4"]))
def test_more_bandwidth_never_decodes_slower(bandwidth: float, factor: float, runtime: str, weight_format: str) -> None:
    job = decoder(runtime=runtime, weight_format=weight_format)
    slow, fast = (card(bandwidth_gb_s=value) for value in (bandwidth, bandwidth * factor))
    assert decoded(job, fast) >= decoded(job, slow) * ROUNDING


@given(st.floats(min_value=10, max_value=3000), factors)
def test_more_flops_never_process_prompts_slower(tflops: float, factor: float) -> None:
    slow, fast = (card(fp16_tflops=value) for value in (tflops, tflops * factor))
    assert prompted(decoder(), fast) >= prompted(decoder(), slow) * ROUNDING


@given(st.integers(1, 2000), st.integers(1, 200), st.sampled_from(["vllm", "llama.cpp", "transformers"]))
def test_more_sequences_never_lower_the_total_rate_and_never_raise_it_beyond_their_number(count: int, more: int, runtime: str) -> None:
    few, many = (decoded(decoder(runtime=runtime, sequences=n)) for n in (count, count + more))
    assert few * ROUNDING <= many <= few * (count + more) / count / ROUNDING


@pytest.mark.parametrize("gpu", catalogue_from_seed().gpus.values(), ids=lambda gpu: gpu.id)
def test_every_card_of_the_catalogue_has_finite_positive_rates(gpu: Gpu) -> None:
    for runtime in RUNTIMES:
        found = speed(decoder(runtime=runtime), gpu)
        for value in (found.decode_tokens_per_second, found.prompt_tokens_per_second, found.time_to_first_token_s):
            assert value
            assert 0 < value < math.inf


@pytest.mark.parametrize("weight_format", WEIGHT_FORMATS)
def test_every_weight_format_has_finite_positive_rates(weight_format: str) -> None:
    found = speed(decoder(weight_format=weight_format), geforce())
    assert found.decode_tokens_per_second
    assert found.prompt_tokens_per_second


def test_a_longer_context_decodes_slower() -> None:
    assert decoded(decoder(context=32_768)) < decoded(decoder(context=1024))


def test_fewer_bytes_decode_faster_but_low_bit_super_blocks_cost_more_per_byte() -> None:
    four_bit, two_bit = decoder(), decoder(weight_format="q2_k", weight_bytes_read=28 * GIGA // 10)
    assert decoded(decoder(weight_bytes_read=7 * GIGA), geforce()) < decoded(four_bit, geforce())
    assert decoded(two_bit, geforce()) < decoded(four_bit, geforce())


def test_layers_left_in_ram_decode_slower_and_name_the_host() -> None:
    split = decoder(gpu_share=0.46)
    assert decoded(split) < decoded(decoder())
    assert speed(split).bottleneck == "host memory bandwidth"


def test_tensor_parallel_shortens_a_step_of_a_large_model() -> None:
    large = decoder(runtime="vllm", weight_format="fp16", weight_bytes_read=138 * GIGA, active_parameters=69 * GIGA, layers=80, hidden=8192)
    assert 1.5 * decoded(large, quantity=1) < decoded(large, quantity=2) < 2 * decoded(large, quantity=1)


def test_cards_that_take_turns_are_no_faster_than_one() -> None:
    assert decoded(decoder(), quantity=2) <= decoded(decoder())


def test_replicas_multiply_the_rate() -> None:
    assert decoded(decoder(), quantity=3, spread=Sharding(gpus=3, data=3)) == pytest.approx(3 * decoded(decoder()))


def test_many_sequences_use_more_of_the_experts() -> None:
    mixture = decoder(runtime="vllm", weight_bytes_read=4 * GIGA, expert_bytes=30 * GIGA, experts_active=0.1)
    dense = decoder(runtime="vllm", weight_bytes_read=4 * GIGA)
    assert decoded(mixture) == pytest.approx(decoded(dense))
    assert decoded(_many(mixture)) < decoded(_many(dense))


def _many(job: InferencePass) -> InferencePass:
    return decoder(runtime=job.runtime, weight_bytes_read=job.weight_bytes_read, expert_bytes=job.expert_bytes,
                   experts_active=job.experts_active, sequences=16)  # fmt: skip


def test_an_eager_framework_is_bound_by_its_host_on_a_small_model() -> None:
    small = decoder(runtime="transformers", weight_format="bf16", weight_bytes_read=GIGA // 2, active_parameters=GIGA // 4)
    assert speed(small).bottleneck == "fixed overhead"


def test_a_longer_prompt_takes_longer_to_the_first_token() -> None:
    short, long = (speed(decoder(prompt_tokens=length, context=8192)).time_to_first_token_s or 0 for length in (256, 4096))
    assert long > short


def test_images_per_second_scale_with_the_number_of_cards() -> None:
    job = InferencePass(runtime="pytorch", weight_format="fp16", work=work(), samples=256)
    one, four = (speed(job, quantity=count).samples_or_tokens_per_second for count in (1, 4))
    assert one
    assert four == pytest.approx(4 * one)


def test_a_sampler_of_many_steps_makes_fewer_images() -> None:
    once, often = (
        speed(InferencePass(runtime="diffusers", weight_format="fp16", work=work(), passes=steps)).samples_or_tokens_per_second
        for steps in (1, 30)
    )
    assert once
    assert often == pytest.approx(once / 30)
