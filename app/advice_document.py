"""Machines, levers and rentals as the contract spells them in JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date
from typing import Any

from app.estimation.service import speed_json
from app.hardware import CloudOffer, Drive, Gpu, Part, Platform, RamKit
from app.money import ExchangeRates, Money
from app.placement import Finding, Sharding, Unplaceable
from app.recommendation.advice import Lever, Recommendation
from app.recommendation.cloud import Rental
from app.recommendation.joint import JointDemand
from app.recommendation.machine import Machine, PriceLine
from app.recommendation.run import Run, rent_of, run_of

# The facts of a part that readers of an answer need beside its id, name and vendor.
PART_FACTS: Mapping[type[Part], Sequence[str]] = {
    Gpu: ("memory_gb", "visible_bytes", "memory_type", "bandwidth_gb_s", "power_w", "slots", "form_factor", "segment", "architecture"),
    RamKit: ("memory_type", "form", "modules", "module_gb", "total_gb", "speed_mt_s", "ecc"),
    Drive: ("kind", "capacity_bytes", "interface", "read_mb_s", "write_mb_s", "grade"),
    Platform: (
        "platform_class", "cpu", "cpu_cores", "memory_type", "gpu_slots", "psu_w", "included_gpu", "included_gpu_quantity",
        "included_ram_gb", "included_ssd_bytes",
    ),
    CloudOffer: ("provider", "gpu", "gpu_quantity", "vcpus", "ram_gb", "provisioning", "region"),
}  # fmt: skip


_DEGREES = tuple(field.name for field in fields(Sharding))


def part_json(part: Part) -> dict[str, Any]:
    """A part with the facts that matter for its kind."""
    facts = {name: getattr(part, name) for name in PART_FACTS[type(part)]}
    return {"id": part.id, "name": part.name, "vendor": part.vendor, **facts}


def spread_json(sharding: Sharding) -> dict[str, Any]:
    """How a job is spread over GPUs."""
    return {name: getattr(sharding, name) for name in _DEGREES}


class Telling:
    """Writes an answer of one day; a machine of the frontier is often a pick and a step of the ladder too, and is written once."""

    def __init__(self, today: date, price_of_mwh: Money | None) -> None:
        self._today, self._price_of_mwh = today, price_of_mwh
        self._written: dict[int, dict[str, Any]] = {}

    def machine(self, machine: Machine) -> dict[str, Any]:
        """The machine with its bill."""
        if id(machine) not in self._written:
            self._written[id(machine)] = machine_json(machine, self._today, self._price_of_mwh)
        return self._written[id(machine)]

    def rest(self, found: Recommendation, rented: Sequence[Rental], notes: Sequence[Finding] = ()) -> dict[str, Any]:
        """Everything of a recommendation but its picks."""
        return {
            "frontier": [self.machine(machine) for machine in found.frontier],
            "near_misses": [{"machine": self.machine(miss.machine), "reason": miss.reason} for miss in found.near_misses],
            "ladder": [
                {"budget": step.budget.to_json(), "machine": step.machine.id, "build": self.machine(step.machine)}
                for step in found.ladder
            ],
            "cloud": [rental_json(rental, self._today) for rental in rented],
            "feasible": found.feasible,
            "considered": found.considered,
            "findings": [finding.to_json() for finding in (*found.findings, *notes)],
        }  # fmt: skip


def seats_json(demand: JointDemand, machine: Machine) -> list[dict[str, Any]]:
    """Where each of several jobs runs on a machine, how much of each GPU it takes there, and how fast it is."""
    seated = demand.seated(machine.gpu, machine.placement.sharding.gpus if machine.gpu else 0)
    if isinstance(seated, Unplaceable):
        return []
    return [
        {
            "gpus": placed.sharding.gpus if placed.gpu_bytes else 0, "shares_gpus": seated.way.shared and bool(placed.gpu_bytes),
            "gpu_bytes": placed.gpu_bytes, "host_bytes": placed.host_bytes, "parallelism": spread_json(placed.sharding),
            "speed": speed_json(placed.speed),
        }
        for placed in seated.placements
    ]  # fmt: skip


def machine_json(machine: Machine, today: date, price_of_mwh: Money | None = None) -> dict[str, Any]:
    """A machine with its bill and what a whole run takes there; prices carry their age in days on `today`."""
    return {
        "id": machine.id,
        "platform": part_json(machine.platform),
        "gpus": _gpus_json(machine),
        "ram": _parts_json(machine.ram),
        "ssd": _parts_json(machine.ssd),
        "hdd": _parts_json(machine.hdd),
        "price": {"total": machine.total.to_json(), "lines": [_line_json(line, today) for line in machine.lines]},
        "gpu_memory_utilisation": machine.gpu_memory_utilisation,
        "headroom": machine.headroom,
        "ram_bytes": machine.ram_bytes,
        "speed": speed_json(machine.placement.speed),
        "power_watts": machine.power_w,
        "run": _run_json(run_of(machine.placement.speed, machine.power_w, price_of_mwh)),
        "findings": [finding.to_json() for finding in machine.findings],
    }


def _run_json(run: Run | None) -> dict[str, Any] | None:
    if run is None:
        return None
    cost = run.electricity.to_json() if run.electricity else None
    return {"hours": run.hours, "energy_kwh": run.energy_kwh, "electricity": cost}


def _gpus_json(machine: Machine) -> dict[str, Any] | None:
    if machine.gpu is None:
        return None
    placement = machine.placement
    return {
        "part": part_json(machine.gpu), "quantity": machine.gpu_quantity, "parallelism": spread_json(placement.sharding),
        "required_bytes": placement.gpu_bytes, "high_bytes": placement.gpu_bytes_high,
    }  # fmt: skip


def _parts_json(items: Sequence[tuple[Part, int]]) -> list[dict[str, Any]]:
    return [{"part": part_json(part), "quantity": quantity} for part, quantity in items]


def _line_json(line: PriceLine, today: date) -> dict[str, Any]:
    return {
        "part": {"id": line.part.id, "name": line.part.name},
        "quantity": line.quantity,
        "unit_price": line.unit_price.to_json(),
        "condition": line.condition,
        "observed_on": line.observed_on.isoformat() if line.observed_on else None,
        "source": line.source,
        "age_days": (today - line.observed_on).days if line.observed_on else None,
        "owned": line.owned,
        "seen_as": line.seen.to_json() if line.seen and line.seen.currency != line.unit_price.currency else None,
    }


def exchange_json(rates: ExchangeRates, currency: str, found: Recommendation) -> dict[str, Any] | None:
    """The reference rates at which the prices on the machines' bills were converted, with their day; None where none was."""
    machines = (*found.frontier, *(miss.machine for miss in found.near_misses))
    seen = {line.seen.currency for machine in machines for line in machine.lines if line.seen}
    if not seen - {currency}:
        return None
    per_euro = {code: str(rates.rate(code)) for code in sorted({currency, *seen})}
    return {"currency": currency, "as_of": rates.as_of.isoformat(), "source": rates.source, "per_euro": per_euro}


def lever_json(lever: Lever) -> dict[str, Any]:
    """A set of changes with its effect."""
    return {
        "changes": [{"path": change.path, "value": change.value, "label": change.label} for change in lever.changes],
        "gpu_memory_bytes": lever.gpu_bytes,
        "host_memory_bytes": lever.host_bytes,
        "time_ratio": lever.time_ratio,
        "cheapest": lever.cheapest.to_json() if lever.cheapest else None,
        "in_budget": lever.in_budget,
    }


def rental_json(rental: Rental, today: date) -> dict[str, Any]:
    """An offer to rent, what a whole run costs there, and the hours after which the machine compared with would have cost as much."""
    rent = rent_of(rental.placement.speed, rental.hourly)
    return {
        "offer": part_json(rental.offer),
        "gpu": part_json(rental.gpu),
        "per_hour": rental.hourly.to_json(),
        "run_cost": rent.to_json() if rent else None,
        "break_even_hours": None if rental.break_even_hours is None else float(rental.break_even_hours),
        "speed": speed_json(rental.placement.speed),
        "observed_on": rental.price.observed_on.isoformat(),
        "source": rental.price.source,
        "age_days": (today - rental.price.observed_on).days,
    }
