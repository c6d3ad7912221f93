"""What makes a machine impossible, doubtful or worth a remark: tables of small rules, each with its reason and its remedy.

Seat rules (`seating`) ask whether so many of a card can be put into a platform and run there. Machine rules look at a finished machine
and the job on it, limit rules at what the person asked for. A machine is inside the limits where no rule gives a blocker.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from app.hardware import Gpu
from app.placement import Demand, Finding
from app.recommendation.machine import Machine
from app.recommendation.memory import balanced, has_ecc, kit_plugs_into
from app.recommendation.rules import Rule, findings
from app.recommendation.seating import CORES_PER_GPU, Seat, seat_findings
from app.recommendation.storage import bays_used, capacity_bytes, fits, free_bays, read_bytes_s
from app.units import GIB, TB, format_binary, format_decimal
from app.workloads.limits import Limits

STARVED_SHARE = 0.5  # below half of what the job reads, the drives and not the cards are the machine
IDLE_SHARE = 0.25  # a card of which the job uses less than this was bought for something else
TIGHT_RAM_SHARE = 0.9
LAVISH_RAM_FACTOR = 4
LAVISH_RAM_GB = 128
LAVISH_SSD_FACTOR = 4
LAVISH_SSD_BYTES = 4 * TB
LAVISH_CORES = 48
LAVISH_CORES_FACTOR = 4
ROOM_TO_SPARE = 3  # free places for double-width cards beyond which a smaller board would do

# What holds a job up, in the words of the speed model, and what would help. PCIe is the link between cards that have none of their own.
HELP_AGAINST: Mapping[str, tuple[str, str]] = {
    "compute": ("the arithmetic of the GPUs", "cards with more TFLOP/s, or more cards, make it faster; more memory bandwidth does not"),
    "memory bandwidth": ("the memory bandwidth of the GPUs", "cards with more GB/s or smaller formats make it faster; more TFLOP/s do not"),
    "interconnect": ("the exchange between the GPUs", "NVLink, more PCIe lanes, fewer and larger cards, or larger batches make it faster"),
    "host memory bandwidth": ("the bandwidth of the RAM", "more memory channels or faster modules make it faster, or all layers on GPUs"),
    "disk": ("the drives", "faster or more SSDs, or the data kept in RAM, make it faster; a better GPU does not"),
    "data loading": ("the processor, which prepares the data", "more cores or data prepared beforehand make it faster"),
    "fixed overhead": ("the software's fixed cost of a step", "larger batches or a compiled model make it faster"),
    "draft model": ("the draft model", "a smaller draft model makes it faster"),
}  # fmt: skip


class Trial(NamedTuple):
    """A machine, the job it is for and the limits it must keep."""

    machine: Machine
    demand: Demand
    limits: Limits


def _memory(trial: Trial) -> int:
    return trial.machine.gpu.visible_bytes if trial.machine.gpu else 0


def _modules(trial: Trial) -> int:
    return sum(kit.modules * quantity for kit, quantity in trial.machine.ram)


def _kits_gb(trial: Trial) -> int:
    return sum(kit.total_gb * quantity for kit, quantity in trial.machine.ram)


def needed_ram(trial: Trial) -> int:
    """RAM that the job takes: in a unified-memory system the GPU's share comes out of the same memory."""
    placement, gpu = trial.machine.placement, trial.machine.gpu
    return placement.host_bytes + (placement.gpu_bytes if gpu and gpu.unified_memory else 0)


def _reads(trial: Trial) -> int:
    return read_bytes_s(trial.machine.platform, trial.machine.ssd)


def _drives_below(trial: Trial, share: float) -> bool:
    return _reads(trial) < share * trial.machine.placement.read_bytes_per_second


def _ssd_capacity(trial: Trial) -> int:
    return capacity_bytes(trial.machine.ssd) + trial.machine.platform.included_ssd_bytes


def _too_little_storage(trial: Trial) -> bool:
    hot, total = trial.demand.ssd_bytes, trial.demand.ssd_bytes + trial.demand.hdd_bytes
    return _ssd_capacity(trial) < hot or _ssd_capacity(trial) + capacity_bytes(trial.machine.hdd) < total


def _idle_gpus(trial: Trial) -> int:
    """GPUs that come with a whole system and that the job cannot use."""
    machine = trial.machine
    return machine.gpu_quantity - machine.placement.sharding.gpus if machine.gpu and machine.platform.included_gpu else 0


def _free_places(trial: Trial) -> int:
    platform = trial.machine.platform
    return 0 if platform.included_gpu else platform.gpu_slots - trial.machine.gpu_quantity


def _lavish_ssd(trial: Trial) -> bool:
    capacity = capacity_bytes(trial.machine.ssd)
    return capacity >= LAVISH_SSD_BYTES and capacity > LAVISH_SSD_FACTOR * (trial.demand.ssd_bytes + trial.demand.hdd_bytes)


def _lavish_cores(trial: Trial) -> bool:
    machine = trial.machine
    wanted = LAVISH_CORES_FACTOR * CORES_PER_GPU * machine.gpu_quantity
    return bool(machine.gpu) and machine.platform.cpu_cores >= LAVISH_CORES and machine.platform.cpu_cores > wanted


def _bottleneck(trial: Trial) -> str:
    return trial.machine.placement.speed.bottleneck


def _drive_reason(trial: Trial) -> str:
    needed = trial.machine.placement.read_bytes_per_second
    return f"the job reads {format_decimal(needed)}/s and the SSDs sustain {format_decimal(_reads(trial))}/s"


MACHINE_RULES: tuple[Rule[Trial], ...] = (
    Rule(
        code="gpu-memory", severity="blocker", broken=lambda t: bool(t.machine.gpu) and t.machine.placement.gpu_bytes > _memory(t),
        reason=lambda t: f"the job needs {format_binary(t.machine.placement.gpu_bytes)} on each GPU, of which {format_binary(_memory(t))} "
        "are there",
        remedy="a card with more memory, more cards, or one of the changes that make it fit",
    ),
    Rule(
        code="gpu-memory-tight", severity="caution",
        broken=lambda t: t.machine.placement.gpu_bytes <= _memory(t) < t.machine.placement.gpu_bytes_high,
        reason=lambda t: f"the job may need up to {format_binary(t.machine.placement.gpu_bytes_high)}, more than the "
        f"{format_binary(_memory(t))} of the card",
        remedy="keep a smaller batch or context in reserve, or choose the next larger card",
    ),
    Rule(
        code="ram", severity="blocker", broken=lambda t: t.machine.ram_bytes < needed_ram(t),
        reason=lambda t: f"the job needs {format_binary(needed_ram(t))} of RAM, and the machine has {format_binary(t.machine.ram_bytes)}",
        remedy="more or larger memory modules, or a platform that takes them",
    ),
    Rule(
        code="ram-type", severity="blocker",
        broken=lambda t: any(not kit_plugs_into(kit, t.machine.platform) for kit, _ in t.machine.ram),
        reason=lambda t: f"{t.machine.platform.name} takes {t.machine.platform.memory_type} {t.machine.platform.memory_form}",
        remedy="choose modules of that type",
    ),
    Rule(
        code="dimm-slots", severity="blocker", broken=lambda t: _modules(t) > t.machine.platform.dimm_slots,
        reason=lambda t: f"{_modules(t)} modules for {t.machine.platform.dimm_slots} slots",
        remedy="use larger modules",
    ),
    Rule(
        code="channel-balance", severity="blocker", broken=lambda t: not balanced(_modules(t), t.machine.platform.memory_channels),
        reason=lambda t: f"{_modules(t)} modules fill the {t.machine.platform.memory_channels} memory channels unevenly",
        remedy="use an even number of modules",
    ),
    Rule(
        code="most-memory", severity="blocker", broken=lambda t: _kits_gb(t) > t.machine.platform.max_memory_gb,
        reason=lambda t: f"{t.machine.platform.name} takes at most {t.machine.platform.max_memory_gb} GB",
        remedy="use a platform that takes more memory",
    ),
    Rule(
        code="storage", severity="blocker", broken=_too_little_storage,
        reason=lambda t: f"the job keeps {format_decimal(t.demand.ssd_bytes)} on SSDs and {format_decimal(t.demand.hdd_bytes)} cold",
        remedy="larger or more drives, or fewer checkpoints",
    ),
    Rule(
        code="drive-bays", severity="blocker",
        broken=lambda t: not fits(bays_used((*t.machine.ssd, *t.machine.hdd)), free_bays(t.machine.platform)),
        reason=lambda t: f"{t.machine.platform.name} has no bays for so many drives",
        remedy="use fewer, larger drives",
    ),
    Rule(
        code="drive-speed", severity="blocker", broken=lambda t: _drives_below(t, STARVED_SHARE), reason=_drive_reason,
        remedy="faster SSDs or more of them, a smaller data format, or data kept in RAM",
    ),
    Rule(
        code="drives-hold-up", severity="caution",
        broken=lambda t: _drives_below(t, 1) and not _drives_below(t, STARVED_SHARE), reason=_drive_reason,
        remedy="faster SSDs or more of them would raise the speed",
    ),
    Rule(
        code="memory-channels", severity="caution", broken=lambda t: 0 < _modules(t) * 2 < t.machine.platform.memory_channels,
        reason=lambda t: f"{_modules(t)} memory {'module' if _modules(t) == 1 else 'modules'} on "
        f"{t.machine.platform.memory_channels} channels",
        remedy="the processor reads memory at a fraction of its speed; populate at least half of the channels for work on the processor",
    ),
    Rule(
        code="ram-tight", severity="note", broken=lambda t: t.machine.ram_bytes * TIGHT_RAM_SHARE < needed_ram(t) <= t.machine.ram_bytes,
        reason=lambda t: f"the job takes {needed_ram(t) / t.machine.ram_bytes:.0%} of the RAM",
        remedy="close other programs, or take the next larger kit",
    ),
    Rule(
        code="lavish-gpu", severity="note",
        broken=lambda t: bool(t.machine.gpu) and t.machine.placement.gpu_bytes < IDLE_SHARE * _memory(t),
        reason=lambda t: f"the job uses {t.machine.gpu_memory_utilisation:.0%} of the GPU's memory",
        remedy="a smaller card would do, unless larger jobs are to come",
    ),
    Rule(
        code="lavish-ram", severity="note",
        broken=lambda t: t.machine.ram_bytes >= LAVISH_RAM_GB * GIB and t.machine.ram_bytes > LAVISH_RAM_FACTOR * needed_ram(t),
        reason=lambda t: f"the job uses {needed_ram(t) / t.machine.ram_bytes:.0%} of the RAM",
        remedy="less would do, where the platform can be had with less",
    ),
    Rule(
        code="lavish-ssd", severity="note", broken=_lavish_ssd,
        reason=lambda t: f"the job keeps {format_decimal(t.demand.ssd_bytes + t.demand.hdd_bytes)} on "
        f"{format_decimal(capacity_bytes(t.machine.ssd))} of SSDs",
        remedy="smaller drives would do",
    ),
    Rule(
        code="lavish-cpu", severity="note", broken=_lavish_cores,
        reason=lambda t: f"{t.machine.platform.cpu_cores} processor cores for {t.machine.gpu_quantity} "
        f"{'GPU' if t.machine.gpu_quantity == 1 else 'GPUs'}, which need about {CORES_PER_GPU} each",
        remedy="a processor with fewer cores would do; this one is here for its lanes or slots, or because it is cheap",
    ),
    Rule(
        code="lavish-board", severity="note", broken=lambda t: bool(t.machine.gpu) and _free_places(t) >= ROOM_TO_SPARE,
        reason=lambda t: f"{t.machine.platform.name} has room for {_free_places(t)} more cards",
        remedy="a smaller board would do, unless more cards are to come",
    ),
    Rule(
        code="lavish-gpus", severity="caution", broken=lambda t: _idle_gpus(t) > 0,
        reason=lambda t: f"{_idle_gpus(t)} of the {t.machine.gpu_quantity} GPUs of {t.machine.platform.name} stand idle: the job cannot be "
        "spread over all of them",
        remedy="a system with fewer GPUs would do, or other jobs beside this one",
    ),
    Rule(
        code="bottleneck", severity="note", broken=lambda t: _bottleneck(t) in HELP_AGAINST,
        reason=lambda t: f"what limits the speed is {HELP_AGAINST[_bottleneck(t)][0]}",
        remedy=lambda t: HELP_AGAINST[_bottleneck(t)][1],
    ),
)  # fmt: skip


def _of_other_vendor(trial: Trial) -> bool:
    return trial.machine.gpu is not None and not vendor_accepted(trial.machine.gpu, trial.limits)


def vendor_accepted(gpu: Gpu, limits: Limits) -> bool:
    """Whether the person takes GPUs of this maker."""
    return not limits.vendors or gpu.vendor.lower() in limits.vendors


def form_accepted(gpu: Gpu, limits: Limits) -> bool:
    """Whether the person takes GPUs of this form."""
    return not limits.form_factors or gpu.form_factor in limits.form_factors


LIMIT_RULES: tuple[Rule[Trial], ...] = (
    Rule(
        code="vendor", severity="blocker", broken=_of_other_vendor,
        reason=lambda t: f"GPUs of {t.machine.gpu.vendor if t.machine.gpu else ''} are not among the makers asked for",
        remedy="allow that maker",
    ),
    Rule(
        code="form-factor-limit", severity="blocker",
        broken=lambda t: t.machine.gpu is not None and not form_accepted(t.machine.gpu, t.limits),
        reason=lambda t: f"GPUs of the form '{t.machine.gpu.form_factor if t.machine.gpu else ''}' were not asked for",
        remedy="allow that form",
    ),
    Rule(
        code="ecc", severity="blocker", broken=lambda t: t.limits.ecc and not has_ecc(t.machine.platform, t.machine.ram),
        reason=lambda t: f"the memory of {t.machine.platform.name} does not correct errors",
        remedy="use a platform and modules with ECC, or do without",
    ),
    Rule(
        code="most-gpus", severity="blocker", broken=lambda t: t.machine.gpu_quantity > t.limits.max_gpus,
        reason=lambda t: f"{t.machine.gpu_quantity} GPUs are more than the {t.limits.max_gpus} allowed",
        remedy="allow more GPUs",
    ),
    Rule(
        code="watts", severity="blocker", broken=lambda t: t.limits.max_watts is not None and t.machine.power_w > t.limits.max_watts,
        reason=lambda t: f"about {t.machine.power_w:,} W are more than the {t.limits.max_watts:,} W allowed",
        remedy="allow more power, or choose more frugal cards",
    ),
    Rule(
        code="budget", severity="blocker", broken=lambda t: t.limits.budget is not None and t.machine.total > t.limits.budget.money,
        reason=lambda t: f"{t.machine.total} is {t.machine.total - t.limits.budget.money if t.limits.budget else 0} over the budget",
        remedy="raise the budget, or use one of the changes that make the job smaller",
    ),
)  # fmt: skip


def findings_for(
    machine: Machine, demand: Demand, limits: Limits, of_seat: Callable[[Seat], tuple[Finding, ...]] = seat_findings
) -> tuple[Finding, ...]:
    """What all rules say of a machine, and what the placement itself says: seat, machine, limits, placement."""
    seat = Seat(machine.platform, machine.gpu, machine.gpu_quantity)
    return (*of_seat(seat), *findings(TRIAL_RULES, Trial(machine, demand, limits)), *machine.placement.findings)


TRIAL_RULES = (*MACHINE_RULES, *LIMIT_RULES)
