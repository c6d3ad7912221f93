"""Write the worked examples: `python scripts/examples.py` answers docs/examples/requests.json with the seeded catalogue, one page for each.

The pages hold what a person sees: the need, the picks with their bills, what limits them, the changes that would help, the budgets at
which the answer changes, and renting. Prices are those of the seed on the day of its newest one, so that the pages change with formulas and
facts only.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from app.advisor import advise
from app.catalogue.seed import catalogue_from_seed
from app.hardware import Catalogue
from app.money import Money
from app.units import format_binary, format_decimal
from app.web.contexts.headline import headline
from app.web.contexts.job import counted_unit, job_summary
from app.web.contexts.machine import MachineView, machine_view
from app.web.contexts.price_proof import price_proof_view
from app.web.contexts.values import money_of, whole
from app.web.formats import signed_percent
from app.web.names import names_for
from app.workloads import parse_request

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "examples"
MOST_LEVERS = 6
MOST_RUNGS = 8

Document = Mapping[str, Any]


def main() -> None:
    """Answer every request and write its page, and the list of them."""
    catalogue = catalogue_from_seed()
    day = newest_price(catalogue)
    examples = json.loads((FOLDER / "requests.json").read_text())
    for number, example in enumerate(examples, start=1):
        (FOLDER / file_name(number, example)).write_text("\n".join(page(example, catalogue, day)) + "\n")
    links = [f"{number}. [{one['title']}]({file_name(number, one)}): {one['asks']}" for number, one in enumerate(examples, start=1)]
    head = ["# Worked examples", "", f"Written by `scripts/examples.py` from the seeded catalogue, as of {day.isoformat()}.", ""]
    (FOLDER / "README.md").write_text("\n".join([*head, *links]) + "\n")


def file_name(number: int, example: Document) -> str:
    """Where the page of an example lies."""
    return f"{number:02}-{example['name']}.md"


def newest_price(catalogue: Catalogue) -> date:
    """The day of the newest price, on which the examples are answered."""
    return max(price.observed_on for part in catalogue.parts.values() for price in part.prices)


def page(example: Document, catalogue: Catalogue, day: date) -> Iterator[str]:
    """The page of one example, line by line."""
    request = parse_request(example["request"])
    asked = request.model_dump(mode="json")
    answer = advise(request, catalogue, today=day).to_json()
    unit = counted_unit(asked["workload"], (machine["speed"] for machine in answer["frontier"]))
    views = [machine_view(pick["machine"], unit) for pick in answer["picks"]]
    misses = [machine_view(miss["machine"], unit) for miss in answer["near_misses"]]
    told = headline(asked, answer, views, misses)
    yield from (f"# {example['title']}", "", f"> {example['asks']}", "", job_summary(asked["workload"], names_for(catalogue)), "")
    yield from (f"**{told.text}** {told.subline}", "", *needs(answer["estimate"]), "")
    yield from picks(answer, views)
    yield from (*findings(answer), *near_misses(answer), *levers(answer), *ladder(answer, unit), *rent(answer), *as_json(example))


def needs(estimate: Document) -> Iterator[str]:
    """What the job needs, in one line each."""
    if memory := estimate["gpu_memory"]:
        interval = memory["interval"]
        low, high = format_binary(interval["low_bytes"]), format_binary(interval["high_bytes"])
        yield f"- GPU memory: {format_binary(memory['required_bytes'])} on each GPU (allocated {low} to {high}, {interval['basis']})"
    yield f"- RAM: {format_binary(estimate['host_memory']['required_bytes'])}"
    storage = estimate["storage"]
    yield f"- SSD: {format_decimal(storage['ssd_bytes'])}, hard disk: {format_decimal(storage['hdd_bytes'])}"


def picks(answer: Document, views: list[MachineView]) -> Iterator[str]:
    """Each machine once, with its roles, its bill and what is to be known."""
    roles: dict[str, list[int]] = {}
    for index, view in enumerate(views):
        if answer["picks"][index]["role"] == "fastest" and not view.speed:
            continue  # nobody can be the fastest where no speed is known
        roles.setdefault(view.id, []).append(index)
    for held in roles.values():
        view, chosen = views[held[0]], [answer["picks"][index] for index in held]
        yield f"## {', '.join(one['role'] for one in chosen).capitalize()}: {view.title}, {view.total_text}"
        yield ""
        yield from (f"- {line.name}: {line.price} ({line.detail})" for line in view.lines)
        yield f"- {'; '.join(view.chips)}. {view.speed_note}"
        proof = price_proof_view([one["price_proof"] for one in chosen])
        if proof:
            yield f"- {proof.text}{'; ' if proof.unknown else ''}{proof.unknown}."
        yield from (f"- {finding.word}: {finding.message} {finding.remedy}" for finding in view.findings)
        yield ""


def findings(answer: Document) -> Iterator[str]:
    """What is to be said of the request as a whole."""
    if answer["findings"]:
        yield "## To know"
        yield ""
        yield from (f"- {one['severity']}: {one['message']}. {one['remedy']}" for one in answer["findings"])
        yield ""


def near_misses(answer: Document) -> Iterator[str]:
    """Machines that almost do it."""
    if answer["near_misses"]:
        yield "## Near misses"
        yield ""
        yield from (f"- {machine_view(one['machine'], '').title}: {one['reason']}" for one in answer["near_misses"])
        yield ""


def levers(answer: Document) -> Iterator[str]:
    """The changes that help most."""
    if answer["levers"]:
        yield from ("## Make it fit", "", "| change | GPU memory | RAM | time | cheapest machine |", "|---|---|---|---|---|")
        for lever in answer["levers"][:MOST_LEVERS]:
            label = " + ".join(change["label"] for change in lever["changes"])
            time = "" if lever["time_ratio"] is None else signed_percent(lever["time_ratio"] - 1)
            cheapest = whole(money_of(lever["cheapest"])) if lever["cheapest"] else "none"
            gpu = format_binary(lever["gpu_memory_bytes"]) if lever["gpu_memory_bytes"] else ""
            yield f"| {label} | {gpu} | {format_binary(lever['host_memory_bytes'])} | {time} | {cheapest} |"
        yield ""


def ladder(answer: Document, unit: str) -> Iterator[str]:
    """The budgets at which the answer changes."""
    if answer["ladder"]:
        yield from ("## Budget ladder", "")
        for step in answer["ladder"][:MOST_RUNGS]:
            view = machine_view(step["build"], unit)
            yield f"- {view.total_text}: {view.title} {view.speed_text}".rstrip()
        more = len(answer["ladder"]) - MOST_RUNGS
        yield from ([f"- and {more} more steps"] if more > 0 else [])
        yield ""


def rent(answer: Document) -> Iterator[str]:
    """The cheapest offers to rent."""
    if answer["cloud"]:
        yield from ("## Or rent", "")
        for offer in answer["cloud"]:
            hourly: Money = money_of(offer["per_hour"])
            run = f", the run {whole(money_of(offer['run_cost']))}" if offer["run_cost"] else ""
            after = f", even after {offer['break_even_hours']:,.0f} hours" if offer["break_even_hours"] else ""
            machine = f"{offer['offer']['gpu_quantity']} x {offer['gpu']['name']} at {offer['offer']['provider']}"
            yield f"- {machine}: {hourly} an hour{run}{after}"
        yield ""


def as_json(example: Document) -> Iterator[str]:
    """The request, to be tried over the API."""
    yield from ("## The request", "", "```json", json.dumps(example["request"], indent=1), "```")


if __name__ == "__main__":
    main()
