"""Several equal machines where no single one can do the job: how many, of which, and what should join them.

Only the machines are priced: the catalogue has no network cards and switches, and the speed over a network is not estimated. Each machine
is filled with GPUs; the job is spread over all of them as over the GPUs of one machine, which says what each GPU must hold.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from app.hardware import Gpu
from app.money import Money
from app.placement import Demand, Finding, Placement
from app.recommendation.loads import accepted
from app.recommendation.market import Market, Site
from app.units import ceil_div
from app.workloads.limits import Limits

SIZES = (2, 3, 4, 6, 8, 12, 16)  # machines that people join
# NVIDIA's DGX SuperPOD reference architectures (H100, B200) give each GPU a port of 400 Gb/s InfiniBand NDR; machines of PCIe cards are
# usually joined by Ethernet of 100 Gb/s.
INFINIBAND = "InfiniBand NDR, 400 Gb/s for each GPU (as in NVIDIA's DGX SuperPOD)"
ETHERNET = "Ethernet with RDMA, at least 100 Gb/s for each machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """So many machines of one kind, each with so many GPUs. Cost in minor units, of the machines without what joins them."""

    nodes: int
    site: Site
    gpu: Gpu
    gpus_per_node: int
    placement: Placement
    cost: int

    @property
    def interconnect(self) -> str:
        """What should join the machines."""
        return INFINIBAND if self.site.platform.included_gpu else ETHERNET


def smallest_cluster(demand: Demand, limits: Limits, market: Market) -> Cluster | None:
    """The cheapest set of equal machines on which the job fits; None where none of up to 16 does."""
    best: Cluster | None = None
    for node in sorted(_nodes(limits, market), key=lambda node: (node.cost / node.memory_bytes, node.site.platform.id, node.gpu.id)):
        found = _enough(demand, node, below=best.cost if best else None)
        best = found or best
    return best


def cluster_finding(found: Cluster, market: Market) -> Finding:
    """The cluster in words."""
    gpus = found.nodes * found.gpus_per_node
    total = Money(found.cost, market.currency)
    message = (
        f"no single machine can do this job, but {found.nodes} x {found.site.platform.name} can, with {gpus} x {found.gpu.name} in all, "
        f"for {total} without the network"
    )
    remedy = f"join them with {found.interconnect}; its price and the speed over it are not estimated"
    return Finding(severity="note", code="cluster", message=message, remedy=remedy)


class _Node(NamedTuple):
    """A machine full of GPUs, and what it costs with RAM and drives aside."""

    site: Site
    gpu: Gpu
    gpus: int
    cost: int

    @property
    def memory_bytes(self) -> int:
        return self.gpus * self.gpu.visible_bytes


def _nodes(limits: Limits, market: Market) -> Iterator[_Node]:
    """Machines with several GPUs."""
    for site, gpu in market.systems:
        if site.platform.included_gpu_quantity > 1 and accepted(gpu, limits):
            yield _Node(site, gpu, site.platform.included_gpu_quantity, site.cost)
    for offer in market.gpus:
        if accepted(offer.part, limits) and offer.unit is not None:
            for site in market.boards:
                count = market.room(offer.part)[site.index]
                if count > 1:
                    yield _Node(site, offer.part, count, site.cost + count * offer.unit)


def _enough(demand: Demand, node: _Node, below: int | None) -> Cluster | None:
    """The fewest such machines on which the job fits, with the RAM and the drives that each of them needs, for less than `below`."""
    for nodes in SIZES:
        if below is not None and nodes * node.cost >= below:
            return None
        placed = demand.place(node.gpu, nodes * node.gpus)
        if isinstance(placed, Placement) and placed.gpu_bytes <= node.gpu.visible_bytes:
            return _filled(demand, node, nodes, placed, below)
    return None


def _filled(demand: Demand, node: _Node, nodes: int, placed: Placement, below: int | None) -> Cluster | None:
    memory = node.site.memory.cheapest(ceil_div(placed.host_bytes, nodes))
    drives = node.site.storage.sets(demand.ssd_bytes, demand.hdd_bytes, 0)
    if not memory or not drives:
        return None
    cost = nodes * (node.cost + memory.cost + drives[0].cost)
    if below is not None and cost >= below:
        return None
    return Cluster(nodes=nodes, site=node.site, gpu=node.gpu, gpus_per_node=node.gpus, placement=placed, cost=cost)
