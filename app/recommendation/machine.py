"""A machine: a platform with GPUs, RAM and drives, what it costs line by line, and what the job does on it."""

from dataclasses import dataclass
from datetime import date

from app.hardware import Condition, Drive, Gpu, Part, Platform, RamKit
from app.money import Money
from app.placement import Finding, Placement
from app.recommendation.memory import ram_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceLine:
    """One line of the bill. Owned parts cost nothing and say so; every other line has the day and source of its price."""

    part: Part
    quantity: int
    unit_price: Money  # in the currency of the answer
    condition: Condition
    observed_on: date | None
    source: str
    owned: bool = False
    seen: Money | None = None  # the price as it was observed, in its own currency

    @property
    def total(self) -> Money:
        """Quantity times unit price."""
        return self.unit_price * self.quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One machine that does the job (or nearly, with the reason in `findings`). Lines: platform, GPUs, RAM, SSD, HDD."""

    platform: Platform
    gpu: Gpu | None
    gpu_quantity: int
    ram: tuple[tuple[RamKit, int], ...]
    ssd: tuple[tuple[Drive, int], ...]
    hdd: tuple[tuple[Drive, int], ...]
    lines: tuple[PriceLine, ...]
    total: Money
    placement: Placement
    power_w: int
    findings: tuple[Finding, ...] = ()

    @property
    def id(self) -> str:
        """A stable name made of its parts, for ladders, links and comparison."""
        gpus = f"{self.gpu_quantity}x{self.gpu.id}" if self.gpu else "no-gpu"
        kits = [f"{count}x{part.id}" for part, count in (*self.ram, *self.ssd, *self.hdd)]
        return "+".join((self.platform.id, gpus, *kits))

    @property
    def ram_bytes(self) -> int:
        """System memory: the kits, or what the platform came with."""
        return ram_bytes(self.platform, self.ram)

    @property
    def gpu_memory_utilisation(self) -> float:
        """Share of the fullest GPU that the job uses, 0 where there is none."""
        return self.placement.gpu_bytes / self.gpu.visible_bytes if self.gpu else 0.0

    @property
    def speed(self) -> float:
        """The rate that ranks machines for this job."""
        return self.placement.speed.rate

    @property
    def headroom(self) -> float:
        """Share of memory left free: of the fullest GPU, or of the RAM where the job runs on the processor."""
        if self.gpu:
            return 1.0 - self.gpu_memory_utilisation
        return 1.0 - self.placement.host_bytes / self.ram_bytes if self.ram_bytes else 0.0
