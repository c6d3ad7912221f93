"""What forbids a part: the part itself is asked, then the limits, the job's need and the platforms, as a person would."""

from collections.abc import Iterator

from app.hardware import Gpu, Part, Platform, RamKit
from app.placement import Finding
from app.recommendation.constraints import form_accepted, vendor_accepted
from app.recommendation.loads import Load
from app.recommendation.market import Market
from app.recommendation.memory import kit_plugs_into, most_kits
from app.recommendation.search import Exploration
from app.recommendation.seating import Seat, seat_blocker
from app.units import format_binary, format_decimal
from app.workloads.limits import Limits


def ruled_out(part: Part, alone: Exploration) -> Finding:
    """The first thing that forbids the part. `alone`: a search with it as the only one of its kind, which found no machine with it."""
    return next(finding for finding in _reasons(part, alone) if finding)


def _reasons(part: Part, alone: Exploration) -> Iterator[Finding | None]:
    """What can rule a part out, in the order in which a person would ask."""
    yield _not_to_be_had(part, alone)
    if isinstance(part, Gpu):
        yield _unwanted_gpu(part, alone.limits)
        yield _gpu_does_not_run_it(part, alone)
        yield _no_seat(part, alone.market)
    elif isinstance(part, RamKit):
        yield _kit_without_platform(part, alone.market)
    elif isinstance(part, Platform):
        yield _platform_does_not_run_it(part, alone)
    if isinstance(part, Gpu | Platform):
        yield _rest_is_missing(alone)
    yield _nothing_to_run(alone)
    yield _blocker("not-needed", f"no machine for this job uses {part.name}: it needs other or larger parts, or none of the kind")


def _blocker(code: str, message: str, remedy: str = "") -> Finding:
    return Finding(severity="blocker", code=code, message=message, remedy=remedy)


def _not_to_be_had(part: Part, alone: Exploration) -> Finding | None:
    if isinstance(part, Gpu) and any(site.platform.included_gpu == part.id for site in alone.market.sites):
        return None
    if part.id in alone.market.offers:
        return None
    if alone.limits.ecc and not getattr(part, "ecc", True):
        return _blocker("ecc", f"the memory of {part.name} does not correct errors, which the limits ask for", "do without ECC")
    if not part.active:
        return _blocker("retired", f"{part.name} is no longer in the catalogue's offer")
    if isinstance(part, Gpu) and not part.purchasable:
        return _blocker("not-sold", f"{part.name} is rented or announced, but not sold", "see the offers to rent")
    wanted = "" if alone.limits.condition == "any" else f" in the condition '{alone.limits.condition}'"
    return _blocker("no-price", f"the catalogue has no current price of {part.name}{wanted}", "accept any condition, or add a price")


def _unwanted_gpu(gpu: Gpu, limits: Limits) -> Finding | None:
    if not vendor_accepted(gpu, limits):
        return _blocker("vendor", f"{gpu.name} is made by {gpu.vendor}, which the limits leave out", "allow that maker")
    if not form_accepted(gpu, limits):
        return _blocker("form-factor-limit", f"{gpu.name} has the form '{gpu.form_factor}', which the limits leave out", "allow that form")
    if not limits.max_gpus:
        return _blocker("most-gpus", "the limits allow no GPU", "allow one")
    return None


def _gpu_does_not_run_it(gpu: Gpu, alone: Exploration) -> Finding | None:
    loads = alone.loads
    if not alone.demand.needs_gpu:
        return _blocker("no-gpu-needed", "the job runs on the processor and does not use a GPU")
    if any(load.choice.gpu for load in loads.fitting):
        return None
    if loads.short:
        nearest = min(loads.short, key=lambda load: load.missing_bytes)
        need, there = format_binary(nearest.placement.gpu_bytes), format_binary(gpu.visible_bytes)
        most = nearest.choice.quantity
        too_small = f"{gpu.name} is too small" if most == 1 else f"even {most} x {gpu.name} are too small"
        message = f"{too_small}: the job needs {need} on each, of which {there} are there"
        return _blocker("gpu-memory", message, "use one of the changes that make the job smaller")
    refusal = next((refusal for refusal in reversed(loads.refused)), None)
    return _blocker(refusal.code, f"{gpu.name}: {refusal.reason}") if refusal and alone.market.most(gpu) else None


def _no_seat(gpu: Gpu, market: Market) -> Finding | None:
    """Asked of the platform with the most room for cards."""
    if any(site.platform.included_gpu == gpu.id for site in market.sites) or market.most(gpu):
        return None
    if gpu.form_factor != "pcie":
        message = f"{gpu.name} is only sold inside whole systems, of which none has a current price"
        return _blocker("form-factor", message, "add a price of such a system")
    roomiest = max(market.boards, key=lambda site: (site.platform.gpu_slots, site.platform.psu_w, -site.cost), default=None)
    return seat_blocker(Seat(roomiest.platform, gpu, 1)) if roomiest else _blocker("no-platform", "no platform is for sale")


def _kit_without_platform(kit: RamKit, market: Market) -> Finding | None:
    platforms = [site.platform for site in market.sites if kit_plugs_into(kit, site.platform)]
    if not platforms:
        return _blocker("ram-type", f"no platform that can be had takes {kit.memory_type} {kit.form} modules")
    most = max(most_kits(kit, platform) * kit.total_gb for platform in platforms)
    return None if most else _blocker("dimm-slots", f"{kit.name} has more modules than any platform has slots for")


def _platform_does_not_run_it(platform: Platform, alone: Exploration) -> Finding | None:
    loads = alone.loads
    if loads.fitting:
        return None
    if loads.short:
        nearest = min(loads.short, key=lambda load: (load.missing_bytes, load.choice.gpu_id))
        lacking = format_binary(nearest.missing_bytes)
        message = f"no GPU that fits {platform.name} has enough memory: {_gpus(nearest)} lacks {lacking}"
        return _blocker("gpu-memory", message, "use a platform for more cards")
    return None if platform.gpu_slots else _blocker("gpu-slots", f"{platform.name} takes no GPU card")


def _rest_is_missing(alone: Exploration) -> Finding | None:
    """Asked of the smallest load that fits its GPUs: then RAM, drives or the power allowed are what no platform has."""
    if not alone.loads.fitting:
        return None
    load = min(alone.loads.fitting, key=lambda load: (load.choice.quantity, load.choice.cost, load.choice.gpu_id))
    drives = format_decimal(alone.demand.ssd_bytes + alone.demand.hdd_bytes)
    power = f" within {alone.limits.max_watts:,} W" if alone.limits.max_watts else ""
    message = f"no machine with it can be given {format_binary(load.ram_bytes)} of RAM and {drives} of drives{power}"
    return _blocker("parts", message, "widen the limits, or make the job smaller")


def _gpus(load: Load) -> str:
    return f"{load.choice.quantity} x {load.choice.gpu.name}" if load.choice.gpu else "the processor"


def _nothing_to_run(alone: Exploration) -> Finding | None:
    loads = alone.loads
    if loads.fitting or loads.short or not loads.refused:
        return None
    return _blocker(loads.refused[-1].code, loads.refused[-1].reason)
