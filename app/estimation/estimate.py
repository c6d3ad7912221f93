"""The answer of the estimation service, as the contract spells it."""

from dataclasses import dataclass
from typing import Any

from app.estimation.ledger import Interval, Ledger
from app.placement import Finding

ESTIMATOR_VERSION = "0.2.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Parameter counts: all, those trained, those that one token passes through."""

    total: int
    trainable: int
    active: int

    def to_json(self) -> dict[str, int]:
        """The counts as the contract spells them."""
        return {"total": self.total, "trainable": self.trainable, "active": self.active}


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuMemory:
    """Need of the fullest GPU. `ledger` sums to what the card must have; the peak is what the framework itself would report."""

    peak_allocated_bytes: int
    ledger: Ledger
    interval: Interval
    peak_phase: str

    @property
    def required_bytes(self) -> int:
        """What the card must have for this job."""
        return self.ledger.total_bytes

    def to_json(self) -> dict[str, Any]:
        """The need as the contract spells it."""
        return {
            "peak_allocated_bytes": self.peak_allocated_bytes, "required_bytes": self.required_bytes,
            "interval": self.interval.to_json(), "peak_phase": self.peak_phase, "terms": self.ledger.to_json(),
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class HostMemory:
    """Need of system RAM: the job's own processes at their peak, and what the machine must have for them."""

    peak_process_bytes: int
    ledger: Ledger  # sums to required_bytes
    interval: Interval  # of peak_process_bytes
    recommended_gb: int

    @property
    def required_bytes(self) -> int:
        """RAM that the machine must have."""
        return self.ledger.total_bytes

    def to_json(self) -> dict[str, Any]:
        """The need as the contract spells it."""
        return {
            "peak_process_bytes": self.peak_process_bytes, "required_bytes": self.required_bytes, "recommended_gb": self.recommended_gb,
            "interval": self.interval.to_json(), "terms": self.ledger.to_json(),
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """Need of disks. Terms with a key starting `hdd_` are cold, all others hot."""

    ledger: Ledger
    read_bytes_per_second: int
    model_file_bytes: int
    checkpoint_bytes: int

    @property
    def hdd_bytes(self) -> int:
        """Cold bytes."""
        return sum(term.bytes for term in self.ledger.terms if term.key.startswith("hdd_"))

    @property
    def ssd_bytes(self) -> int:
        """Hot bytes."""
        return self.ledger.total_bytes - self.hdd_bytes

    def to_json(self) -> dict[str, Any]:
        """The need as the contract spells it."""
        return {
            "ssd_bytes": self.ssd_bytes, "hdd_bytes": self.hdd_bytes, "read_bytes_per_second": self.read_bytes_per_second,
            "model_file_bytes": self.model_file_bytes, "checkpoint_bytes": self.checkpoint_bytes, "terms": self.ledger.to_json(),
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Compute:
    """Work of one step: floating-point operations, and tokens or samples that it advances."""

    flops_per_step: int
    tokens_or_samples_per_step: int

    def to_json(self) -> dict[str, int]:
        """The work as the contract spells it."""
        return {"flops_per_step": self.flops_per_step, "tokens_or_samples_per_step": self.tokens_or_samples_per_step}


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Everything a job needs. `gpu_memory` is None where no GPU is needed."""

    parameters: Parameters
    gpu_memory: GpuMemory | None
    host_memory: HostMemory
    storage: Storage
    compute: Compute
    findings: tuple[Finding, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The estimate as the contract spells it."""
        return {
            "parameters": self.parameters.to_json(),
            "gpu_memory": self.gpu_memory.to_json() if self.gpu_memory else None,
            "host_memory": self.host_memory.to_json(),
            "storage": self.storage.to_json(),
            "compute": self.compute.to_json(),
            "findings": [finding.to_json() for finding in self.findings],
            "version": {"estimator": ESTIMATOR_VERSION},
        }
