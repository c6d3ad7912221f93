"""What holds for the program of every transformer, on a small configuration of each."""

from typing import Any

import pytest

from app.architectures.readers.transformers_config import BUILDERS
from app.tape.dtypes import BF16
from app.tape.recorder import Category, Phase
from tests.architectures.runs import (
    ALL,
    DECODERS,
    ENCODER_DECODERS,
    RECURRENT,
    Config,
    built,
    cached_bytes,
    decoder,
    generated,
    run_forward,
    trained,
)

EVERY = pytest.mark.parametrize("kind", ALL)
EVERY_DECODER = pytest.mark.parametrize("kind", DECODERS)
DEPTHS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers", "decoder_layers")
SAME_READER = {
    "camembert": "roberta",
    "xlm-roberta": "roberta",
    "mt5": "t5",
    "ernie": "bert",
    "data2vec-text": "bert",
    "kimi_k2": "deepseek_v3",
}


def test_every_model_type_that_is_read_is_tested_here() -> None:
    assert {SAME_READER.get(kind, kind) for kind in BUILDERS} == set(ALL)


@pytest.mark.parametrize("kind", ALL.keys() - {"mistral3"})  # whose images all lie in one sequence, with a mask for each pair
def test_doubling_the_batch_never_lowers_the_peak_and_never_more_than_doubles_it(kind: str) -> None:
    once, twice = trained(built(kind), batch=16).peak_bytes, trained(built(kind), batch=32).peak_bytes
    assert once < twice < 2 * once


@EVERY
def test_the_weights_a_step_holds_are_the_parameters_counted(kind: str) -> None:
    network = built(kind)
    trace = trained(network)
    assert trace.parameters == network.parameter_count()
    assert trace.most_of(Category.WEIGHTS) >= 4 * trace.parameters
    assert trace.most_of(Category.OPTIMIZER_STATES) >= 8 * trace.trainable, "two fp32 moments of AdamW"


@EVERY
def test_every_trained_weight_gets_a_gradient(kind: str) -> None:
    trace = trained(built(kind))
    assert trace.most_of(Category.GRADIENTS) >= 4 * trace.trainable


@pytest.mark.parametrize("kind", ALL.keys() - {"albert", "mpnet"})  # which offer no checkpointing
def test_checkpointing_recomputes_and_never_raises_what_is_kept(kind: str) -> None:
    kept, recomputed = trained(built(kind)), trained(built(kind, checkpointed=True))
    assert recomputed.saved_activations < kept.saved_activations
    assert Phase.RECOMPUTE in recomputed.phase_peaks
    assert recomputed.flops > kept.flops


@EVERY
def test_mixed_precision_keeps_fp32_weights_and_adds_16_bit_copies(kind: str) -> None:
    full, mixed = trained(built(kind)), trained(built(kind), precision="amp_bf16")
    assert mixed.most_of(Category.WEIGHTS) == full.most_of(Category.WEIGHTS)
    assert 0 < mixed.most_of(Category.WEIGHT_CASTS) <= 2 * mixed.parameters + 512 * 1000
    assert full.most_of(Category.WEIGHT_CASTS) == 0


@EVERY
def test_a_bf16_step_takes_less_than_a_full_precision_one(kind: str) -> None:
    assert trained(built(kind), precision="bf16").peak_bytes < trained(built(kind)).peak_bytes


@EVERY
def test_attention_that_is_written_out_never_takes_less_than_a_fused_kernel(kind: str) -> None:
    fused, written = trained(built(kind), sequence=256), trained(built(kind, attention="eager"), sequence=256)
    assert written.saved_activations >= fused.saved_activations


@EVERY
def test_a_forward_pass_keeps_nothing_for_a_backward_pass(kind: str) -> None:
    trace = run_forward(built(kind))
    assert set(trace.phase_peaks) <= {Phase.SETUP, Phase.FORWARD}
    assert trace.peak_bytes < trained(built(kind), precision="bf16").peak_bytes


def times_as_deep(config: Config, factor: int) -> dict[str, Any]:
    """The configuration, and those within it, with so many times its layers."""
    deeper: dict[str, Any] = {name: times_as_deep(value, factor) if isinstance(value, dict) else value for name, value in config.items()}
    deeper.update({name: factor * config[name] for name in DEPTHS if name in config})
    for name in ("layer_types", "layers_block_type"):
        if name in config:
            deeper[name] = factor * config[name]
    if "attn_layer_indices" in config:
        count = config["num_hidden_layers"]
        deeper["attn_layer_indices"] = [turn * count + layer for turn in range(factor) for layer in config["attn_layer_indices"]]
    if "attention_types" in config:
        deeper["attention_types"] = [[kinds, factor * times] for kinds, times in config["attention_types"]]
    return deeper


@EVERY
def test_every_further_layer_keeps_as_much_as_the_one_before(kind: str) -> None:
    twice, thrice, four_times = (trained(built(kind, changes=times_as_deep(ALL[kind], factor))).saved_activations for factor in (2, 3, 4))
    assert four_times - thrice == thrice - twice > 0


@EVERY_DECODER
def test_prefill_caches_every_position_once(kind: str) -> None:
    network = decoder(kind)
    per_position = sum(layer.elements_per_position for layer in network.cache_layers())
    assert cached_bytes(generated(network, new=32)) == 2 * 32 * per_position


@EVERY_DECODER
def test_a_decoded_token_joins_the_cache_that_was_there(kind: str) -> None:
    network = decoder(kind)
    per_position = sum(layer.elements_per_position for layer in network.cache_layers())
    assert cached_bytes(generated(network, cached=63)) == 2 * 64 * per_position


@pytest.mark.parametrize("kind", RECURRENT)
def test_recurrent_layers_hold_the_same_states_at_any_length(kind: str) -> None:
    network = decoder(kind)
    layers = network.cache_layers()
    per_position = 2 * sum(layer.elements_per_position for layer in layers)
    states = sum(layer.state_bytes(BF16) for layer in layers)
    assert cached_bytes(generated(network, new=64)) == states + 64 * per_position
    assert cached_bytes(generated(network, cached=127)) == states + 128 * per_position


@pytest.mark.parametrize("kind", ["gemma2", "gemma3_text", "gpt_oss"])
def test_after_decoding_a_layer_with_a_window_holds_no_more_than_the_window(kind: str) -> None:
    network = decoder(kind)
    positions = [(layer.elements_per_position, layer.positions(256)) for layer in network.cache_layers()]
    assert {count for _, count in positions} == {64, 256}
    assert cached_bytes(generated(network, cached=255)) == 2 * sum(elements * count for elements, count in positions)


@EVERY_DECODER
def test_logits_of_the_last_position_take_less_than_all_logits(kind: str) -> None:
    last, every = (generated(decoder(kind), new=256, last_logits_only=only).most_of(Category.LOGITS) for only in (True, False))
    assert last < every


@pytest.mark.parametrize("kind", ENCODER_DECODERS)
def test_longer_targets_take_more(kind: str) -> None:
    assert trained(built(kind), target=64).saved_activations > trained(built(kind), target=32).saved_activations
