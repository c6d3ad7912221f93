"""The answer as a page tells it: one sentence, what it rests on, the cards, the ledgers."""

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.web.contexts.answer import AnswerView, answer_view
from app.web.contexts.capacity import capacity_rows
from app.web.contexts.needs import comfort_ram_gb
from tests.web.builders import GIB, NAMES, advice, estimate, interval, line, machine, money, request, term
from tests.web.markup import read


def view(answer: dict[str, Any], **limits: Any) -> AnswerView:
    return answer_view(request(**limits), answer, NAMES, lambda changes: f"/?changed={len(changes)}")


def test_the_headline_says_what_is_needed_and_what_it_costs() -> None:
    answer = view(advice(("cheapest", machine("a", "1610.00")), ("value", machine("b", "2540.00"))))
    assert answer.headline.text == "You need 24.0 GiB of GPU memory. Two machines do it, from £1,610."
    assert [piece.text for piece in answer.headline.pieces if piece.accented] == ["24.0 GiB", "£1,610"]


def test_one_machine_is_one_machine() -> None:
    answer = view(advice(("value", machine())), budget=money("3000.00"))
    assert answer.headline.text == "You need 24.0 GiB of GPU memory. One machine in your budget does it, from £2,540."


def test_an_answer_without_a_machine_says_what_one_would_cost() -> None:
    near = {"machine": machine("h100", "250000.00"), "reason": "it costs £249,700 more than the budget"}
    answer = view(advice(near_misses=[near]), budget=money("300.00"))
    assert answer.headline.text.endswith("No machine for £300 does it; the cheapest that does costs £250,000.")
    assert answer.headline.short == "24.0 GiB \u00b7 nothing fits"


def test_an_answer_without_any_machine_at_all_says_so() -> None:
    assert view(advice()).headline.text.endswith("No machine in the catalogue does it within these limits.")


def test_a_job_on_the_processor_speaks_of_ram() -> None:
    alone = machine(gpus=None, gpu_memory_utilisation=0.0, speed={})
    answer = view(advice(("value", alone), estimate=estimate(gpu_memory=None)))
    assert answer.headline.text == "You need 12.0 GiB of system RAM and no GPU. One machine does it, from £2,540."
    assert [need.label for need in answer.needs] == ["System RAM", "SSD (hot)", "HDD (cold)"]
    assert answer.picks[0].machine.utilisation is None
    assert answer.picks[0].machine.title == "AM5, 48 GB"


@pytest.mark.parametrize(
    ("basis", "words"), [("measured", "95 % of measured runs"), ("model", "were not measured"), ("size only", "Only the size is known")]
)
def test_the_line_below_says_what_the_interval_rests_on(basis: str, words: str) -> None:
    gpu_memory = {**estimate()["gpu_memory"], "interval": interval(23 * GIB, 25 * GIB, basis)}
    answer = view(advice(("value", machine()), estimate=estimate(gpu_memory=gpu_memory)))
    assert words in answer.headline.subline
    assert "23.0 to 25.0 GiB" in answer.headline.subline
    assert answer.headline.subline.endswith("Prices of 18 Nov 2026, catalogue revision 214.")


def test_one_machine_that_is_best_twice_is_one_card() -> None:
    answer = view(advice(("cheapest", machine("a")), ("value", machine("a")), ("fastest", machine("b", "9000.00"))))
    assert [pick.roles for pick in answer.picks] == ["Cheapest \u00b7 Best value", "Fastest"]
    assert [pick.best for pick in answer.picks] == [True, False]


def test_the_objective_decides_which_card_is_marked() -> None:
    picks = advice(("value", machine("a")), ("fastest", machine("b", "9000.00")))
    assert [pick.best for pick in view(picks, objective="fastest").picks] == [False, True]


@pytest.mark.parametrize(("age", "flag"), [(0, ""), (30, ""), (31, "stale"), (90, "stale"), (91, "not current")])
def test_old_prices_are_flagged(age: int, flag: str) -> None:
    priced = machine(price={"total": money("100.00"), "lines": [line("x", "100.00", age_days=age)]})
    assert view(advice(("value", priced))).picks[0].machine.lines[0].age == flag


def test_parts_that_are_owned_have_no_price_and_no_age() -> None:
    owned = line("x", "0.00", owned=True, observed_on=None, age_days=None, source="owned")
    shown = view(advice(("value", machine(price={"total": money("0.00"), "lines": [owned]})))).picks[0].machine.lines[0]
    assert (shown.detail, shown.age) == ("yours already", "")


def test_the_bill_starts_with_the_gpu_and_ends_with_the_platform() -> None:
    lines = view(advice(("value", machine()))).picks[0].machine.lines
    assert [one.part_id for one in lines] == ["rtx-5090", "kit", "ssd", "hdd", "am5"]


def test_the_comfort_rule_stands_beside_the_computed_need() -> None:
    ram = next(need for need in view(advice(("value", machine()))).needs if need.label == "System RAM")
    assert ram.figure == "12.0 GiB"
    assert "comfort rule, largest GPU + 25 %: 40 GB" in ram.notes


def test_the_comfort_rule_counts_the_largest_card_alone() -> None:
    assert comfort_ram_gb([24, 24, 24, 24]) == 30
    assert comfort_ram_gb([80, 24]) == 100


def test_every_ledger_adds_up_to_the_byte() -> None:
    answer = view(advice(("value", machine())))
    for ledger in answer.ledgers:
        assert ledger.total == sum(one.bytes for one in ledger.terms)
        assert sum(one.share for one in ledger.terms) == pytest.approx(1.0)
    assert [ledger.title for ledger in answer.ledgers] == ["GPU memory", "System RAM", "Storage"]


def test_a_lever_is_a_link_with_its_effect() -> None:
    lever = {
        "changes": [{"path": "tuning.method", "value": "qlora", "label": "4-bit base"}],
        "gpu_memory_bytes": 13 * GIB,
        "host_memory_bytes": 12 * GIB,
        "time_ratio": 1.24,
        "cheapest": money("1020.00"),
        "in_budget": True,
    }
    (shown,) = view(advice(("value", machine()), levers=[lever])).levers.rows or ()
    assert (shown.label, shown.href, shown.change_bytes, shown.cheapest) == ("4-bit base", "/?changed=1", -11 * GIB, "£1,020")
    out_of_reach = {**lever, "in_budget": False}
    assert [view(advice(levers=levers)).levers.none_helps for levers in ([lever, out_of_reach], [out_of_reach], [])] == [False, True, False]


def test_findings_come_worst_first_and_once() -> None:
    notes = [{"severity": severity, "code": "x", "message": f"{severity} here", "remedy": ""} for severity in ("note", "blocker", "note")]
    assert [one.severity for one in view(advice(findings=notes)).findings] == ["blocker", "note"]


def test_how_a_job_is_spread_over_cards_is_told() -> None:
    card = {"id": "a", "name": "A", "memory_gb": 24}
    spread = {"gpus": 2, "data": 1, "tensor": 2, "pipeline": 1, "zero_stage": 0, "offload": "none"}
    chips = view(advice(("value", machine(gpus={"part": card, "quantity": 2, "parallelism": spread})))).picks[0].machine.chips
    assert "tensor parallel 2" in chips


def test_unknown_terms_are_drawn_too() -> None:
    memory = {**estimate()["gpu_memory"], "terms": [term("something_new", 24 * GIB)]}
    assert len(view(advice(("value", machine()), estimate=estimate(gpu_memory=memory))).bar.segments) == 1


def test_nobody_is_the_fastest_where_no_speed_is_known() -> None:
    alone = machine(gpus=None, gpu_memory_utilisation=0.0, speed={})
    answer = view(advice(("value", alone), ("fastest", alone), estimate=estimate(gpu_memory=None)))
    assert [pick.roles for pick in answer.picks] == ["Best value"]


def test_the_interval_of_ram_is_that_of_the_whole_machine() -> None:
    alone = machine(gpus=None, gpu_memory_utilisation=0.0, speed={})
    answer = view(advice(("value", alone), estimate=estimate(gpu_memory=None)))
    assert "11.0 to 13.0 GiB" in answer.headline.subline
    assert answer.bar.low < answer.bar.filled < answer.bar.high


def test_a_card_of_the_answer_tells_what_else_fits_there(client: TestClient) -> None:
    page = client.get("/?task=run&model=meta-llama%2FLlama-3.1-8B").text
    assert "What else fits" in page
    assert "Longest context" in page
    assert "Most users at this context" in page
    assert "Finest weights" in page


def test_training_shows_no_table_of_what_else_fits(client: TestClient) -> None:
    assert "What else fits" not in client.get("/").text


def test_reserving_runtimes_show_their_users_and_blocks() -> None:
    reserved = {"share": 0.9, "blocks": 2932, "block_tokens": 16, "concurrent_sequences": 5}
    found = {"context_length": 10**8, "concurrent_sequences": 0, "batch_size": None, "weight_format": "exl2", "bits_per_weight": 4.0}
    rows = {row.label: row.value for row in capacity_rows({**found, "reservation": reserved})}
    assert rows == {
        "Longest context": "over 99,999,999",
        "Most users at this context": "none fits",
        "Finest weights": "EXL2, 4 bits",
        "Users with 90 % of the card reserved": "5 (2,932 blocks of 16)",
    }
    assert capacity_rows(None) == ()


def test_prices_that_were_converted_tell_what_was_seen_and_at_which_rate_of_which_day(client: TestClient) -> None:
    page = read(client.get("/?preset=lora-8b").text)
    assert "converted at 1 USD = 0.7463 GBP" in page.by_id("answer").text
    assert "30 Oct 2026" in page.by_id("answer").text
    assert "used, $2,800 \u00b7 1 Jun 2026" in page.by_id("picks").text
    document = client.post("/api/v1/advise", json=json.loads(page.value_of("request"))).json()
    assert set(document["exchange"]["per_euro"]) == {"GBP", "USD"}
    line = next(line for line in document["picks"][0]["machine"]["price"]["lines"] if line["seen_as"])
    assert line["seen_as"]["currency"] == "USD"


def test_an_answer_in_the_currency_of_its_prices_converts_nothing() -> None:
    assert view(advice(("value", machine()))).rate_note == ""


def test_every_step_of_the_ladder_marks_prices_that_are_not_current() -> None:
    old = machine(price={"total": money("100.00"), "lines": [line("rtx-5090", "100.00", age_days=91)]})
    (rung,) = view(advice(("value", old), ladder=[{"budget": money("100.00"), "machine": "m", "build": old}])).ladder
    assert (rung.machine.not_current, rung.machine.stale) == (1, 0)
