"""Documents that nobody means well: refused with a sentence that names the field, or answered, in bounded time and memory."""

import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import InvalidInput
from app.estimation.service import estimate
from app.workloads import parse_workload

LONGEST_SECONDS = 3.0  # on a machine that does other things too; a usual estimate takes some milliseconds
LLAMA = {
    "model_type": "llama", "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 4, "num_attention_heads": 8,
    "num_key_value_heads": 4, "vocab_size": 1000, "hidden_act": "silu", "tie_word_embeddings": False, "max_position_embeddings": 2048,
}  # fmt: skip
CONFIGS: dict[str, dict[str, Any]] = {
    "llama": LLAMA,
    "gemma3": {**LLAMA, "model_type": "gemma3_text", "head_dim": 32, "sliding_window": 128, "layer_types": ["full_attention"] * 4},
    "mixtral": {**LLAMA, "model_type": "mixtral", "num_local_experts": 8, "num_experts_per_tok": 2},
    "bert": {**LLAMA, "model_type": "bert", "type_vocab_size": 2, "hidden_dropout_prob": 0.1},
    "t5": {"model_type": "t5", "d_model": 256, "d_ff": 512, "d_kv": 32, "num_layers": 4, "num_heads": 8, "vocab_size": 1000},
    "vit": {
        "model_type": "vit", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128,
        "image_size": 32,
    },
    "unet": {"_class_name": "UNet2DConditionModel", "block_out_channels": [32, 64], "cross_attention_dim": 64, "sample_size": 16},
}  # fmt: skip
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.integers(-3, 12), st.floats(allow_nan=False), st.text(max_size=12),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(st.text(max_size=6), inner, max_size=4))
)


def training(model: object, **changes: object) -> dict[str, object]:
    return {"kind": "training", "model": model, "micro_batch_size": 2, "sequence_length": 64, **changes}


def answered(document: object) -> None:
    """Asks for an estimate, which must come or be refused soon. Raises whatever else happens."""
    started = time.perf_counter()
    assert refusal(document) != ""
    assert time.perf_counter() - started < LONGEST_SECONDS


def refusal(document: object) -> str | None:
    try:
        estimate(parse_workload(document))
    except InvalidInput as refused:
        return str(refused)
    return None


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), name=st.sampled_from(sorted(CONFIGS)))
def test_a_config_with_any_values_in_its_fields_is_answered_or_refused(data: st.DataObject, name: str) -> None:
    config = dict(CONFIGS[name])
    for field in data.draw(st.lists(st.sampled_from(sorted(config)), min_size=1, max_size=3, unique=True)):
        config[field] = data.draw(VALUES)
    answered(training({"config": config}))


FIELDS = st.sampled_from([
    "precision", "micro_batch_size", "gradient_accumulation_steps", "sequence_length", "target_length", "optimizer", "attention",
    "activation_checkpointing", "tuning", "parallelism", "data", "checkpoints", "framework", "weight_averaging", "model", "kind",
])  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(changes=st.dictionaries(FIELDS, VALUES, max_size=3))
def test_a_workload_with_any_values_in_its_fields_is_answered_or_refused(changes: dict[str, object]) -> None:
    answered({**training({"config": LLAMA}), **changes})


@settings(max_examples=150, deadline=None)
@given(
    shape=st.lists(st.integers(-1, 10**9), min_size=1, max_size=4),
    layers=st.lists(st.fixed_dictionaries({"type": st.sampled_from(["conv2d", "dense", "lstm", "attention", "embedding", "flatten"])},
                                          optional={"out": VALUES, "kernel": VALUES, "stride": VALUES}), min_size=1, max_size=4),
)  # fmt: skip
def test_any_list_of_layers_is_answered_or_refused(shape: list[int], layers: list[dict[str, object]]) -> None:
    answered(training({"input": shape, "layers": layers}))


def nested(levels: int) -> dict[str, object]:
    document: dict[str, object] = {}
    for _ in range(levels):
        document = {"a": document}
    return document


def circular() -> dict[str, object]:
    document: dict[str, object] = {}
    document["itself"] = document
    return document


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"num_attention_heads": 7}, "num_attention_heads"),
        ({"num_hidden_layers": 10**6}, "num_hidden_layers"),
        ({"hidden_size": -5}, "hidden_size"),
        ({"vocab_size": 10**15}, "vocab_size"),
        ({"extra": nested(5000)}, "nests deeper than 20 levels"),
        ({"extra": circular()}, "nests deeper than 20 levels"),
        ({"extra": ["x"] * 2_000_000}, "more than 50,000 values"),
    ],
)
def test_a_config_that_cannot_be_is_refused_with_the_field_or_the_reason(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence) as refused:
        estimate(parse_workload(training({"config": {**LLAMA, **changes}})))
    assert refused.value.errors[0].path.startswith("model.config")


@pytest.mark.parametrize("document", [None, [], "training", 5, {}, {"kind": "mining"}, {"kind": ["training"]}, nested(5000)])
def test_what_is_no_workload_is_refused(document: object) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_workload(document)
    assert not isinstance(document, dict) or refused.value.errors[0].path == "kind"


def test_a_field_that_takes_words_says_which_where_it_was_given_an_object() -> None:
    with pytest.raises(InvalidInput, match="precision: input should be 'fp64'"):
        parse_workload(training({"config": LLAMA}, precision={"weights": "bf16"}))


def test_the_degrees_that_do_not_fit_are_named_in_the_message() -> None:
    with pytest.raises(InvalidInput, match="data x tensor x pipeline x context is 6 but gpus is 4"):
        parse_workload(training({"config": LLAMA}, parallelism={"gpus": 4, "data": 3, "tensor": 2}))
