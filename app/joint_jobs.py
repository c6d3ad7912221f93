"""What several prepared jobs have in common on one machine."""

from collections.abc import Sequence
from typing import Protocol

from app.estimation.estimate import Estimate
from app.placement import Demand
from app.recommendation.joint import JointDemand, Together

ONCE_IN_RAM = "operating_system"


class EstimatedJob(Demand, Protocol):
    """A demand with its estimate."""

    estimate: Estimate


def joint_demand(jobs: Sequence[EstimatedJob], together: Together) -> JointDemand:
    """The jobs as one demand: the operating system is there once, and one software environment serves all that use the same one."""
    in_ram = [job.estimate.host_memory.ledger.bytes_of(ONCE_IN_RAM) for job in jobs]
    on_disk = [job.estimate.storage.ledger.bytes_of("system") for job in jobs]
    environments = [_environment(job.estimate) for job in jobs]
    saved = sum(count for _, count in environments) - sum(dict(environments).values())
    return JointDemand(
        jobs=jobs, together=together, shared_host_bytes=sum(in_ram) - max(in_ram), shared_ssd_bytes=sum(on_disk) - max(on_disk) + saved
    )


def joint_needs(jobs: Sequence[EstimatedJob], demand: JointDemand) -> dict[str, int]:
    """What the machine must have for all jobs, in bytes.

    `gpu_memory_bytes`: of each GPU that all of them use, 0 where none needs one. One at a time the neediest job decides it and the RAM; at
    once they add up, but for what the machine has only once. The disks hold the files of all either way.
    """
    gpu = [job.estimate.gpu_memory.required_bytes for job in jobs if job.estimate.gpu_memory]
    host = [job.estimate.host_memory.required_bytes for job in jobs]
    at_once = demand.together == "at_once"
    return {
        "gpu_memory_bytes": sum(gpu) if at_once else max(gpu, default=0),
        "host_memory_bytes": sum(host) - demand.shared_host_bytes if at_once else max(host),
        "ssd_bytes": demand.ssd_bytes,
        "hdd_bytes": demand.hdd_bytes,
    }


def _environment(estimate: Estimate) -> tuple[str, int]:
    """The framework that a software environment is for, and its size."""
    terms = [term for term in estimate.storage.ledger.terms if term.key == "environment"]
    return (terms[0].formula, terms[0].bytes) if terms else ("", 0)
