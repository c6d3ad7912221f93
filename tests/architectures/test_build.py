"""From what a person names to a network."""

import pytest

from app.architectures.build import build_network
from app.architectures.network import Options
from app.architectures.readers.likeness import Unmodelled
from app.errors import InvalidInput
from app.workloads.model import ConfigModel, PresetModel, SizeModel

UNKNOWN_DECODER = {
    "model_type": "brand_new", "vocab_size": 32_000, "hidden_size": 2048, "num_hidden_layers": 4, "num_attention_heads": 16,
    "intermediate_size": 5504,
}  # fmt: skip


def test_a_library_model_has_its_published_parameters() -> None:
    network = build_network(PresetModel(preset="meta-llama/Llama-3.1-8B"), Options())
    assert sum(p.size * p.times for p in network.parameters()) == 8_030_261_248


def test_an_unknown_decoder_is_taken_for_the_nearest_family_and_says_so() -> None:
    network = build_network(ConfigModel(config=UNKNOWN_DECODER), Options())
    assert network.taken_for is not None
    assert "brand_new" in network.taken_for


def test_an_unknown_mixture_is_taken_for_one_with_as_many_experts() -> None:
    config = {**UNKNOWN_DECODER, "num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 64, "num_shared_experts": 1}
    network = build_network(ConfigModel(config=config), Options())
    assert network.taken_for is not None
    assert "experts" in network.taken_for
    assert network.experts_active() == 2 / 8


def test_an_unknown_encoder_is_taken_for_bert() -> None:
    network = build_network(ConfigModel(config={**UNKNOWN_DECODER, "type_vocab_size": 2, "hidden_dropout_prob": 0.1}), Options())
    assert network.taken_for is not None
    assert "BERT" in network.taken_for


def test_an_unknown_decoder_that_reads_images_keeps_its_language_model() -> None:
    vision = {"depth": 4, "embed_dim": 192, "num_heads": 3, "patch_size": 14}
    config = {"model_type": "brand_new_vl", "text_config": UNKNOWN_DECODER, "vision_config": vision}
    network, text = (build_network(ConfigModel(config=given), Options()) for given in (config, UNKNOWN_DECODER))
    assert network.taken_for is not None
    assert "image encoder" in network.taken_for
    assert network.parameter_count() > text.parameter_count()


@pytest.mark.parametrize("field", ["hidden_size_per_layer_input", "conv_L_cache", "lru_width", "mamba_d_state", "patch_size"])
def test_a_decoder_with_layers_that_no_relative_has_is_not_taken_for_one(field: str) -> None:
    with pytest.raises(Unmodelled):
        build_network(ConfigModel(config={**UNKNOWN_DECODER, field: 256}), Options())


def test_a_configuration_without_a_decoders_fields_is_not_guessed_at() -> None:
    with pytest.raises(Unmodelled):
        build_network(ConfigModel(config={"model_type": "brand_new"}), Options())


def test_a_configuration_of_nothing_known_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"is this the model's config\.json"):
        build_network(ConfigModel(config={"hello": "world"}), Options())


def test_a_size_alone_has_no_program() -> None:
    with pytest.raises(Unmodelled) as unmodelled:
        build_network(SizeModel(parameters=123), Options())
    assert unmodelled.value.parameters == 123


def test_an_unknown_preset_is_refused_at_its_field() -> None:
    with pytest.raises(InvalidInput) as refused:
        build_network(PresetModel(preset="meta-llama/Lama-3.1-8B"), Options())
    assert refused.value.errors[0].path == "model.preset"
    assert "meta-llama/Llama-3.1-8B" in refused.value.errors[0].message
