"""What is read out of transformers' configurations, and what is refused."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.architectures.build import build_network
from app.architectures.library import ModelEntry, all_models
from app.architectures.network import Options
from app.architectures.readers.transformers_config import BUILDERS
from app.errors import InvalidInput
from app.workloads.model import ConfigModel
from tests.architectures.runs import ALL, LATENT, SHAPE, built, decoder, run_forward, trained

HIDDEN, VOCABULARY, LABELS = SHAPE["hidden_size"], SHAPE["vocab_size"], 2
POOLER = HIDDEN * HIDDEN + HIDDEN
TRANSFORM = POOLER + 2 * HIDDEN + VOCABULARY  # of BERT's masked tokens: a projection, a norm, a bias for each token


def headed(kind: str, architecture: str, **changes: Any) -> int:
    return built(kind, changes={"architectures": [architecture], **changes}).parameter_count()


@pytest.mark.parametrize("entry", [e for e in all_models() if e.config.get("model_type") in BUILDERS], ids=lambda e: e.id)
def test_the_program_of_a_library_model_has_exactly_its_parameters(entry: ModelEntry) -> None:
    assert build_network(ConfigModel(config=entry.config), Options()).parameter_count() == entry.parameters


@pytest.mark.parametrize(
    ("architecture", "head"),
    [
        ("BertModel", POOLER),
        ("BertForMaskedLM", TRANSFORM),
        ("BertForPreTraining", TRANSFORM + POOLER + 2 * HIDDEN + 2),
        ("BertForSequenceClassification", POOLER + LABELS * (HIDDEN + 1)),
        ("BertForTokenClassification", LABELS * (HIDDEN + 1)),
        ("BertForQuestionAnswering", 2 * (HIDDEN + 1)),
    ],
)
def test_the_head_is_the_one_that_architectures_names(architecture: str, head: int) -> None:
    per_layer = 4 * POOLER + 2 * HIDDEN * 512 + 512 + HIDDEN + 4 * HIDDEN
    body = (VOCABULARY + 2048 + 2) * HIDDEN + 2 * HIDDEN + 4 * per_layer
    assert headed("bert", architecture) == body + head


@pytest.mark.parametrize(
    ("kind", "named"), [("bert", "BertLMHeadModel"), ("roberta", "RobertaForCausalLM"), ("t5", "T5ForTokenClassification")]
)
def test_a_head_that_is_not_modelled_is_said_to_be_taken_for_the_usual_one(kind: str, named: str) -> None:
    assert named in (built(kind, changes={"architectures": [named]}).taken_for or "")
    assert built(kind).taken_for is None


def test_an_encoder_without_a_named_head_predicts_masked_tokens() -> None:
    assert built("bert").parameter_count() == headed("bert", "BertForMaskedLM")
    assert built("bert").vocabulary == VOCABULARY


@pytest.mark.parametrize("labels", [{"num_labels": 9}, {"id2label": {str(i): f"LABEL_{i}" for i in range(9)}}])
def test_labels_are_counted_however_they_are_given(labels: dict[str, Any]) -> None:
    two, nine = headed("bert", "BertForTokenClassification"), headed("bert", "BertForTokenClassification", **labels)
    assert nine - two == 7 * (HIDDEN + 1)


@pytest.mark.parametrize("kind", ["llama", "qwen2", "gemma", "gpt_neox", "opt", "phi3", "mixtral", "falcon"])
def test_a_tied_table_counts_once_and_has_one_gradient(kind: str) -> None:
    tied, untied = (built(kind, changes={"tie_word_embeddings": choice}) for choice in (True, False))
    assert untied.parameter_count() - tied.parameter_count() == VOCABULARY * HIDDEN
    assert trained(untied).peak_bytes - trained(tied).peak_bytes >= 12 * VOCABULARY * HIDDEN


def test_fewer_key_heads_make_a_smaller_cache_and_fewer_parameters() -> None:
    grouped, full = decoder("llama"), decoder("llama", changes={"num_key_value_heads": 4})
    assert full.parameter_count() - grouped.parameter_count() == 4 * 2 * HIDDEN * HIDDEN // 2
    assert [layer.heads for layer in full.cache_layers()] == [4] * 4
    assert [layer.heads for layer in grouped.cache_layers()] == [2] * 4


def test_layer_types_say_which_layers_slide() -> None:
    kinds = ["sliding_attention", "full_attention", "full_attention", "sliding_attention"]
    network = decoder("mistral", changes={"sliding_window": 128, "layer_types": kinds})
    assert [layer.window for layer in network.cache_layers()] == [128, None, None, 128]


def test_every_layer_of_mistral_slides_where_there_is_a_window_and_none_where_there_is_not() -> None:
    assert [layer.window for layer in decoder("mistral", changes={"sliding_window": 128}).cache_layers()] == [128] * 4
    assert [layer.window for layer in decoder("mistral", changes={"sliding_window": None}).cache_layers()] == [None] * 4


def test_a_latent_cache_holds_one_compressed_vector_and_one_turned_key_for_all_heads() -> None:
    layer = decoder("deepseek_v3").cache_layers()[0]
    assert (layer.heads, layer.key_size, layer.value_size) == (1, LATENT["kv_lora_rank"], LATENT["qk_rope_head_dim"])


def test_a_mixture_knows_how_many_parameters_one_token_uses() -> None:
    network = built("qwen3_moe")
    expert = 3 * HIDDEN * 128
    assert network.active_parameters() == network.parameter_count() - 4 * 6 * expert
    assert network.expert_parameters() == 4 * 8 * expert
    assert network.experts_active() == 2 / 8
    assert built("llama").active_parameters() is None


def test_experts_work_on_more_rows_where_more_of_them_are_chosen() -> None:
    two, four = (trained(built("mixtral", changes={"num_experts_per_tok": chosen}), precision="bf16") for chosen in (2, 4))
    assert four.parameters == two.parameters
    assert four.saved_activations > two.saved_activations
    assert four.flops > two.flops


def test_soft_caps_take_a_score_sized_tensor_each() -> None:
    free = {"attn_logit_softcapping": None, "final_logit_softcapping": None}
    capped, plain = (trained(built("gemma2", changes=changes, attention="eager")) for changes in ({}, free))
    layers, scores = 4, 2 * 4 * 128 * 128 * 4
    assert capped.saved_activations - plain.saved_activations == layers * scores


def test_dropout_keeps_a_byte_for_every_element_it_may_drop() -> None:
    free = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    dropped, plain = trained(built("gpt2")), trained(built("gpt2", changes=free))
    assert dropped.saved_activations > plain.saved_activations
    assert run_forward(built("gpt2")).peak_bytes == run_forward(built("gpt2", changes=free)).peak_bytes


def test_relative_positions_of_t5_are_only_in_the_first_layer_of_each_stack() -> None:
    few, many = (built("t5", changes={"relative_attention_num_buckets": count}).parameter_count() for count in (32, 64))
    assert many - few == 2 * 32 * 4


@pytest.mark.parametrize(
    ("kind", "changes", "field"),
    [
        ("llama", {"num_key_value_heads": 3}, "num_attention_heads"),
        ("llama", {"hidden_size": None}, "hidden_size"),
        ("llama", {"num_hidden_layers": 10**6}, "num_hidden_layers"),
        ("llama", {"vocab_size": True}, "vocab_size"),
        ("llama", {"hidden_act": "magic"}, "hidden_act"),
        ("llama", {"attention_dropout": 2}, "attention_dropout"),
        ("llama", {"tie_word_embeddings": "yes"}, "tie_word_embeddings"),
        ("gpt2", {"n_head": 5}, "n_embd"),
        ("mixtral", {"num_experts_per_tok": 9}, "num_experts_per_tok"),
    ],
)
def test_a_value_that_cannot_be_is_refused_at_its_field(kind: str, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        built(kind, changes=changes)
    assert refused.value.errors[0].path == f"model.config.{field}"


ANYTHING = (
    st.none()
    | st.booleans()
    | st.integers(-2, 5000)
    | st.floats(allow_nan=True)
    | st.text(max_size=3)
    | st.lists(st.integers(0, 9), max_size=3)
)
FIELDS = sorted(
    {name for config in ALL.values() for name in config} | {"layer_types", "mlp_only_layers", "head_dim", "id2label", "architectures"}
)


PARTS = sorted({name for config in ALL.values() for value in config.values() if isinstance(value, dict) for name in value})
FUZZED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def is_traced_or_refused_at_a_field(kind: str, changes: dict[str, Any]) -> bool:
    try:
        return trained(built(kind, changes=changes), sequence=16).parameters > 0
    except InvalidInput as refused:
        return all(error.path.startswith("model.config.") for error in refused.errors)


@FUZZED
@given(kind=st.sampled_from(sorted(ALL)), changes=st.dictionaries(st.sampled_from(FIELDS), ANYTHING, min_size=1, max_size=3))
def test_whatever_a_field_holds_a_step_is_traced_or_the_field_is_named(kind: str, changes: dict[str, Any]) -> None:
    assert is_traced_or_refused_at_a_field(kind, changes)


@FUZZED
@given(
    kind=st.sampled_from(sorted(kind for kind in ALL if "vision_config" in ALL[kind])),
    part=st.sampled_from(["text_config", "vision_config"]),
    changes=st.dictionaries(st.sampled_from(PARTS), ANYTHING, min_size=1, max_size=3),
)
def test_the_same_holds_for_configurations_within_one(kind: str, part: str, changes: dict[str, Any]) -> None:
    assert is_traced_or_refused_at_a_field(kind, {part: {**ALL[kind][part], **changes}})
