"""The main job: from a workload and its limits to the machines, what to change, what to rent and what more money would buy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from threading import RLock
from typing import Any

from app.advice_document import Telling, exchange_json, lever_json, seats_json
from app.errors import InvalidInput
from app.estimation.capacity import Capacity, capacity
from app.estimation.disk_use import DiskUse, Workplace, disk_use
from app.estimation.estimate import Estimate, Storage
from app.estimation.job import Job
from app.estimation.service import prepare
from app.hardware import Catalogue, Gpu, Part
from app.joint_jobs import joint_demand, joint_needs
from app.make_it_fit import MakeItFit
from app.money import ExchangeRates, Money
from app.notes import notes_for
from app.placement import Finding, Placement, Unplaceable
from app.recommendation.advice import Lever, Recommendation
from app.recommendation.cloud import Rental, rentals
from app.recommendation.machine import Machine
from app.recommendation.recommend import recommend
from app.recommendation.storage import read_bytes_s
from app.recommendation.why_not import why_not
from app.workloads import AdviceRequest, InferenceWorkload, JointRequest, Workload, parse_any_request
from app.workloads.limits import Limits

Estimator = Callable[[Workload], Job]
Cards = tuple[str, int]  # a GPU's id and how many of it
JOBS_KEPT = 128  # about 0.3 MB each
LONGEST_REMEMBERED = 20_000  # characters of a workload document; longer ones carry a graph or a whole config.json


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstView:
    """What a person looks at first, and what costs least to work out: the estimate, picks, frontier, ladder, near misses, rent."""

    workload: Workload
    job: "Remembered"
    recommendation: Recommendation
    rentals: tuple[Rental, ...]
    catalogue_revision: int
    today: date
    capacities: Mapping[Cards, Capacity]  # of the picks, for a model that is run
    rates: ExchangeRates
    currency: str  # of the answer
    price_of_mwh: Money | None = None  # of electricity, in the currency of the answer

    @property
    def estimate(self) -> Estimate:
        """What the job needs."""
        return self.job.estimate

    def to_json(self) -> dict[str, Any]:
        """All of the advice but its levers; `feasible`, `cloud`, machine ids and the ladder's `build` come on top of the contract."""
        told = Telling(self.today, self.price_of_mwh)
        return {
            "estimate": self.estimate.to_json(),
            "catalogue_revision": self.catalogue_revision,
            "exchange": exchange_json(self.rates, self.currency, self.recommendation),
            "picks": [
                {
                    "role": pick.role, **self._at_work(pick.machine, told.machine(pick.machine)),
                    "capacity": self._capacity_of(pick.machine), "price_proof": pick.price_proof.to_json(),
                }
                for pick in self.recommendation.picks
            ],
            **told.rest(self.recommendation, self.rentals, notes_for(self.workload, self.estimate)),
        }  # fmt: skip

    def _at_work(self, machine: Machine, told: dict[str, Any]) -> dict[str, Any]:
        """The machine, with what the job does to its drives."""
        drives = drives_at_work(self.workload, self.estimate.storage, machine)
        findings = [*told["findings"], *(finding.to_json() for finding in drives.findings)]
        return {"machine": {**told, "findings": findings}, "disks": drives.to_json()}

    def _capacity_of(self, machine: Machine) -> dict[str, Any] | None:
        found = self.capacities.get((machine.gpu.id, machine.gpu_quantity)) if machine.gpu else None
        return found.to_json() if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """The whole answer to a request on one day with one revision of the catalogue."""

    first_view: FirstView
    levers: tuple[Lever, ...]

    def to_json(self) -> dict[str, Any]:
        """The advice as the contract spells it."""
        return {**self.first_view.to_json(), "levers": [lever_json(lever) for lever in self.levers]}


def drives_at_work(workload: Workload, storage: Storage, machine: Machine) -> DiskUse:
    """What the job does to the drives of a machine."""
    included = bool(machine.platform.included_ssd_bytes)
    place = Workplace(
        ssd=machine.ssd, included_ssd=included, read_bytes_per_second=read_bytes_s(machine.platform, machine.ssd),
        gpu=machine.gpu, gpus=machine.gpu_quantity, placement=machine.placement,
    )  # fmt: skip
    return disk_use(storage, workload.data, workload.checkpoints, place)


class Remembered:
    """A job that is asked only once for each placement."""

    def __init__(self, job: Job) -> None:
        self.estimate, self.needs_gpu = job.estimate, job.needs_gpu
        self.ssd_bytes, self.hdd_bytes = job.ssd_bytes, job.hdd_bytes
        self._job = job
        self._placed: dict[tuple[str, int], Placement | Unplaceable] = {}
        self._asking = RLock()  # answers of several threads may rest on the same job

    def place(self, gpu: Gpu | None, quantity: int) -> Placement | Unplaceable:
        """What the job itself says."""
        key = (gpu.id if gpu else "", quantity)
        with self._asking:
            if key not in self._placed:
                self._placed[key] = self._job.place(gpu, quantity)
        return self._placed[key]


def advise(request: AdviceRequest, catalogue: Catalogue, *, today: date, estimator: Estimator = prepare) -> Advice:
    """The first view, and what each change of the workload would do.

    Raises InvalidInput naming the field of the workload or of the limits that is wrong.
    """
    view = first_view(request, catalogue, today=today, estimator=estimator)
    return Advice(first_view=view, levers=levers_of(view, request, catalogue, estimator=estimator))


def advise_document(document: object, catalogue: Catalogue, *, today: date) -> dict[str, Any]:
    """The advice for a decoded request document, of one job or of several, as JSON. Raises InvalidInput naming every wrong field."""
    request = parse_any_request(document)
    if isinstance(request, JointRequest):
        return advise_together(request, catalogue, today=today)
    return advise(request, catalogue, today=today).to_json()


def first_view(request: AdviceRequest, catalogue: Catalogue, *, today: date, estimator: Estimator = prepare) -> FirstView:
    """Estimates the workload and searches the catalogue: a few milliseconds, where the levers take tens.

    Raises InvalidInput naming the field of the workload or of the limits that is wrong.
    """
    job = _prepared(request, catalogue, estimator)
    found = recommend(job, request.limits, catalogue)
    cheapest = found.ladder[0].machine if found.ladder else None
    return FirstView(
        workload=request.workload, job=job, recommendation=found, rentals=rentals(job, request.limits, catalogue, cheapest),
        catalogue_revision=catalogue.revision, today=today, price_of_mwh=_price_of_mwh(request.limits, catalogue),
        capacities=_capacities(request.workload, found, catalogue), rates=catalogue.rates, currency=request.limits.answer_currency,
    )  # fmt: skip


def advise_together(request: JointRequest, catalogue: Catalogue, *, today: date, estimator: Estimator = prepare) -> dict[str, Any]:
    """One machine for several jobs, as JSON: the advice of one job with an estimate for each, and with each pick where each job runs.

    Raises InvalidInput naming the field of the workload or of the limits that is wrong.
    """
    jobs = _prepared_jobs(request, catalogue, estimator)
    demand = joint_demand(jobs, request.together)
    found = recommend(demand, request.limits, catalogue)
    cheapest = found.ladder[0].machine if found.ladder else None
    rented = rentals(demand, request.limits, catalogue, cheapest)
    told = Telling(today, _price_of_mwh(request.limits, catalogue))
    return {
        "together": request.together,
        "needs": joint_needs(jobs, demand),
        "estimates": [job.estimate.to_json() for job in jobs],
        "catalogue_revision": catalogue.revision,
        "exchange": exchange_json(catalogue.rates, request.limits.answer_currency, found),
        "picks": [
            {
                "role": pick.role, "machine": told.machine(pick.machine), "price_proof": pick.price_proof.to_json(),
                "jobs": seats_json(demand, pick.machine),
            }
            for pick in found.picks
        ],
        **told.rest(found, rented),
    }  # fmt: skip


def why_not_part(part: Part, request: AdviceRequest | JointRequest, catalogue: Catalogue, *, estimator: Estimator = prepare) -> Finding:
    """Why the part is not in the machine that the request's objective picks, or at which price it would be.

    Raises InvalidInput naming the field of the workload or of the limits that is wrong.
    """
    if isinstance(request, JointRequest):
        return why_not(part.id, joint_demand(_prepared_jobs(request, catalogue, estimator), request.together), request.limits, catalogue)
    return why_not(part.id, _prepared(request, catalogue, estimator), request.limits, catalogue)


def _prepared_jobs(request: JointRequest, catalogue: Catalogue, estimator: Estimator) -> list[Remembered]:
    requests = (AdviceRequest(workload=workload) for workload in request.workloads)
    return [_prepared(one, catalogue, estimator, f"workloads.{place}") for place, one in enumerate(requests)]


def _prepared(request: AdviceRequest, catalogue: Catalogue, estimator: Estimator, path: str = "workload") -> Remembered:
    try:
        return _remembered(request.workload, catalogue, estimator)
    except InvalidInput as wrong:
        raise wrong.under(path) from None


def _remembered(workload: Workload, catalogue: Catalogue, estimator: Estimator) -> Remembered:
    """The job of a workload, kept for what is asked next: another budget, the levers of this answer, a lever that was taken."""
    asked = _asked(workload)
    if len(asked.document) > LONGEST_REMEMBERED:
        return Remembered(estimator(workload))
    return _newest_jobs(asked, catalogue, estimator)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A workload that equals another one where the same was written."""

    document: str
    workload: Workload = field(compare=False)


def _asked(workload: Workload) -> _Asked:
    return _Asked(workload.model_dump_json(exclude_unset=True), workload)


@lru_cache(maxsize=JOBS_KEPT)
def _newest_jobs(asked: _Asked, catalogue: Catalogue, estimator: Estimator) -> Remembered:  # noqa: ARG001 - placed on its GPUs
    return Remembered(estimator(asked.workload))


def _price_of_mwh(limits: Limits, catalogue: Catalogue) -> Money | None:
    return catalogue.rates.convert(limits.electricity.mwh, limits.answer_currency) if limits.electricity else None


def _capacities(workload: Workload, found: Recommendation, catalogue: Catalogue) -> dict[Cards, Capacity]:
    """What else fits on the cards of the picks. Training is left out: each size would have to be traced anew."""
    if not isinstance(workload, InferenceWorkload) or workload.device != "gpu":
        return {}
    cards = {(pick.machine.gpu.id, pick.machine.gpu_quantity) for pick in found.picks if pick.machine.gpu}
    asked = _asked(workload)
    return {key: _newest_capacities(asked, catalogue, *key) for key in cards}


@lru_cache(maxsize=JOBS_KEPT)
def _newest_capacities(asked: _Asked, catalogue: Catalogue, gpu: str, quantity: int) -> Capacity:
    return capacity(asked.workload, catalogue.gpus[gpu], quantity)


def levers_of(view: FirstView, request: AdviceRequest, catalogue: Catalogue, *, estimator: Estimator = prepare) -> tuple[Lever, ...]:
    """What each change of the workload does, and the smallest sets of changes that make it fit, or cheaper than any one of them does."""
    made = MakeItFit(request, view.job, catalogue, lambda workload: _remembered(workload, catalogue, estimator))
    return made.levers(fits=bool(view.recommendation.picks))
