"""What the page says of a speed: its range, what stands behind it, what limits it, what a whole run takes."""

from typing import Any

from app.catalogue.seed import catalogue_from_seed
from app.web.contexts.answer import answer_view
from app.web.contexts.job import counted_unit
from app.web.contexts.machine import machine_view
from app.web.contexts.runs import jobs_on
from tests.web.builders import NAMES, advice, machine, money, request


def speed(basis: str, **changes: Any) -> dict[str, Any]:
    rate = {"decode_tokens_per_second": 100.0, "interval": {"low": 50.0, "high": 200.0, "basis": basis}, "bottleneck": "memory bandwidth"}
    return {**rate, **changes}


def test_a_card_without_a_measurement_is_marked() -> None:
    marked = machine_view(machine(speed=speed("model")), "tok")
    assert marked.speed_text == "100 tok/s modelled"
    assert (
        marked.speed_note == "Speed: 50 tok/s to 200 tok/s, modelled, no measurement of this card; limited by the bandwidth of GPU memory"
    )


def test_a_measured_card_is_not_marked() -> None:
    seen = machine_view(machine(speed=speed("measured on this card")), "tok")
    assert seen.speed_text == "100 tok/s"
    assert "this card is among the measured ones" in seen.speed_note


def test_a_speed_that_is_not_estimated_says_so() -> None:
    assert machine_view(machine(speed={}), "row").speed_note == "Speed: not estimated"


def test_a_network_that_is_run_without_text_counts_samples() -> None:
    embedding = {"kind": "inference", "model": {"preset": "bert-base-uncased"}}
    assert counted_unit(embedding, [{"samples_or_tokens_per_second": 10.0}]) == "sample"
    assert counted_unit(embedding, [{"decode_tokens_per_second": 10.0}]) == "tok"
    assert counted_unit({**embedding, "image_size": [224, 224]}, [{"samples_or_tokens_per_second": 10.0}]) == "img"
    assert counted_unit({**embedding, "kind": "training"}, [{"samples_or_tokens_per_second": 10.0}]) == "tok"


def test_a_whole_run_is_told_in_hours_energy_and_money() -> None:
    run = {"hours": 4.3, "energy_kwh": 2.5, "electricity": money("0.75")}
    assert {"4.3 h in all", "2.5 kWh, £0.75 of electricity"} <= set(machine_view(machine(run=run), "tok").chips)
    unpriced = machine_view(machine(run={**run, "electricity": None}), "tok")
    assert "2.5 kWh" in unpriced.chips


def test_the_run_is_priced_for_every_offer_to_rent() -> None:
    offer = {"id": "cloud-h100", "provider": "Cloud", "gpu_quantity": 1}
    rental = {
        "offer": offer, "gpu": {"name": "H100"}, "per_hour": money("2.50"), "run_cost": money("107.40"), "break_even_hours": 100.0,
        "speed": speed("same class"), "observed_on": "2026-11-01", "age_days": 19,
    }  # fmt: skip
    [view] = answer_view(request(), advice(("value", machine()), cloud=[rental]), NAMES, lambda _: "/").rentals
    assert view.run_cost == "£107"


def test_an_epoch_is_told_beside_the_run_only_where_there_are_several() -> None:
    trained = {"samples_or_tokens_per_second": 7900.0, "step_seconds": 2.0, "epoch_seconds": 15480.0}
    run = {"energy_kwh": 2.5, "electricity": None}
    once = machine_view(machine(speed=trained, run={**run, "hours": 15480.0 / 3600}), "tok").chips
    thrice = machine_view(machine(speed=trained, run={**run, "hours": 3 * 15480.0 / 3600}), "tok").chips
    assert not any("per epoch" in chip for chip in once)
    assert {"4.3 h per epoch", "12.9 h in all"} <= set(thrice)


def test_jobs_tried_on_a_card_without_a_measurement_are_marked_too() -> None:
    gpus = catalogue_from_seed().gpus
    assert any(run.speed.endswith("modelled") for run in jobs_on(gpus["arc-b580"], 1))
    assert any(run.speed.endswith("tok/s") for run in jobs_on(gpus["rtx-4090"], 1))
