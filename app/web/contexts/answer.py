"""The answer: everything below the headline, for the live page and for a frozen result alike."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate

from app.web.charts.memory_bar import MemoryBar
from app.web.charts.tradeoff import Candidate, Tradeoff, tradeoff
from app.web.contexts.capacity import CapacityRow, capacity_rows
from app.web.contexts.disks import DiskRow, disk_rows
from app.web.contexts.findings import FindingView, finding_views, sentence
from app.web.contexts.headline import Headline, headline
from app.web.contexts.job import counted_unit, job_summary
from app.web.contexts.jobs import JobNeedView, SeatView
from app.web.contexts.levers import LeversView, LinkTo, levers_view
from app.web.contexts.machine import (
    HOUR_SECONDS,
    MachineRow,
    MachineView,
    age_of,
    cheapest_of,
    gpu_name,
    machine_row,
    machine_view,
    quantified,
    speed_of,
)  # fmt: skip
from app.web.contexts.needs import LedgerView, NeedView, bar_of, ledgers, needs
from app.web.contexts.price_proof import PriceProofView, price_proof_view
from app.web.contexts.values import MEAN, Document, money_of, whole
from app.web.contexts.what_if import WhatIfView
from app.web.contexts.why_not import WhyNotView
from app.web.formats import day, duration, percent
from app.web.forms.documents import Names

ROLE_NAMES = {"cheapest": "Cheapest", "value": "Best value", "fastest": "Fastest", "headroom": "Most headroom"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PickView:
    """A machine with the roles it is the best in."""

    roles: str
    reason: str
    best: bool
    machine: MachineView
    capacity: tuple[CapacityRow, ...]
    disks: tuple[DiskRow, ...]
    seats: tuple[SeatView, ...]  # of several jobs
    price_proof: PriceProofView | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RungView:
    """A budget from which on a better machine can be had."""

    more: str
    machine: MachineRow


@dataclass(frozen=True, slots=True, kw_only=True)
class NearMissView:
    """A machine that almost does it."""

    machine: MachineView
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RentalView:
    """A machine to rent."""

    offer_id: str
    title: str
    provider: str
    per_hour: str
    run_cost: str  # of the whole run, empty where its length is not known
    break_even: str
    speed: str
    observed_on: str
    age: str
    age_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerView:
    """Context of partials/_answer.html."""

    headline: Headline
    summary: str
    needs: tuple[NeedView, ...]
    jobs: tuple[JobNeedView, ...]  # where the answer is for several
    bar: MemoryBar | None  # of one job
    bar_of_gpu: bool
    ledgers: tuple[LedgerView, ...]
    picks: tuple[PickView, ...]
    levers: LeversView | None  # of one job
    what_if: WhatIfView | None
    tradeoff: Tradeoff | None
    frontier: tuple[MachineRow, ...]
    ladder: tuple[RungView, ...]
    near_misses: tuple[NearMissView, ...]
    rentals: tuple[RentalView, ...]
    findings: tuple[FindingView, ...]
    considered: int
    currency: str
    rate_note: str
    speed_unit: str
    why_not: WhyNotView
    request_json: str

    @property
    def speed_axis(self) -> str:
        """What the axis of speeds counts."""
        return "geometric mean of the jobs' speeds" if self.speed_unit == MEAN else f"speed in {self.speed_unit}/s"


def answer_view(request: Document, advice: Document, names: Names, link_to: LinkTo) -> AnswerView:
    """The view of an advice document, with or without its levers, for a request document with every default written out."""
    unit = counted_unit(request["workload"], (machine["speed"] for machine in advice["frontier"]))
    estimate = advice["estimate"]
    request_json = json.dumps(request, separators=(",", ":"))
    found = machines_view(request["limits"], advice, unit)
    best = picked(advice, request["limits"]["objective"])
    return AnswerView(
        headline=headline(request, advice, *found.in_and_over),
        summary=job_summary(request["workload"], names),
        needs=needs(estimate, best),
        jobs=(),
        bar=bar_of(estimate["gpu_memory"] or estimate["host_memory"]),
        bar_of_gpu=bool(estimate["gpu_memory"]),
        ledgers=ledgers(estimate),
        picks=found.picks,
        levers=levers_view(advice, advice.get("levers"), link_to, request_json),
        what_if=WhatIfView(curves=None, of_gpu=bool(estimate["gpu_memory"]), request_json=request_json),
        tradeoff=found.tradeoff,
        frontier=found.frontier,
        ladder=found.ladder,
        near_misses=found.near_misses,
        rentals=found.rentals,
        findings=finding_views([*estimate["findings"], *advice["findings"]]),
        considered=advice["considered"],
        currency=currency_of(request["limits"]),
        rate_note=rate_note(advice.get("exchange")),
        speed_unit=unit,
        why_not=WhyNotView(request_json=request_json),
        request_json=request_json,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MachinesView:
    """Every machine of an answer in its places."""

    picks: tuple[PickView, ...]
    tradeoff: Tradeoff | None
    frontier: tuple[MachineRow, ...]
    ladder: tuple[RungView, ...]
    near_misses: tuple[NearMissView, ...]
    rentals: tuple[RentalView, ...]

    @property
    def in_and_over(self) -> tuple[list[MachineView], list[MachineView]]:
        """The machines inside the limits that are shown, and those that would do it but for a limit."""
        return [pick.machine for pick in self.picks], [miss.machine for miss in self.near_misses]


def machines_view(limits: Document, advice: Document, unit: str) -> MachinesView:
    """The machines of an advice document; `unit` is what their speed counts."""
    views = {pick["role"]: machine_view(pick["machine"], unit) for pick in advice["picks"]}
    misses = [NearMissView(machine=machine_view(miss["machine"], unit), reason=sentence(miss["reason"])) for miss in advice["near_misses"]]
    rows = {id(machine): machine_row(machine, unit) for machine in advice["frontier"]}
    frontier = tuple(rows.values())
    picks = pick_views(views, limits, {pick["role"]: pick for pick in advice["picks"]})
    return MachinesView(
        picks=picks,
        tradeoff=tradeoff(_candidates(frontier, picks)),
        frontier=frontier,
        ladder=_ladder([rows.get(id(step["build"])) or machine_row(step["build"], unit) for step in advice["ladder"]]),
        near_misses=tuple(misses),
        rentals=tuple(_rental(rental, unit) for rental in advice["cloud"]),
    )


def picked(advice: Document, objective: str) -> Document | None:
    """The machine that an answer picks for the objective."""
    return next((one["machine"] for one in advice["picks"] if one["role"] == objective), None)


def currency_of(limits: Document) -> str:
    """The currency of an answer within these limits."""
    return str((limits.get("budget") or {}).get("currency") or limits["currency"])


def pick_views(machines: Mapping[str, MachineView], limits: Document, picks: Mapping[str, Document]) -> tuple[PickView, ...]:
    """One card for each machine, with every role it has; the card that the objective asks for is marked."""
    roles: dict[str, list[str]] = {}
    for role, machine in machines.items():
        if role == "fastest" and not machine.speed:
            continue  # nobody can be the fastest where no speed is known
        roles.setdefault(machine.id, []).append(role)
    return tuple(
        PickView(
            roles=" \u00b7 ".join(ROLE_NAMES[role] for role in held),
            reason=_reason(machines[held[0]], held, machines, limits),
            best=limits["objective"] in held,
            machine=machines[held[0]],
            capacity=capacity_rows(picks[held[0]].get("capacity")),
            disks=disk_rows(picks[held[0]].get("disks")),
            seats=(),
            price_proof=price_proof_view([picks[role]["price_proof"] for role in held if "price_proof" in picks[role]]),
        )
        for held in roles.values()
    )


def _reason(machine: MachineView, roles: Sequence[str], machines: Mapping[str, MachineView], limits: Document) -> str:
    cheapest = cheapest_of(list(machines.values()))
    if "value" in roles:
        return "Most speed for the money" if machine.speed else "Cheapest with memory to spare"
    if "fastest" in roles and cheapest and cheapest.speed:
        times = machine.speed / cheapest.speed
        return f"{times:.2g} times as fast as the cheapest" if times < 100 else f"{times:,.0f} times as fast as the cheapest"
    if "headroom" in roles and machine.utilisation is not None:
        return f"{percent(1 - machine.utilisation)} of each GPU's memory stays free"
    if "cheapest" in roles and limits.get("budget"):
        budget = money_of(limits["budget"])
        return f"{whole(budget - machine.total)} of your budget left"
    return ""


def _candidates(frontier: Sequence[MachineRow], picks: Sequence[PickView]) -> list[Candidate]:
    """The machines that more money makes faster, and the picks; what is only roomier or more frugal stays in the table."""
    roles = {pick.machine.id: pick.roles for pick in picks}
    fastest = list(accumulate((machine.speed for machine in frontier), max, initial=0.0))
    return [
        Candidate(
            anchor=f"machine-{index}",
            title=f"{machine.title}, {machine.total_text}, {machine.speed_text}",
            cost=machine.total.minor,
            speed=machine.speed,
            role=roles.get(machine.id, ""),
        )
        for index, machine in enumerate(frontier, start=1)
        if machine.speed > fastest[index - 1] or machine.id in roles
    ]


def _rental(rental: Document, unit: str) -> RentalView:
    hours = rental["break_even_hours"]
    return RentalView(
        offer_id=rental["offer"]["id"],
        title=quantified(rental["offer"]["gpu_quantity"], gpu_name(rental["gpu"])),
        provider=rental["offer"]["provider"],
        per_hour=str(money_of(rental["per_hour"])),
        run_cost=whole(money_of(rental["run_cost"])) if rental.get("run_cost") else "",
        break_even=duration(hours * HOUR_SECONDS) if hours else "",
        speed=speed_of(rental["speed"], unit)[1],
        observed_on=rental["observed_on"],
        age=age_of(rental["age_days"]),
        age_days=rental["age_days"],
    )


def _ladder(machines: Sequence[MachineRow]) -> tuple[RungView, ...]:
    rungs = []
    for index, machine in enumerate(machines):
        more = f"+{whole(machine.total - machines[index - 1].total)}" if index else ""
        rungs.append(RungView(more=more, machine=machine))
    return tuple(rungs)


def rate_note(exchange: Document | None) -> str:
    """At which rates of which day prices were converted; results frozen before this was told have none."""
    if not exchange:
        return ""
    per_euro = {code: Decimal(rate) for code, rate in exchange["per_euro"].items()}
    into = exchange["currency"]
    rates = [f"1 {code} = {per_euro[into] / rate:.4f} {into}" for code, rate in per_euro.items() if code != into]
    return f"Prices seen in other currencies are converted at {', '.join(rates)}: {exchange['source']}, {day(exchange['as_of'])}."
