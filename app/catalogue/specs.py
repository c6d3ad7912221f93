"""What is recorded about each kind of part: the fields of its specification, their units and their limits.

The field names are the columns of `seed_data/`, of an import and of the stored specification; `part_fields` turns them
into the arguments of the dataclasses in `app.hardware`.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from app.hardware import PartKind
from app.units import GB, MIB


def _nothing_for_empty(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


def _zero_for_empty(value: object) -> object:
    return 0 if _nothing_for_empty(value) is None else value


Maybe = BeforeValidator(_nothing_for_empty)
OrZero = BeforeValidator(_zero_for_empty)
Text = Annotated[str, Field(max_length=200)]
Slug = Annotated[str, Field(pattern=r"^([a-z0-9][a-z0-9.-]*)?$", max_length=120)]
Rate = Annotated[Annotated[float, Field(gt=0, le=10**8)] | None, Maybe]
Count = Annotated[int, OrZero, Field(ge=0, le=4096)]
Watts = Annotated[int, OrZero, Field(ge=0, le=100_000)]
LinkRate = Annotated[float, OrZero, Field(ge=0, le=10**5)]
PcieGeneration = Annotated[Annotated[int, Field(ge=1, le=8)] | None, Maybe]
PcieLanes = Annotated[Annotated[int, Field(ge=1, le=16)] | None, Maybe]
MemoryType = Literal["DDR4", "DDR5", "LPDDR5", "LPDDR5X"]


class Spec(BaseModel):
    """The specification of one part. Text, numbers and booleans may come as text; an empty cell means "not known"."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    def part_fields(self) -> dict[str, Any]:
        """The arguments of the part's dataclass that come from the specification."""
        return self.model_dump()


class GpuSpec(Spec):
    """A graphics card, module or the GPU of a whole system, as one device that a framework sees."""

    segment: Literal["consumer", "workstation", "datacenter", "unified"]
    architecture: Text
    launched: Annotated[str, Field(pattern=r"^(\d{4}-\d{2}-\d{2})?$")] = ""
    memory_gb: Annotated[int, Field(ge=1, le=4096)]
    memory_type: Text
    visible_mib: Annotated[int, Field(ge=1)]  # what the driver lets programs use
    visible_source: Annotated[str, Field(min_length=1, max_length=300)]
    bandwidth_gb_s: Annotated[float, Field(gt=0, le=10**6)]
    fp32_tflops: Rate = None
    fp16_tflops: Rate = None
    bf16_tflops: Rate = None
    fp8_tflops: Rate = None
    int8_tops: Rate = None
    rate_basis: Text = ""
    power_w: Watts = 0
    slots: Annotated[float, OrZero, Field(ge=0, le=8)] = 0
    form_factor: Literal["pcie", "sxm", "oam", "system"]
    pcie_gen: PcieGeneration = None
    pcie_lanes: PcieLanes = None
    link_gb_s: LinkRate = 0.0
    compute_capability: Annotated[str, Field(pattern=r"^(\d+\.\d)?$")] = ""
    supports_bf16: bool
    supports_fp8: bool
    purchasable: bool
    lifecycle: Literal["new", "used", "eol"]  # whether shops still sell it new

    _not_in_part: ClassVar[frozenset[str]] = frozenset({"visible_mib", "visible_source", "rate_basis", "lifecycle"})

    @model_validator(mode="after")
    def _visible_below_sold(self) -> "GpuSpec":
        if self.visible_mib > self.memory_gb * 1024:
            raise ValueError(f"visible_mib {self.visible_mib} is more than the {self.memory_gb} GB that the part is sold with")
        return self

    def part_fields(self) -> dict[str, Any]:
        """As the dataclass wants them: visible memory in bytes."""
        return {**self.model_dump(exclude=set(self._not_in_part)), "visible_bytes": self.visible_mib * MIB}


class RamSpec(Spec):
    """A kit of memory modules."""

    memory_type: MemoryType
    form: Literal["UDIMM", "RDIMM", "SODIMM", "soldered"]
    modules: Annotated[int, Field(ge=1, le=32)]
    module_gb: Annotated[int, Field(ge=1, le=1024)]
    speed_mt_s: Annotated[int, Field(ge=1600, le=20_000)]
    ecc: bool


class DriveSpec(Spec):
    """An SSD or a hard disk."""

    medium: Literal["ssd", "hdd"]
    grade: Literal["consumer", "nas", "enterprise"]
    capacity_gb: Annotated[int, Field(ge=1, le=10**6)]
    interface: Literal["m2", "u2", "sata"]
    pcie_gen: PcieGeneration = None
    recording: Text = ""  # TLC, QLC; CMR, SMR
    read_mb_s: Rate = None
    write_mb_s: Rate = None
    read_iops: Rate = None
    endurance_tbw: Rate = None
    rotation_rpm: Annotated[int, OrZero, Field(ge=0, le=20_000)] = 0

    def part_fields(self) -> dict[str, Any]:
        """As the dataclass wants them: capacity in bytes."""
        kept = self.model_dump(exclude={"medium", "capacity_gb", "pcie_gen", "recording", "rotation_rpm"})
        return {**kept, "kind": self.medium, "capacity_bytes": self.capacity_gb * GB}


class PlatformSpec(Spec):
    """Board, processor, power supply and case; or a whole system."""

    platform_class: Annotated[str, Field(min_length=1, max_length=40)]
    cpu: Text = ""
    cpu_sockets: Annotated[int, Field(ge=1, le=8)]
    cpu_cores: Annotated[int, Field(ge=1, le=1024)]
    memory_type: MemoryType
    memory_form: Literal["UDIMM", "RDIMM", "SODIMM", ""]
    memory_channels: Annotated[int, Field(ge=1, le=64)]
    dimm_slots: Count
    max_memory_gb: Annotated[int, Field(ge=1, le=65_536)]
    ecc: bool
    pcie_gen: PcieGeneration = None
    pcie_lanes: Count = 0
    gpu_slots: Count
    m2_slots: Count
    sata_bays: Count
    u2_bays: Count
    psu_w: Watts = 0
    included_gpu: Slug = ""
    included_gpu_quantity: Count = 0
    included_ram_gb: Annotated[int, OrZero, Field(ge=0, le=65_536)] = 0
    included_ssd_gb: Annotated[int, OrZero, Field(ge=0, le=10**6)] = 0
    link_gb_s: LinkRate = 0.0

    @model_validator(mode="after")
    def _consistent(self) -> "PlatformSpec":
        if bool(self.included_gpu) != bool(self.included_gpu_quantity):
            raise ValueError("included_gpu and included_gpu_quantity must be given together")
        if self.included_ram_gb > self.max_memory_gb:
            raise ValueError("included_ram_gb is more than max_memory_gb")
        return self

    def part_fields(self) -> dict[str, Any]:
        """As the dataclass wants them: the included drive in bytes."""
        return {**self.model_dump(exclude={"included_ssd_gb"}), "included_ssd_bytes": self.included_ssd_gb * GB}


class CloudSpec(Spec):
    """A rented machine; its prices are per hour."""

    provider: Annotated[str, Field(min_length=1, max_length=80)]
    gpu: Slug = ""
    gpu_quantity: Annotated[int, Field(ge=1, le=1024)]
    vcpus: Annotated[Annotated[int, Field(ge=1, le=4096)] | None, Maybe] = None
    ram_gb: Rate = None
    provisioning: Annotated[str, Field(min_length=1, max_length=40)]
    region: Text = ""
    instance: Text = ""

    def part_fields(self) -> dict[str, Any]:
        """All but the provider's own name of the machine."""
        return self.model_dump(exclude={"instance"})


SPECS: dict[PartKind, type[Spec]] = {
    "gpu": GpuSpec,
    "ram": RamSpec,
    "drive": DriveSpec,
    "platform": PlatformSpec,
    "cloud": CloudSpec,
}
