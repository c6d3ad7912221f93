"""Typed text becomes a request document, and a document becomes text again, without loss."""

import json
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidInput
from app.web.forms.documents import config_on_one_line, entry_of_document, read_request
from app.web.forms.entry import Entry, entry_of, field_at
from app.web.forms.field import CONDITIONS
from app.web.forms.tabs import TABS
from app.workloads import parse_request
from app.workloads.presets import presets
from tests.web.builders import NAMES


def entry(**texts: str) -> Entry:
    return entry_of(texts.items())


def document(**texts: str) -> dict[str, Any]:
    return read_request(entry(**texts), NAMES).model_dump(mode="json")


def complaints(**texts: str) -> dict[str, str]:
    with pytest.raises(InvalidInput) as refused:
        read_request(entry(**texts), NAMES)
    return {error.path: error.message for error in refused.value.errors}


@pytest.mark.parametrize("tab", TABS, ids=lambda tab: tab.name)
def test_an_untouched_tab_is_a_valid_request_with_an_empty_address(tab: Any) -> None:
    untouched = entry(task=tab.name)
    read_request(untouched, NAMES)
    assert untouched.query() == ("" if tab is TABS[0] else f"task={tab.name}")


def test_people_may_write_sizes_counts_and_money_as_they_like() -> None:
    asked = document(sequence="128k", data="1.5 TB", archive="500 GB", samples="1.28M", budget="EUR 2 000", sample_size="110 kB")
    workload = asked["workload"]
    assert workload["sequence_length"] == 131072
    assert (workload["data"]["size_gb"], workload["data"]["archive_gb"]) == (1500, 500)
    assert (workload["data"]["samples"], workload["data"]["bytes_per_sample"]) == (1_280_000, 110_000)
    assert asked["limits"]["budget"] == {"amount": "2000.00", "currency": "EUR"}


def test_a_size_instead_of_a_model_is_a_network_of_that_size() -> None:
    large, small = (document(model=size, family=family)["workload"]["model"] for size, family in (("7B", "decoder"), ("345M", "encoder")))
    assert (large["parameters"], large["family"]) == (7_000_000_000, "decoder")
    assert (small["parameters"], small["family"]) == (345_000_000, "encoder")


def test_hyperparameters_are_read_as_python_writes_them() -> None:
    text = "n_estimators=1000, max_depth=None, max_features='sqrt', hidden=(64, 32), bootstrap=True, alpha=1e-3"
    assert document(task="tabular", hyperparameters=text)["workload"]["hyperparameters"] == {
        "n_estimators": 1000, "max_depth": None, "max_features": "sqrt", "hidden": [64, 32], "bootstrap": True, "alpha": 0.001,
    }  # fmt: skip


def test_every_wrong_field_is_named_in_one_go() -> None:
    found = complaints(sequence="lots", batch="-5", budget="some", rank="99999", colour="blue")
    assert set(found) == {"workload.sequence_length", "workload.micro_batch_size", "limits.budget", "workload.tuning.rank", "colour"}
    assert "4096" in found["workload.sequence_length"]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("workload.sequence_length", "sequence"),
        ("sequence_length", "sequence"),
        ("limits.budget.currency", "budget"),
        ("workload.data.size_gb", "data"),
        ("limits.owned.0.part", "owned"),
        ("workload.parallelism.gpus", None),
    ],
)
def test_an_error_finds_its_field(path: str, name: str | None) -> None:
    found = field_at(entry(), path)
    assert (found.name if found else None) == (name or "spread")


def test_fields_that_do_not_apply_stay_out_of_the_document() -> None:
    asked = document(method="full", rank="8", targets="attention")
    assert asked["workload"]["tuning"] == {"method": "full"}


def test_every_condition_names_a_field_that_some_tab_has() -> None:
    names = {field.name for tab in TABS for field in tab.fields}
    assert {name for name, _ in CONDITIONS.values()} <= names


@pytest.mark.parametrize("tab", TABS, ids=lambda tab: tab.name)
def test_every_choice_of_every_list_is_one_that_the_document_accepts(tab: Any) -> None:
    for field in tab.fields:
        for choice in field.choices:
            texts = {"task": tab.name, field.name: choice.value}
            if field.when:
                name, allowed = CONDITIONS[field.when]
                texts.setdefault(name, min(allowed))
            read_request(entry_of(texts.items()), NAMES)


@pytest.mark.parametrize("preset", presets(), ids=lambda preset: preset.id)
def test_a_preset_fills_the_form_and_reads_back_to_itself(preset: Any) -> None:
    filled = entry_of_document(preset.document, NAMES)
    assert read_request(filled, NAMES) == parse_request(preset.document)
    assert filled.extra == ""


@pytest.mark.parametrize("preset", presets(), ids=lambda preset: preset.id)
def test_the_address_of_a_state_restores_the_state(preset: Any) -> None:
    filled = entry_of_document(preset.document, NAMES)
    assert entry_of(parse_qsl(filled.query(), keep_blank_values=True)) == filled


def test_what_no_field_can_hold_travels_beside_the_fields() -> None:
    layers = [{"type": "conv2d", "out": 64, "kernel": 7}]
    workload = {"kind": "training", "model": {"input": [3, 224, 224], "layers": layers}, "text_length": 77}
    filled = entry_of_document({"workload": workload}, NAMES)
    assert json.loads(filled.extra)["workload"]["text_length"] == 77
    assert read_request(filled, NAMES) == parse_request({"workload": workload})


def test_a_config_json_is_kept_on_one_line() -> None:
    assert config_on_one_line('{\n  "model_type": "llama"\n}') == '{"model_type":"llama"}'


@pytest.mark.parametrize("text", ["", "not json", "[1, 2]", "{}", '{"a": NaN}', "[" * 5000, '{"a": 1' + "0" * 5000 + "}"])
def test_what_is_not_a_config_json_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        config_on_one_line(text)
    assert refused.value.errors[0].path == "paste"
    assert refused.value.errors[0].message.startswith("this is not a config.json")


def test_another_tab_keeps_the_budget_and_the_data() -> None:
    moved = entry(budget="£3,000", data="120 GB", sequence="8k").on_tab(TABS[3])
    assert (moved.values["budget"], moved.values["data"]) == ("£3,000", "120 GB")
    assert "sequence" not in moved.values


def test_changed_advanced_fields_are_counted() -> None:
    assert entry(compile="yes", accumulate="4", batch="8").advanced_changes() == 2


@given(st.dictionaries(st.sampled_from([field.name for field in TABS[0].fields]), st.text(max_size=40), max_size=6))
def test_no_text_in_any_field_does_more_than_raise_invalid_input(texts: dict[str, str]) -> None:
    with suppress(InvalidInput):
        assert read_request(entry_of(texts.items()), NAMES).workload.kind == "training"


@pytest.mark.parametrize("tab", TABS, ids=lambda tab: tab.name)
def test_an_advanced_field_starts_with_the_documents_own_default(tab: Any) -> None:
    model = {"model": {"preset": tab.model_default}} if tab.has_model else {"library": "scikit-learn", "algorithm": "SVC", "rows": 1}
    plain = {"workload": {"kind": tab.kind({}), **model}}
    shown = entry_of_document(plain, NAMES).values
    differing = {field.name: shown[field.name] for field in tab.advanced if field.name in shown and shown[field.name] != field.default}
    assert entry_of_document(plain, NAMES).tab is tab
    assert set(differing) <= {"spread"}  # the form leaves it to each machine, a document asks for one GPU
