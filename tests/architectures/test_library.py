"""The library's entries are well-formed, their totals agree with closed forms, and names lead to the right one."""

import json
import statistics
import time
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app.architectures.library import FAMILIES, ModelEntry, all_models, find, names_of, read_entries, search
from app.errors import InvalidInput
from tests.architectures.closed_forms import decoder_parameters, has_closed_form, vision_transformer_parameters

LLAMA_31_8B = "meta-llama/Llama-3.1-8B"
FEWEST_MODELS = 90
SLOWEST_SEARCH_S = 0.005  # 0.5 ms measured; tests share the machine

# Totals that the makers publish (model cards, papers, safetensors metadata), in billions, rounded as they do.
PUBLISHED_BILLIONS = {
    "meta-llama/Llama-3.1-405B": 405.9,
    "meta-llama/Llama-4-Scout-17B-16E": 108.6,
    "mistralai/Mixtral-8x7B-v0.1": 46.7,
    "Qwen/Qwen2.5-72B": 72.7,
    "Qwen/Qwen3-235B-A22B": 235.1,
    "google/gemma-2-27b": 27.2,
    "google/gemma-3-27b-pt": 27.4,
    "deepseek-ai/DeepSeek-V3": 671.0,
    "openai/gpt-oss-120b": 116.8,
    "bigscience/bloom": 176.2,
    "google/flan-t5-xxl": 11.1,
    "openai/whisper-large-v3": 1.54,
    "black-forest-labs/FLUX.1-dev": 16.87,
    "state-spaces/mamba-2.8b-hf": 2.77,
    "ai21labs/Jamba-v0.1": 51.6,
    "ibm-ai-platform/Bamba-9B-v1": 9.78,
    "tiiuae/Falcon-H1-34B-Base": 33.6,
}


def ids(entries: Iterable[ModelEntry]) -> list[str]:
    return [entry.id for entry in entries]


def written(folder: Path, entries: dict[str, dict[str, Any]]) -> Path:
    (folder / "models.json").write_text(json.dumps(entries), encoding="utf-8")
    return folder


def valid() -> dict[str, Any]:
    return {"name": "A", "family": "decoder", "parameters": 1, "source": "s", "as_of": "2026-01-01", "config": {"model_type": "llama"}}


def test_the_library_holds_at_least_ninety_different_models() -> None:
    assert len(set(ids(all_models()))) == len(all_models()) >= FEWEST_MODELS


def test_every_family_of_networks_has_a_model() -> None:
    assert {entry.family for entry in all_models()} == set(FAMILIES)


def test_decoders_come_first() -> None:
    families = [entry.family for entry in all_models()]
    assert families == sorted(families, key=FAMILIES.index)


def test_every_entry_tells_its_name_its_source_and_its_date() -> None:
    assert all(entry.name and entry.source and date.fromisoformat(entry.as_of) for entry in all_models())


def test_every_transformers_configuration_names_the_class_whose_parameters_are_counted() -> None:
    transformers = [e for e in all_models() if "/" in e.id and "model_type" in e.config]
    assert [e.id for e in transformers if len(e.config["architectures"]) != 1] == []


@pytest.mark.parametrize("entry", [e for e in all_models() if has_closed_form(e.config)], ids=lambda e: e.id)
def test_a_decoders_total_is_what_its_shapes_give(entry: ModelEntry) -> None:
    assert decoder_parameters(entry.config) == entry.parameters


def test_closed_forms_cover_most_decoders() -> None:
    decoders = [entry for entry in all_models() if entry.family == "decoder"]
    assert sum(has_closed_form(entry.config) for entry in decoders) > 0.75 * len(decoders)


@pytest.mark.parametrize("entry", [e for e in all_models() if e.config.get("model_type") == "timm/vit"], ids=lambda e: e.id)
def test_a_vision_transformers_total_is_what_its_shapes_give(entry: ModelEntry) -> None:
    assert vision_transformer_parameters(entry.config) == entry.parameters


@pytest.mark.parametrize(("model_id", "billions"), PUBLISHED_BILLIONS.items())
def test_totals_agree_with_what_is_published(model_id: str, billions: float) -> None:
    decimals = len(str(billions).partition(".")[2])
    assert round(find(model_id).parameters / 1e9, decimals) == billions


@pytest.mark.parametrize("entry", [e for e in all_models() if e.family == "diffusion"], ids=lambda e: e.id)
def test_a_pipelines_components_add_up_and_each_has_its_configuration(entry: ModelEntry) -> None:
    assert sum(entry.components.values()) == entry.parameters
    assert entry.components.keys() == entry.config.keys() - {"_class_name"}


def test_every_model_is_found_by_its_id_and_its_aliases_in_any_case() -> None:
    claims = [(name, entry) for entry in all_models() for name in (entry.id, entry.id.upper(), *entry.aliases)]
    assert [name for name, entry in claims if find(name) is not entry] == []


@pytest.mark.parametrize(
    ("name", "model_id"),
    [
        ("llama-3.1-8b", LLAMA_31_8B),
        ("Llama 3.1 8B", LLAMA_31_8B),
        ("meta-llama/Meta-Llama-3.1-8B-Instruct", LLAMA_31_8B),
        ("llama-3.1-8b-instruct", LLAMA_31_8B),
        ("resnet-50", "resnet50"),
        ("timm/resnet50.a1_in1k", "resnet50"),
        ("sd-1.5", "stable-diffusion-v1-5/stable-diffusion-v1-5"),
        ("gpt2", "openai-community/gpt2"),
        ("bert-large-uncased", "google-bert/bert-large-uncased"),
        ("vit_base_patch16_224", "vit_base_patch16_224"),
        ("google/vit-base-patch16-224", "google/vit-base-patch16-224"),
    ],
)
def test_common_short_names_lead_to_the_model(name: str, model_id: str) -> None:
    assert find(name).id == model_id


@pytest.mark.parametrize(
    ("slip", "meant"), [("meta-lama/Llama-3.1-8B", LLAMA_31_8B), ("resnet5o", "resnet50"), ("mixtrall-8x7b", "mistralai/Mixtral-8x7B-v0.1")]
)
def test_an_unknown_name_is_refused_at_its_field_with_the_nearest_names(slip: str, meant: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        find(slip)
    assert refused.value.errors[0].path == "model.preset"
    assert meant in refused.value.errors[0].message


def test_a_name_like_no_other_is_refused_with_what_to_do_and_not_repeated_at_length() -> None:
    with pytest.raises(InvalidInput, match=r"paste its config\.json") as refused:
        find("?" * 200)
    assert len(refused.value.errors[0].message) < 200


def test_search_puts_the_exact_name_first() -> None:
    assert search("gpt2-xl")[0].id == "openai-community/gpt2-xl"
    assert search("Llama 3.1 8B")[0].id == LLAMA_31_8B
    assert search(LLAMA_31_8B)[0].id == LLAMA_31_8B


def test_search_finds_beginnings_before_words_and_words_before_parts_of_words() -> None:
    found = ids(search("bert", limit=50))
    assert found.index("google-bert/bert-base-uncased") < found.index("FacebookAI/roberta-base")


def test_search_takes_words_in_any_order() -> None:
    assert LLAMA_31_8B in ids(search("8b llama"))
    assert set(ids(search("8b llama"))) == set(ids(search("llama 8b")))


def test_search_finds_a_model_by_an_alias() -> None:
    assert "mistralai/Mistral-Small-Instruct-2409" in ids(search("codestral"))


def test_search_gives_no_more_than_the_limit_and_nothing_for_nonsense() -> None:
    assert len(search("llama", limit=3)) == 3
    assert search("zzzzzz") == []
    assert search("llama zzzzzz") == []


def test_an_empty_search_lists_the_library_from_its_start() -> None:
    assert search("  ", limit=5) == list(all_models()[:5])


@pytest.mark.parametrize("query", ["llama", "b", "stable diffusion xl", "zzzzzz"])
def test_search_is_quick(query: str) -> None:
    all_models()
    seconds = []
    for _ in range(15):
        started = time.perf_counter()
        search(query)
        seconds.append(time.perf_counter() - started)
    assert statistics.median(seconds) < SLOWEST_SEARCH_S


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"source": ...}, "lacks source"),
        ({"colour": "red"}, "unknown keys colour"),
        ({"family": "quantum"}, "'quantum' is not one of"),
        ({"parameters": 0}, "whole number above zero"),
        ({"parameters": 1.5}, "whole number above zero"),
        ({"config": {}}, "neither model_type nor _class_name"),
    ],
)
def test_an_entry_that_is_not_as_it_should_be_stops_the_reading(tmp_path: Path, change: dict[str, Any], complaint: str) -> None:
    entry = {key: value for key, value in {**valid(), **change}.items() if value is not ...}
    with pytest.raises(ValueError, match=f"models.json: maker/model: .*{complaint}"):
        list(read_entries(written(tmp_path, {"maker/model": entry})))


def test_one_alias_for_two_models_is_refused(tmp_path: Path) -> None:
    entries = {"maker/one": {**valid(), "aliases": ["same name"]}, "maker/two": {**valid(), "aliases": ["Same-Name"]}}
    with pytest.raises(ValueError, match="means both maker/one and maker/two"):
        names_of(read_entries(written(tmp_path, entries)))


def test_an_id_goes_before_the_short_form_of_another(tmp_path: Path) -> None:
    names = names_of(read_entries(written(tmp_path, {"maker/model-x": {**valid(), "name": "B"}, "model_x": valid()})))
    assert names["modelx"].id == "model_x"
    assert names["maker/modelx"].id == "maker/model-x"
