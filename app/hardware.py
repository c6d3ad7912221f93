"""The parts of a machine and the catalogue of them, as the recommender sees them: frozen, no database, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Literal

from app.money import ExchangeRates, Money

Condition = Literal["new", "used", "refurbished"]
PartKind = Literal["gpu", "ram", "drive", "platform", "cloud"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Volatility:
    """How far a price moves in a month: as a share of it, from how many changes, and whether they are of the item or of its kind."""

    monthly: float
    basis: Literal["own", "kind"]
    changes: int  # of the item's own price


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """The current price of a part in one condition: the newest accepted observation, with its date and source."""

    money: Money
    condition: Condition
    kind: str  # retail, list, derived, contract, wholesale ... as the source describes it
    observed_on: date
    source: str
    url: str = ""
    volatility: Volatility | None = None  # None where too little is known


@dataclass(frozen=True, kw_only=True)
class Part:
    """What every part has. `prices` holds at most one current price for each condition; none means not for sale."""

    id: str
    name: str
    vendor: str = ""
    prices: tuple[Price, ...] = ()
    active: bool = True
    source: str = ""  # of the specification
    confidence: str = ""
    notes: str = ""


@dataclass(frozen=True, kw_only=True)
class Gpu(Part):
    """A graphics card, accelerator module or the GPU side of a unified-memory system. Rates are dense, never sparse."""

    memory_gb: int  # as sold
    visible_bytes: int  # what a driver lets programs use; below `memory_gb` x 2^30
    bandwidth_gb_s: float
    fp32_tflops: float | None = None
    fp16_tflops: float | None = None  # matrix rate, FP32 accumulate where the vendor distinguishes
    bf16_tflops: float | None = None
    fp8_tflops: float | None = None
    int8_tops: float | None = None
    power_w: int = 0
    slots: float = 2
    pcie_gen: int | None = None
    pcie_lanes: int | None = None
    link_gb_s: float = 0.0  # NVLink or Infinity Fabric between cards, 0 where there is none
    compute_capability: str = ""
    supports_bf16: bool = False
    supports_fp8: bool = False
    form_factor: str = "pcie"  # pcie sxm oam system
    segment: str = ""  # consumer workstation datacenter unified
    architecture: str = ""
    memory_type: str = ""
    launched: str = ""
    purchasable: bool = True  # False: only rented, or announced

    @property
    def unified_memory(self) -> bool:
        """Whether the GPU shares the machine's RAM (Apple silicon, Strix Halo, DGX Spark)."""
        return self.segment == "unified"


@dataclass(frozen=True, kw_only=True)
class RamKit(Part):
    """A kit of memory modules as sold."""

    memory_type: str  # DDR4 DDR5
    form: str  # UDIMM RDIMM SODIMM
    modules: int
    module_gb: int
    speed_mt_s: int
    ecc: bool = False

    @property
    def total_gb(self) -> int:
        """All modules of the kit together."""
        return self.modules * self.module_gb


@dataclass(frozen=True, kw_only=True)
class Drive(Part):
    """An SSD or a hard disk."""

    kind: Literal["ssd", "hdd"]
    capacity_bytes: int
    interface: Literal["m2", "u2", "sata"]  # where it plugs in
    read_mb_s: float | None = None
    write_mb_s: float | None = None
    read_iops: float | None = None
    endurance_tbw: float | None = None
    grade: str = ""  # consumer nas enterprise


@dataclass(frozen=True, kw_only=True)
class Platform(Part):
    """What the other parts plug into: board, processor, power supply and case, or a whole system with its GPUs and RAM."""

    platform_class: str
    cpu: str = ""
    cpu_sockets: int = 1
    cpu_cores: int = 8
    memory_type: str = ""  # DDR4 DDR5 LPDDR5X
    memory_form: str = ""  # UDIMM RDIMM SODIMM; empty where soldered
    memory_channels: int = 2
    dimm_slots: int = 0
    max_memory_gb: int = 0
    ecc: bool = False
    pcie_gen: int | None = None
    pcie_lanes: int = 0  # processor lanes for cards and M.2
    gpu_slots: int = 0  # double-width cards that fit
    m2_slots: int = 0
    sata_bays: int = 0
    u2_bays: int = 0
    psu_w: int = 0  # 0: fixed inside a whole system, not a constraint
    included_gpu: str = ""  # id of the GPU that comes with it (HGX boards, mini systems); "" none
    included_gpu_quantity: int = 0
    included_ram_gb: int = 0
    included_ssd_bytes: int = 0
    link_gb_s: float = 0.0  # NVSwitch inside an HGX board


@dataclass(frozen=True, kw_only=True)
class CloudOffer(Part):
    """A rented machine, per hour."""

    provider: str
    gpu: str  # id of the GPU, "" where the catalogue has none
    gpu_quantity: int
    vcpus: int | None = None
    ram_gb: float | None = None
    provisioning: str = "on-demand"
    region: str = ""


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """Every active part at one revision, with current prices and exchange rates. Immutable: shared by all requests."""

    revision: int
    rates: ExchangeRates
    gpus: Mapping[str, Gpu] = field(default_factory=dict)
    ram: Mapping[str, RamKit] = field(default_factory=dict)
    drives: Mapping[str, Drive] = field(default_factory=dict)
    platforms: Mapping[str, Platform] = field(default_factory=dict)
    cloud: Mapping[str, CloudOffer] = field(default_factory=dict)

    def __hash__(self) -> int:
        """Catalogues are compared by value, which begins with the revision; so what is derived from one can be kept."""
        return hash(self.revision)

    @cached_property
    def parts(self) -> Mapping[str, Part]:
        """Every part by its id, of whatever kind."""
        return {**self.gpus, **self.ram, **self.drives, **self.platforms, **self.cloud}
