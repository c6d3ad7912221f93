"""Renting: the cheapest offers on which the job runs, and when buying would have been cheaper."""

from dataclasses import replace
from typing import Any

import pytest

from app.hardware import Catalogue, CloudOffer
from app.money import Money
from app.recommendation.cloud import Rental, rentals
from app.recommendation.recommend import cheapest
from app.units import GIB
from app.workloads.limits import Limits
from tests.recommendation.support import Job, catalogue, drive, gpu, kit, platform, price


def offer(name: str, amount: str, **facts: Any) -> CloudOffer:
    given = {"provider": name, "gpu": "card", "gpu_quantity": 1, "prices": (price(amount, kind="rental"),)}
    return CloudOffer(id=name, name=name.title(), **{**given, **facts})


def market(*offers: CloudOffer) -> Catalogue:
    parts = catalogue(gpu("card", 500), gpu("big", None, memory_gb=80), kit(), drive(), platform())
    return replace(parts, cloud={one.id: one for one in offers})


def ask(*offers: CloudOffer, job: Job | None = None, **limits: Any) -> tuple[Rental, ...]:
    parts, wanted, asked = market(*offers), job or Job(), Limits.model_validate(limits)
    return rentals(wanted, asked, parts, cheapest(wanted, asked, parts))


def test_offers_come_cheapest_first_in_the_currency_of_the_answer() -> None:
    found = ask(offer("b", "0.60"), offer("a", "0.40"), currency="GBP")
    assert [rental.offer.id for rental in found] == ["a", "b"]
    assert found[0].hourly == Money.of("0.31", "GBP")


def test_buying_is_cheaper_after_the_hours_that_cost_as_much() -> None:
    [rental] = ask(offer("a", "0.50"))
    assert rental.break_even_hours == (700 + 500 + 80 + 90) / 0.5


def test_where_no_machine_can_be_bought_there_are_no_hours_to_break_even() -> None:
    [rental] = ask(offer("a", "2.00", gpu="big"), job=Job(memory_bytes=70 * GIB), max_gpus=1)
    assert rental.break_even_hours is None


def test_offers_on_which_the_job_does_not_run_are_left_out() -> None:
    too_small = offer("small", "0.10", ram_gb=4.0)
    unknown = offer("unknown", "0.10", gpu="")
    unpriced = offer("unpriced", "1", prices=())
    many = offer("many", "0.10", gpu_quantity=16)
    assert ask(too_small, unknown, unpriced, many) == ()
    assert ask(offer("a", "0.40"), job=Job(memory_bytes=30 * GIB)) == ()


def test_renting_can_be_left_out() -> None:
    assert ask(offer("a", "0.40"), include_cloud=False) == ()
    assert ask(offer("a", "0.40"), job=Job(needs_gpu=False)) == ()


def test_at_most_five_offers_one_of_each_kind() -> None:
    offers = [offer(f"p{number}", f"0.{number + 1}0", provider=f"p{number % 7}") for number in range(9)]
    found = ask(*offers)
    assert [rental.offer.id for rental in found] == ["p0", "p1", "p2", "p3", "p4"]
    again = ask(offer("x-cheap", "0.10", provider="x"), offer("x-dear", "0.20", provider="x"))
    assert [rental.offer.id for rental in again] == ["x-cheap"]


def test_a_job_for_fewer_gpus_runs_on_a_part_of_the_offer() -> None:
    [rental] = ask(offer("eight", "4.00", gpu_quantity=8), job=Job(most_gpus=2))
    assert rental.placement.sharding.gpus == 2


def test_electricity_of_the_machine_puts_the_break_even_off_or_away() -> None:
    [free] = ask(offer("a", "0.50"))
    [paid] = ask(offer("a", "0.50"), electricity={"amount": "0.50", "currency": "USD"})
    [dear] = ask(offer("a", "0.50"), electricity={"amount": "5.00", "currency": "USD"})
    watts = 200 + 170 + 60
    assert float(paid.break_even_hours or 0) == pytest.approx(1370 / (0.5 - 0.5 * watts / 1000))
    assert (paid.break_even_hours or 0) > (free.break_even_hours or 0)
    assert dear.break_even_hours is None
