"""The JSON API keeps the contract."""

from typing import Any

import pytest
from starlette.testclient import TestClient

WORKLOAD = {
    "kind": "training",
    "model": {"preset": "meta-llama/Llama-3.1-8B"},
    "precision": "bf16",
    "micro_batch_size": 4,
    "sequence_length": 4096,
    "activation_checkpointing": "full",
    "tuning": {"method": "lora", "rank": 16},
    "parallelism": "auto",
}


def test_an_estimate_is_a_ledger_that_adds_up(client: TestClient) -> None:
    answer = client.post("/api/v1/estimate", json=WORKLOAD)
    assert answer.status_code == 200
    memory = answer.json()["gpu_memory"]
    assert memory["required_bytes"] == sum(term["bytes"] for term in memory["terms"])


def test_an_advice_stays_inside_the_budget(client: TestClient) -> None:
    limits = {"budget": {"amount": "3000.00", "currency": "GBP"}}
    answer = client.post("/api/v1/advise", json={"workload": WORKLOAD, "limits": limits}).json()
    assert answer["picks"]
    assert all(float(pick["machine"]["price"]["total"]["amount"]) <= 3000 for pick in answer["picks"])


@pytest.mark.parametrize(
    ("address", "document", "path"),
    [
        ("/api/v1/estimate", {**WORKLOAD, "micro_batch_size": -1}, "micro_batch_size"),
        ("/api/v1/estimate", {**WORKLOAD, "colour": "blue"}, "colour"),
        ("/api/v1/estimate", {**WORKLOAD, "model": {"preset": "no-such-model"}}, "model.preset"),
        ("/api/v1/estimate", [], ""),
        ("/api/v1/advise", {"workload": {**WORKLOAD, "optimizer": "magic"}}, "workload.optimizer"),
        ("/api/v1/advise", {"workload": WORKLOAD, "limits": {"budget": {"amount": "1.00", "currency": "XYZ"}}}, "limits.budget"),
        ("/api/v1/results", {"workload": WORKLOAD, "limit": {}}, "limit"),
    ],
)
def test_a_wrong_field_is_named_by_its_path(client: TestClient, address: str, document: Any, path: str) -> None:
    answer = client.post(address, json=document)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert {"type", "title", "status", "detail", "errors"} <= set(problem)
    assert any(error["path"].startswith(path) and error["message"] for error in problem["errors"])


def test_the_capacity_of_a_card_is_the_largest_job_that_fits(client: TestClient) -> None:
    serving = {"kind": "inference", "model": {"preset": "meta-llama/Llama-3.1-8B"}, "runtime": "vllm", "context_length": 4096}
    answer = client.post("/api/v1/capacity", json={"workload": serving, "gpu": "rtx-4090"})
    assert answer.status_code == 200
    found = answer.json()
    assert found["fits"]
    assert found["weight_format"] == "bf16"
    assert found["concurrent_sequences"] > 1
    assert found["context_length"] > 4096
    assert found["batch_size"] is None
    assert 0 < found["reservation"]["concurrent_sequences"] <= found["concurrent_sequences"]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"gpu": "no-such-card"}, "gpu"),
        ({"gpus": 0}, "gpus"),
        ({"workload": {**WORKLOAD, "device": "cpu"}}, "workload.device"),
        ({"workload": {**WORKLOAD, "model": {"preset": "no-such-model"}}}, "workload.model.preset"),
    ],
)
def test_a_wrong_question_about_capacity_is_refused_at_its_field(client: TestClient, changes: dict[str, Any], path: str) -> None:
    answer = client.post("/api/v1/capacity", json={"workload": WORKLOAD, "gpu": "rtx-4090", **changes})
    assert answer.status_code == 422
    assert [error["path"] for error in answer.json()["errors"]] == [path]


@pytest.mark.parametrize("kind", ["gpus", "ram", "storage", "platforms", "cloud"])
def test_the_catalogue_is_listed_by_kind(client: TestClient, kind: str) -> None:
    answer = client.get(f"/api/v1/catalogue/{kind}?per_page=5").json()
    assert (answer["kind"], len(answer["items"])) == (kind, 5)
    assert answer["items"][0]["source"]


def test_the_catalogue_can_be_bounded_sorted_and_paged(client: TestClient) -> None:
    answer = client.get("/api/v1/catalogue/gpus?min=memory_gb:24&max=memory_gb:32&sort=-memory_gb&per_page=200").json()
    sizes = [item["spec"]["memory_gb"] for item in answer["items"]]
    assert sizes == sorted(sizes, reverse=True)
    assert set(sizes) <= set(range(24, 33))


@pytest.mark.parametrize("query", ["min=memory_gb", "min=memory_gb:x", "min=colour:1", "per_page=0", "page=-1", "colour=1"])
def test_bounds_that_make_no_sense_are_refused(client: TestClient, query: str) -> None:
    answer = client.get(f"/api/v1/catalogue/gpus?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"]


def test_an_unchanged_list_is_not_sent_again(client: TestClient) -> None:
    first = client.get("/api/v1/catalogue/ram?q=ddr5")
    again = client.get("/api/v1/catalogue/ram?q=ddr5", headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304
    assert not again.content
    assert client.get("/api/v1/catalogue/ram?q=ddr4").headers["etag"] != first.headers["etag"]


def test_models_are_found_by_words(client: TestClient) -> None:
    found = client.get("/api/v1/models?q=llama 3.1 8b").json()["models"]
    assert found[0]["id"] == "meta-llama/Llama-3.1-8B"
    assert found[0]["parameters"] == 8_030_261_248


def test_the_description_covers_every_address_and_every_error(client: TestClient) -> None:
    description = client.get("/openapi.json").json()
    paths = description["paths"]
    addresses = ("estimate", "advise", "why-not", "capacity", "results", "results/{result_id}", "catalogue/{kind}", "models")
    assert set(paths) == {f"/api/v1/{address}" for address in addresses}
    for path in ("/api/v1/estimate", "/api/v1/advise", "/api/v1/results"):
        operation = paths[path]["post"]
        assert {"400", "413", "415", "422"} <= set(operation["responses"])
        reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        assert reference.removeprefix("#/components/schemas/") in description["components"]["schemas"]


def test_every_reference_of_the_description_leads_somewhere(client: TestClient) -> None:
    description = client.get("/openapi.json").json()
    names = set(description["components"]["schemas"])
    found = set(_references(description))
    assert found
    assert {reference.removeprefix("#/components/schemas/") for reference in found} <= names


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [reference for inner in value.values() for reference in _references(inner)]
    return [reference for inner in value for reference in _references(inner)] if isinstance(value, list) else []


def test_one_machine_for_several_jobs(client: TestClient) -> None:
    chat = {"kind": "inference", "model": {"preset": "meta-llama/Llama-3.1-8B"}, "runtime": "llama.cpp", "weight_format": "q4_k_m"}
    forest = {"kind": "classical", "library": "scikit-learn", "algorithm": "RandomForestClassifier", "rows": 10**6, "columns": 100}
    answers = [client.post("/api/v1/advise", json={"workloads": [chat, forest], "together": how}).json() for how in ("either", "at_once")]
    for answer in answers:
        assert len(answer["estimates"]) == 2
        on_gpu, on_processor = answer["picks"][0]["jobs"]
        assert on_gpu["gpus"] >= 1
        assert on_processor["gpus"] == 0
    assert answers[1]["picks"][0]["machine"]["ram_bytes"] >= answers[0]["picks"][0]["machine"]["ram_bytes"]
    wrong = client.post("/api/v1/advise", json={"workloads": [chat, {**chat, "runtime": "magic"}]})
    assert wrong.json()["errors"][0]["path"] == "workloads.1.runtime"
    assert client.post("/api/v1/advise", json={"workloads": [chat]}).status_code == 422
