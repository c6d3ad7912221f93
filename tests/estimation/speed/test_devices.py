"""Classes of cards and their peak rates."""

import pytest

from app.catalogue.seed import catalogue_from_seed
from app.estimation.speed.devices import device_class, half_flops, matrix_flops, quantized_flops
from tests.estimation.speed.builders import card, geforce

CLASSES = {
    "rtx-4090": "NVIDIA GeForce RTX", "rtx-a6000": "NVIDIA RTX at full rate, GDDR", "titan-rtx": "NVIDIA RTX at full rate, GDDR",
    "gtx-1080-ti": "NVIDIA without tensor cores", "gtx-1660-ti": "NVIDIA without tensor cores",
    "tesla-p100-sxm2": "NVIDIA without tensor cores",
    "tesla-v100-16gb-sxm2": "NVIDIA Volta", "a100-80gb-sxm": "NVIDIA Ampere with HBM", "h200-sxm": "NVIDIA Hopper",
    "b200-sxm": "NVIDIA Blackwell with HBM", "dgx-spark-128": "NVIDIA RTX at full rate, GDDR", "rx-7900-xtx": "AMD Radeon",
    "framework-desktop-395-128": "AMD Radeon", "mi300x": "AMD Instinct", "mac-studio-m2-ultra-192": "Apple silicon",
    "arc-b580": "Intel Arc", "gaudi3": "TPU and Gaudi", "tpu-v5e": "TPU and Gaudi",
}  # fmt: skip


@pytest.mark.parametrize(("name", "expected"), CLASSES.items())
def test_cards_of_the_catalogue_fall_into_their_class(name: str, expected: str) -> None:
    assert device_class(catalogue_from_seed().gpus[name]).name == expected


def test_only_geforce_cards_gain_from_accumulating_in_16_bits() -> None:
    for gpu, gain in ((geforce(), 2), (card(), 1)):
        assert half_flops(gpu, bf16=False, fp16_accumulation=True) == gain * half_flops(gpu, bf16=False)


def test_cards_without_a_number_type_fall_back_to_one_they_have() -> None:
    pascal = card(fp16_tflops=None, bf16_tflops=None, fp32_tflops=11.3, compute_capability="6.1", memory_type="GDDR5X")
    assert matrix_flops(pascal, "bf16") == matrix_flops(pascal, "fp16") == matrix_flops(pascal, "fp8") == 11.3e12
    assert quantized_flops(pascal, fp16_accumulation=False) == 4 * 11.3e12
    assert matrix_flops(card(fp8_tflops=None), "fp8") == 300e12


def test_tf32_runs_at_half_the_16_bit_rate_where_there_is_bfloat16() -> None:
    assert matrix_flops(card(), "tf32") == 150e12
    assert matrix_flops(card(bf16_tflops=None), "tf32") == 20e12
