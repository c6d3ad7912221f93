"""The advice as a whole: its document, its levers, and that the estimator and the search understand each other."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from app.adjustments import adjustments_for, changed
from app.advisor import Remembered, advise, first_view
from app.errors import InvalidInput
from app.estimation.job import Job
from app.estimation.service import prepare
from app.hardware import CloudOffer, Gpu
from app.placement import Placement, Unplaceable
from app.recommendation.advice import Change
from app.units import GIB
from app.workloads import Workload, parse_request, parse_workload
from tests.recommendation.support import DAY, catalogue, drive, gpu, kit, platform, price

TODAY = date(2026, 11, 20)
SHOP = catalogue(
    gpu("small", 300, memory_gb=12, bandwidth_gb_s=360.0, fp16_tflops=50.0, bf16_tflops=50.0, fp32_tflops=12.0, supports_bf16=True,
        compute_capability="8.6", vendor="NVIDIA"),
    gpu("large", 2500, memory_gb=48, bandwidth_gb_s=900.0, fp16_tflops=150.0, bf16_tflops=150.0, fp32_tflops=40.0, supports_bf16=True,
        compute_capability="8.6", vendor="NVIDIA"),
    kit("ram-32", 90), kit("ram-64", 200, module_gb=32), drive("nvme-2tb", 150, capacity_bytes=2 * 10**12), platform("board", 800),
    revision=7,
)  # fmt: skip
OFFERS = {"rent": CloudOffer(id="rent", name="Rent", provider="p", gpu="large", gpu_quantity=1, prices=(price("0.90", kind="rental"),))}
CHAT = {
    "kind": "inference", "model": {"preset": "meta-llama/Llama-3.1-8B"}, "runtime": "llama.cpp", "weight_format": "q8_0",
    "kv_cache_format": "fp16",
}  # fmt: skip
FOREST = {"kind": "classical", "library": "scikit-learn", "algorithm": "RandomForestClassifier", "rows": 500_000, "columns": 50}
TUNING = {
    "kind": "training", "model": {"preset": "meta-llama/Llama-3.1-8B"}, "sequence_length": 1024, "micro_batch_size": 2,
    "tuning": {"method": "lora"},
}  # fmt: skip


def document(workload: dict[str, Any], **limits: Any) -> dict[str, Any]:
    request = parse_request({"workload": workload, "limits": limits})
    answer: dict[str, Any] = json.loads(json.dumps(advise(request, replace(SHOP, cloud=OFFERS), today=TODAY).to_json(), allow_nan=False))
    return answer


def test_the_document_has_the_names_of_the_contract() -> None:
    answer = document(CHAT, budget={"amount": "5000", "currency": "USD"})
    named = {"estimate", "catalogue_revision", "picks", "frontier", "near_misses", "levers", "ladder", "considered", "findings"}
    assert named <= set(answer)
    assert answer["catalogue_revision"] == 7
    machine = answer["picks"][0]["machine"]
    assert {"platform", "gpus", "ram", "ssd", "hdd", "price", "gpu_memory_utilisation", "speed", "power_watts", "findings"} <= set(machine)
    assert set(machine["gpus"]) >= {"part", "quantity", "parallelism"}
    assert {pick["role"] for pick in answer["picks"]} == {"cheapest", "value", "fastest", "headroom"}
    assert set(answer["levers"][0]) >= {"changes", "gpu_memory_bytes", "time_ratio", "cheapest"}


def test_the_first_view_is_the_advice_without_its_levers() -> None:
    request = parse_request({"workload": CHAT})
    whole = advise(request, SHOP, today=TODAY).to_json()
    assert first_view(request, SHOP, today=TODAY).to_json() == {key: value for key, value in whole.items() if key != "levers"}


def test_each_line_of_the_bill_has_the_day_and_the_age_of_its_price() -> None:
    lines = document(CHAT)["picks"][0]["machine"]["price"]["lines"]
    assert {line["observed_on"] for line in lines} == {DAY.isoformat()}
    assert {line["age_days"] for line in lines} == {19}
    assert {"part", "quantity", "unit_price", "condition", "source"} <= set(lines[0])


def test_the_ladder_names_machines_and_gives_them_in_full() -> None:
    steps = document(CHAT)["ladder"]
    assert all(step["machine"] == step["build"]["id"] for step in steps)
    assert all(step["budget"] == step["build"]["price"]["total"] for step in steps)


def test_offers_to_rent_are_compared_with_the_cheapest_machine() -> None:
    answer = document(CHAT)
    [offer] = answer["cloud"]
    total = float(answer["picks"][0]["machine"]["price"]["total"]["amount"])
    assert offer["break_even_hours"] == pytest.approx(total / 0.9)
    assert not document(CHAT, include_cloud=False)["cloud"]


def test_a_job_on_the_processor_has_a_machine_without_gpu() -> None:
    answer = document(FOREST)
    assert answer["estimate"]["gpu_memory"] is None
    assert {pick["machine"]["gpus"] for pick in answer["picks"] if not pick["machine"]["gpus"]} == {None}
    ram = answer["picks"][0]["machine"]["ram_bytes"]
    assert ram >= answer["estimate"]["host_memory"]["required_bytes"]


@pytest.mark.parametrize("workload", [CHAT, TUNING, FOREST])
def test_every_lever_does_less_or_costs_less(workload: dict[str, Any]) -> None:
    answer = document(workload)
    memory = answer["estimate"]["gpu_memory"]
    needed = memory["required_bytes"] if memory else answer["estimate"]["host_memory"]["required_bytes"]
    total = answer["ladder"][0]["budget"]["amount"] if answer["ladder"] else None
    assert answer["levers"]
    for lever in answer["levers"]:
        then = lever["gpu_memory_bytes"] if memory else lever["host_memory_bytes"]
        cheaper = lever["cheapest"] is not None and (total is None or float(lever["cheapest"]["amount"]) < float(total))
        assert then < needed or cheaper


def test_a_lever_says_what_the_changed_workload_itself_would_need() -> None:
    answer = document(TUNING)
    for lever in answer["levers"]:
        if len(lever["changes"]) == 1 and "." not in lever["changes"][0]["path"]:
            [change] = lever["changes"]
            again = prepare(parse_workload({**TUNING, change["path"]: change["value"]})).estimate
            assert again.gpu_memory is not None
            assert lever["gpu_memory_bytes"] == again.gpu_memory.required_bytes


def test_where_no_single_change_is_enough_sets_of_changes_are_tried() -> None:
    wide = {**TUNING, "tuning": {"method": "full"}, "sequence_length": 4096, "micro_batch_size": 8}
    levers = document(wide, budget={"amount": "4000", "currency": "USD"}, max_gpus=1)["levers"]
    enough = [{change["path"] for change in lever["changes"]} for lever in levers if lever["in_budget"]]
    assert {"tuning", "micro_batch_size", "gradient_accumulation_steps"} in enough
    assert all(len(paths) > 1 for paths in enough)


class Fixed(Job):
    """A job whose need is told to it."""

    def __init__(self, like: Job, gpu_bytes: int) -> None:
        self._like, self._gpu_bytes = like, gpu_bytes
        self.asked: list[tuple[str, int]] = []

    @property
    def needs_gpu(self) -> bool:
        return True

    @property
    def estimate(self) -> Any:
        return self._like.estimate

    def place(self, gpu: Gpu | None, quantity: int) -> Placement | Unplaceable:
        self.asked.append((gpu.id if gpu else "", quantity))
        placed = self._like.place(gpu, quantity)
        return replace(placed, gpu_bytes=self._gpu_bytes) if isinstance(placed, Placement) else placed


def test_any_estimator_can_be_given() -> None:
    def refuses_changes(workload: Workload) -> Job:
        if workload != parse_workload(CHAT):
            raise InvalidInput("this estimator knows one workload only")
        return Fixed(prepare(workload), 40 * GIB)

    advice = advise(parse_request({"workload": CHAT}), SHOP, today=TODAY, estimator=refuses_changes)
    assert {machine.gpu and machine.gpu.id for machine in advice.first_view.recommendation.frontier} == {"large"}
    assert advice.levers == ()


def test_a_job_is_asked_once_for_each_placement() -> None:
    job = Fixed(prepare(parse_workload(CHAT)), GIB)
    remembered = Remembered(job)
    answers = {remembered.place(SHOP.gpus["large"], 1) for _ in range(3)}
    assert len(answers) == 1
    assert job.asked == [("large", 1)]


def test_an_unknown_currency_is_named_by_its_field() -> None:
    with pytest.raises(InvalidInput) as refused:
        document(CHAT, currency="XAU")
    assert refused.value.errors[0].path == "limits.currency"


def test_a_run_of_known_length_is_told_in_hours_energy_and_money() -> None:
    job = {**TUNING, "data": {"samples": 100_000, "epochs": 3}}
    machine = document(job, electricity={"amount": "0.30", "currency": "USD"})["picks"][0]["machine"]
    run, speed = machine["run"], machine["speed"]
    assert run["hours"] == pytest.approx(3 * speed["epoch_seconds"] / 3600)
    assert run["hours"] == pytest.approx(3 * 100_000 * 1024 / speed["samples_or_tokens_per_second"] / 3600)
    assert run["energy_kwh"] == pytest.approx(run["hours"] * machine["power_watts"] / 1000)
    assert float(run["electricity"]["amount"]) == pytest.approx(0.3 * run["energy_kwh"], abs=0.005)


def test_electricity_is_told_in_the_currency_of_the_answer() -> None:
    job = {**TUNING, "data": {"samples": 100_000}}
    prices = [
        document(job, currency=currency, electricity={"amount": "0.30", "currency": "USD"})["picks"][0]["machine"]["run"]["electricity"]
        for currency in ("USD", "GBP")
    ]
    rate = SHOP.rates.rate("GBP") / SHOP.rates.rate("USD")
    assert [price["currency"] for price in prices] == ["USD", "GBP"]
    assert float(prices[1]["amount"]) == pytest.approx(float(prices[0]["amount"]) * float(rate), rel=0.01, abs=0.01)


def test_energy_is_told_without_a_price_and_no_run_without_a_length() -> None:
    assert document({**TUNING, "data": {"samples": 1000}})["picks"][0]["machine"]["run"]["electricity"] is None
    assert document(TUNING)["picks"][0]["machine"]["run"] is None
    assert document(CHAT)["picks"][0]["machine"]["run"] is None


def test_renting_the_same_run_costs_its_hours() -> None:
    rental = document({**TUNING, "precision": "bf16", "data": {"samples": 100_000}})["cloud"][0]
    hours = 100_000 * 1024 / rental["speed"]["samples_or_tokens_per_second"] / 3600
    assert float(rental["run_cost"]["amount"]) == pytest.approx(hours * float(rental["per_hour"]["amount"]), abs=0.01)
    assert document({**TUNING, "precision": "bf16"})["cloud"][0]["run_cost"] is None


def test_on_auto_the_cheapest_machine_may_keep_layers_in_ram() -> None:
    def cheapest(offload: str) -> dict[str, Any]:
        answer = document({**CHAT, "weight_format": "f16", "cpu_offload": offload}, max_gpus=1)
        machine: dict[str, Any] = next(pick["machine"] for pick in answer["picks"] if pick["role"] == "cheapest")
        return machine

    whole, spilled = cheapest("none"), cheapest("auto")
    assert (whole["gpus"]["part"]["id"], spilled["gpus"]["part"]["id"]) == ("large", "small")
    assert "spills" in {finding["code"] for finding in spilled["findings"]}
    assert spilled["gpus"]["required_bytes"] <= spilled["gpus"]["part"]["visible_bytes"]
    assert 0 < spilled["speed"]["decode_tokens_per_second"] < whole["speed"]["decode_tokens_per_second"]


def test_a_request_with_every_default_written_out_gets_the_same_answer() -> None:
    asked = parse_request({"workload": TUNING, "limits": {"max_gpus": 2}})
    written_out = parse_request(asked.model_dump(mode="json"))
    one, other = (first_view(request, SHOP, today=TODAY).to_json() for request in (asked, written_out))
    assert any(machine["gpus"]["quantity"] == 2 for machine in one["frontier"])
    assert one == other


FULL = {**TUNING, "precision": "bf16", "tuning": {"method": "full"}, "model": {"preset": "Qwen/Qwen2.5-0.5B"}, "micro_batch_size": 16}


@pytest.mark.parametrize(
    ("workload", "dollars"), [({**CHAT, "context_length": 65_536}, 1400), (FULL, 1400), ({**TUNING, "micro_batch_size": 8}, 1400)]
)
def test_sets_that_make_a_job_fit_do_and_no_part_of_them_does(workload: dict[str, Any], dollars: int) -> None:
    limits = {"budget": {"amount": str(dollars), "currency": "USD"}, "max_gpus": 1}
    request = parse_request({"workload": workload, "limits": limits})
    assert not first_view(request, SHOP, today=TODAY).recommendation.picks
    sets = [lever.changes for lever in advise(request, SHOP, today=TODAY).levers if lever.in_budget]
    assert sets

    def fits(changes: Sequence[Change]) -> bool:
        after = parse_request({"workload": changed(request.workload, changes).model_dump(mode="json"), "limits": limits})
        return bool(first_view(after, SHOP, today=TODAY).recommendation.picks)

    options = [one.changes for one in adjustments_for(request.workload)]
    for one in sets:
        parts = [option for option in options if set(_paths(option)) <= set(_paths(one))]
        assert fits(one)
        assert not [part for part in parts if part != one and fits(part)]


def _paths(changes: Sequence[Change]) -> list[tuple[str, str]]:
    return [(change.path, str(change.value)) for change in changes]


def test_where_a_job_fits_sets_that_are_cheaper_than_every_single_change_come_first() -> None:
    long = {**CHAT, "runtime": "vllm", "weight_format": "bf16", "kv_cache_format": "bf16", "context_length": 65_536}
    advice = advise(parse_request({"workload": long, "limits": {"max_gpus": 1}}), SHOP, today=TODAY)
    sets = [lever for lever in advice.levers if len(lever.changes) > 1]
    singles = [lever for lever in advice.levers if len(lever.changes) == 1]
    assert advice.first_view.recommendation.picks
    assert [change.label for change in sets[0].changes] == ["weights in awq_int4", "cache in fp8"]
    assert max(lever.cheapest for lever in sets if lever.cheapest) < min(lever.cheapest for lever in singles if lever.cheapest)
    assert advice.levers == (*sets, *singles)


def test_the_same_levers_come_in_the_same_order_every_time() -> None:
    request = parse_request({"workload": FULL, "limits": {"budget": {"amount": "1400", "currency": "USD"}}})
    assert advise(request, SHOP, today=TODAY).levers == advise(request, SHOP, today=TODAY).levers
