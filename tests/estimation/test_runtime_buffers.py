"""Compute buffers that llama.cpp (ik_llama.cpp 8337e4c, issues 380 and 539, 370, 357) printed at start-up, beside those derived."""

import pytest

from app.estimation.runtimes import RUNTIMES, PassShape
from app.units import MIB

LLAMA_3_8B = {"hidden": 4096, "feed_forward": 14_336, "vocabulary": 128_256, "heads": 32}
QWEN_3_32B = {"hidden": 5120, "feed_forward": 25_600, "vocabulary": 151_936, "heads": 64}
QWEN_3_30B = {"hidden": 2048, "feed_forward": 6144, "vocabulary": 151_936, "heads": 32}
QWEN_3_235B = {"hidden": 4096, "feed_forward": 12_288, "vocabulary": 151_936, "heads": 64}


def buffer(sizes: dict[str, int], context: int, *, flash: bool = True, sequences: int = 1, kv_is_16_bit: bool = True) -> float:
    shape = PassShape(prompt=512, context=context, sequences=sequences, kv_is_16_bit=kv_is_16_bit, flash=flash, **sizes)
    return RUNTIMES["llama.cpp"].buffer(shape) / MIB


@pytest.mark.parametrize(
    ("sizes", "context", "flash", "printed"),
    [
        (QWEN_3_30B, 32_768, True, 304.75),
        (QWEN_3_30B, 4096, True, 300.75),
        (QWEN_3_235B, 32_768, True, 312.75),
        (QWEN_3_32B, 40_960, False, 5252.01),
    ],
)
def test_buffers_are_those_of_start_up_logs(sizes: dict[str, int], context: int, flash: bool, printed: float) -> None:
    assert buffer(sizes, context, flash=flash) == pytest.approx(printed, rel=0.02)


def test_longer_contexts_more_users_and_slower_attention_never_need_less() -> None:
    assert buffer(LLAMA_3_8B, 500_000) > buffer(LLAMA_3_8B, 8192)
    assert buffer(LLAMA_3_8B, 100_000, sequences=8) > buffer(LLAMA_3_8B, 100_000)
    assert buffer(LLAMA_3_8B, 8192, flash=False) > buffer(LLAMA_3_8B, 8192)
    assert buffer(LLAMA_3_8B, 65_536, kv_is_16_bit=False) > buffer(LLAMA_3_8B, 65_536)
