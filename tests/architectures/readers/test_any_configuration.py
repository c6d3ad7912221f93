"""Whatever a field of a configuration holds, for every type that is read: an estimate, or a sentence that names what is wrong."""

import math
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.architectures.build import BY_MODEL_TYPE, DIFFUSERS, build_from_config
from app.architectures.library import all_models
from app.architectures.network import Options
from app.errors import InvalidInput
from app.estimation.estimate import Estimate
from app.estimation.service import estimate
from app.workloads import parse_workload
from tests.architectures.runs import ALL

Path = tuple[str, ...]

MISSING = "a field that is not there"
LONGEST_SECONDS = 5.0
LARGEST_BYTES = 2**60  # beyond any memory: a number that large is an overflow, not an estimate
WRONG = (
    MISSING, None, True, -1, 0, 7, 1.5, 10**9, math.nan, math.inf, "x", "float128", [], [1], [-1] * 4, ["x"] * 3, [[1, 2], [3]],
    [0] * 5_000, {"a": 1},
)  # fmt: skip
OFTEN_GIVEN = (
    "torch_dtype", "dtype", "layer_types", "architectures", "id2label", "num_labels", "head_dim", "rope_parameters", "quantization_config",
)  # fmt: skip


def valid() -> dict[str, Mapping[str, Any]]:
    """One configuration of each type that stands on its own: the smallest of the tests, else the library's, else the type's defaults."""
    configs = {kind: {**config, "model_type": kind} for kind, config in ALL.items()}
    for config in (part for entry in all_models() for part in (entry.config, *entry.config.values()) if isinstance(part, Mapping)):
        kind = str(config.get("model_type") or config.get("_class_name"))
        if kind in BY_MODEL_TYPE or (kind in DIFFUSERS and not kind.endswith("Pipeline")):
            configs.setdefault(kind, dict(config))
    return {**{kind: {"model_type": kind} for kind in BY_MODEL_TYPE}, **configs}


VALID = valid()


def fields(config: Mapping[str, Any], ahead: Path = ()) -> Iterator[Path]:
    """Every field, also of the configurations within it."""
    for name, value in config.items():
        yield (*ahead, name)
        if isinstance(value, Mapping):
            yield from fields(value, (*ahead, name))


def changed(config: Mapping[str, Any], path: Path, value: object) -> dict[str, Any]:
    """The configuration with one field replaced or left out."""
    first, *rest = path
    if rest:
        return {**config, first: changed(config[first], tuple(rest), value)}
    return {**{name: held for name, held in config.items() if name != first}, **({} if value is MISSING else {first: value})}


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """A configuration of some type with one field spoilt."""
    config = VALID[draw(st.sampled_from(sorted(VALID)))]
    path = draw(st.sampled_from(sorted({*fields(config), *((name,) for name in OFTEN_GIVEN)})))
    return changed(config, path, draw(st.sampled_from(WRONG)))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(config=mutated())
def test_a_spoilt_field_gives_an_estimate_or_a_sentence_about_it_in_bounded_time(config: dict[str, Any]) -> None:
    document = {"kind": "training", "model": {"config": config}, "precision": "bf16", "micro_batch_size": 1, "sequence_length": 16}
    started = time.process_time()
    answer = answered(document)
    assert time.process_time() - started < LONGEST_SECONDS
    if isinstance(answer, InvalidInput):
        assert all(error.path and error.message for error in answer.errors)
    else:
        assert answer.gpu_memory is not None
        assert 0 < 2 * answer.parameters.total <= answer.gpu_memory.peak_allocated_bytes < LARGEST_BYTES


def answered(document: dict[str, Any]) -> Estimate | InvalidInput:
    """The estimate, or what is wrong with the document. Nothing else may be raised."""
    try:
        return estimate(parse_workload(document))
    except InvalidInput as refused:
        return refused


@pytest.mark.parametrize(
    ("kind", "changes", "path"),
    [
        ("llama", {"torch_dtype": "float128"}, "model.config.torch_dtype"),
        ("bert", {"dtype": 16}, "model.config.dtype"),
        ("gpt2", {"dtype": {"": "bfloat16", "text": "bf17"}}, "model.config.dtype"),
        ("qwen3", {"layer_types": ["full_attention"] * 3}, "model.config.layer_types"),
        ("vit", {"layer_types": "full_attention"}, "model.config.layer_types"),
        ("mistral", {"layer_types": ["full_attention", "magic", "full_attention", "full_attention"]}, "model.config.layer_types"),
        ("gemma3", {"text_config": {**ALL["gemma3"]["text_config"], "layer_types": ["conv"]}}, "model.config.text_config.layer_types"),
        ("detr", {"d_model": 100}, "model.config.d_model"),
        ("detr", {"position_embedding_type": "learned"}, "model.config.position_embedding_type"),
        ("beit", {"layer_scale_init_value": math.nan}, "model.config.layer_scale_init_value"),
        ("beit", {"image_size": 8}, "model.config.patch_size"),
        ("PixArtTransformer2DModel", {"activation_fn": ["gelu"]}, "model.config.activation_fn"),
    ],
)
def test_a_contradiction_is_refused_at_its_field(kind: str, changes: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        build_from_config({**VALID[kind], **changes}, Options())
    assert refused.value.errors[0].path == path


@pytest.mark.parametrize("name", ["bfloat16", "torch.float16", "auto", None])
def test_types_of_weights_that_transformers_writes_are_read(name: str | None) -> None:
    assert build_from_config({**VALID["llama"], "torch_dtype": name}, Options()).parameter_count() > 0
