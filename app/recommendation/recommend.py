"""The recommendation: the best machines inside the limits, what almost did, and what more money would change."""

from collections import Counter
from collections.abc import Iterator, Sequence

from app.hardware import Catalogue
from app.money import Money
from app.placement import Demand, Finding
from app.recommendation.advice import Pick, Recommendation
from app.recommendation.bill import Bills, Written, machine_of
from app.recommendation.cluster import cluster_finding, smallest_cluster
from app.recommendation.frontier import undominated, within
from app.recommendation.ladder import budget_ladder
from app.recommendation.machine import Machine
from app.recommendation.market import market_for
from app.recommendation.near_misses import near_misses
from app.recommendation.picks import ROLES, best
from app.recommendation.price_proof import PriceProofs
from app.recommendation.search import Candidate, CheapestSearch, Exploration, combinations_covered, explore
from app.units import format_binary
from app.workloads.limits import Limits


def recommend(demand: Demand, limits: Limits, catalogue: Catalogue) -> Recommendation:
    """The best machines for a job inside the limits, exactly. Raises InvalidInput where the currency has no exchange rate."""
    exploration = explore(demand, limits, market_for(limits, catalogue))
    frontier = undominated(exploration.candidates)
    inside = within(frontier, exploration.budget)
    bills, proofs = Bills(exploration), PriceProofs(exploration)
    chosen = ((role, best(role, inside)) for role in ROLES)
    return Recommendation(
        picks=tuple(Pick(role=role, machine=bills.machine(one), price_proof=proofs.of(role, one)) for role, one in chosen if one),
        frontier=Written(inside, bills),
        near_misses=near_misses(exploration, frontier, bills),
        ladder=budget_ladder(limits.objective, frontier, bills),
        feasible=_choices_inside(exploration),
        considered=combinations_covered(limits, exploration.market, demand),
        findings=(
            *_unknown_owned(limits, catalogue),
            *([] if inside else _nothing_fits(exploration, frontier)),
            *([] if frontier else _several_machines(exploration)),
        ),
    )


def cheapest(demand: Demand, limits: Limits, catalogue: Catalogue) -> Machine | None:
    """The cheapest machine that does the job within the limits other than the budget; None where there is none."""
    market = market_for(limits, catalogue)
    found = CheapestSearch(limits, market).find(demand)
    return machine_of(found, demand, limits, market) if found else None


def _choices_inside(exploration: Exploration) -> int:
    return len({id(one.load) for one in exploration.candidates if one.cost <= exploration.budget})


def _unknown_owned(limits: Limits, catalogue: Catalogue) -> Iterator[Finding]:
    for row in limits.owned:
        if row.part not in catalogue.parts:
            message = f"the catalogue has no part '{row.part}' among those that you own; it was left out"
            yield Finding(severity="caution", code="unknown-owned", message=message, remedy="choose the part from the catalogue")


def _several_machines(exploration: Exploration) -> Iterator[Finding]:
    """The cluster on which a job fits that no single machine can do."""
    demand, market = exploration.demand, exploration.market
    cluster = smallest_cluster(demand, exploration.limits, market) if demand.needs_gpu else None
    if cluster:
        yield cluster_finding(cluster, market)


def _nothing_fits(exploration: Exploration, frontier: Sequence[Candidate]) -> Iterator[Finding]:
    """Why there is no machine: too dear, too little memory on every GPU, or what the estimator said most often."""
    loads = exploration.loads
    remedy = "try one of the changes that make the job smaller"
    if frontier:
        total = Money(frontier[0].cost, exploration.market.currency)
        over = Money(int(frontier[0].cost - exploration.budget), exploration.market.currency)
        message = f"the cheapest machine that does this job costs {total}, which is {over} over the budget"
        yield Finding(severity="blocker", code="over-budget", message=message, remedy=f"raise the budget, or {remedy}")
    elif loads.fitting:
        message = "no platform in the catalogue has the RAM, the drives, the slots and the power for this job within the limits"
        yield Finding(severity="blocker", code="no-platform", message=message, remedy=f"widen the limits, or {remedy}")
    elif loads.short:
        missing = min(load.missing_bytes for load in loads.short)
        message = f"every GPU that can be had is too small: the nearest lacks {format_binary(missing)}"
        yield Finding(severity="blocker", code="no-gpu-memory", message=message, remedy=f"allow more GPUs, or {remedy}")
    elif loads.refused:
        (refusal, _), *_rest = Counter(loads.refused).most_common(1)
        yield Finding(severity="blocker", code=refusal.code, message=refusal.reason, remedy=remedy)
    else:
        message = "no GPU in the catalogue is for sale within the limits"
        yield Finding(severity="blocker", code="no-gpu", message=message, remedy="widen the limits, or add prices to the catalogue")
