"""How many of a card a platform takes: slots, widths, lanes, power supply, cooling, as a table of rules."""

from typing import NamedTuple

from app.hardware import Gpu, Platform
from app.placement import Finding
from app.recommendation.power import OUTLET_120V_W, OUTLET_230V_W, PSU_COMFORTABLE_SHARE, PSU_MOST_SHARE, machine_power_w
from app.recommendation.rules import Rule, findings

SYSTEM_DRIVE_LANES = 4  # the first M.2 slot hangs on the processor; further ones on the chipset
LANE_WIDTHS = (16, 8, 4)
FEWEST_LANES = 4
# A board with room for k double-width cards has its x16 slots at least two apart and usually three, and its case reaches past the
# last one (ATX: seven positions, cases seven to nine), so two three-slot cards do go where two double-width cards are foreseen.
SPARE_SLOTS = 2
THICK_CARD_SLOTS = 2
HOT_CARD_W = 300
OFFICE_CLASSES = frozenset({"desktop", "hedt", "workstation", "egpu"})  # no server fans that push air through passive cards
CORES_PER_GPU = 4  # one feeds the card, the others load and prepare its data


class Seat(NamedTuple):
    """So many of a card in a platform."""

    platform: Platform
    gpu: Gpu | None
    quantity: int


def lanes_per_card(platform: Platform, gpu: Gpu, quantity: int) -> int:
    """PCIe lanes that each card gets: the widest link that the processor can give to all of them, 0 where not even x4."""
    shared = platform.m2_slots and platform.pcie_lanes > SYSTEM_DRIVE_LANES  # else a single external link
    free = platform.pcie_lanes - (SYSTEM_DRIVE_LANES if shared else 0)
    width = next((lanes for lanes in LANE_WIDTHS if lanes * quantity <= free), 0)
    return min(width, wanted_lanes(gpu))


def wanted_lanes(gpu: Gpu) -> int:
    """The lanes that the card can use."""
    return gpu.pcie_lanes or LANE_WIDTHS[0]


def _card(seat: Seat) -> Gpu | None:
    """The GPU where it is a card that is plugged in; None where it is absent or part of the platform."""
    return None if seat.gpu is None or seat.platform.included_gpu == seat.gpu.id else seat.gpu


def _out_of_place(seat: Seat) -> bool:
    included = seat.platform.included_gpu
    if seat.gpu is None:
        return False
    return seat.gpu.id != included if included else seat.gpu.form_factor != "pcie"


def _too_many_cards(seat: Seat) -> bool:
    most = seat.platform.gpu_slots if _card(seat) else seat.platform.included_gpu_quantity
    return seat.gpu is not None and seat.quantity > most


def _too_wide(seat: Seat) -> bool:
    card = _card(seat)
    return card is not None and seat.quantity * card.slots > 2 * seat.platform.gpu_slots + SPARE_SLOTS


def _lanes(seat: Seat) -> int:
    card = _card(seat)
    return lanes_per_card(seat.platform, card, seat.quantity) if card else 0


def _lanes_below(seat: Seat, lanes: int) -> bool:
    card = _card(seat)
    return card is not None and seat.platform.pcie_lanes > 0 and _lanes(seat) < min(lanes, wanted_lanes(card))


def _older_link(seat: Seat) -> bool:
    card = _card(seat)
    return bool(card and card.pcie_gen and seat.platform.pcie_gen and seat.platform.pcie_gen < card.pcie_gen)


def _power(seat: Seat) -> int:
    return machine_power_w(*seat)


def _cards_power(seat: Seat) -> int:
    return seat.quantity * seat.gpu.power_w if seat.gpu else 0


def _load_above(seat: Seat, share: float) -> bool:
    """Whether the load is over this share of the power supply; whole systems come with one that suffices."""
    platform = seat.platform
    return platform.psu_w > 0 and not platform.included_gpu and _power(seat) > share * platform.psu_w


def _thick_neighbours(seat: Seat) -> bool:
    card = _card(seat)
    return card is not None and seat.quantity > 1 and card.slots > THICK_CARD_SLOTS


def _hot_neighbours(seat: Seat) -> bool:
    card = _card(seat)
    return card is not None and seat.quantity > 1 and card.power_w >= HOT_CARD_W and seat.platform.platform_class in OFFICE_CLASSES


def _passive_in_office(seat: Seat) -> bool:
    card = _card(seat)
    return card is not None and card.segment == "datacenter" and seat.platform.platform_class in OFFICE_CLASSES


def _card_name(seat: Seat) -> str:
    return seat.gpu.name if seat.gpu else "card"


def _name(seat: Seat) -> str:
    return f"{seat.quantity} x {_card_name(seat)}"


def _lanes_reason(seat: Seat) -> str:
    width = f"x{_lanes(seat)}" if _lanes(seat) else "less than x4"
    return f"{seat.platform.name} has {seat.platform.pcie_lanes} PCIe lanes, so that each of {_name(seat)} gets {width}"


SEAT_RULES: tuple[Rule[Seat], ...] = (
    Rule(
        code="form-factor", severity="blocker", broken=_out_of_place,
        reason=lambda seat: f"{_name(seat)} cannot go into {seat.platform.name}",
        remedy="use a PCIe card in a board with card slots, or the system that is sold with this GPU",
    ),
    Rule(
        code="idle-gpus", severity="blocker", broken=lambda seat: seat.gpu is None and seat.platform.included_gpu_quantity > 1,
        reason=lambda seat: f"{seat.platform.name} comes with {seat.platform.included_gpu_quantity} GPUs, which would stand idle",
        remedy="use a platform without GPUs",
    ),
    Rule(
        code="gpu-slots", severity="blocker", broken=_too_many_cards,
        reason=lambda seat: f"{seat.platform.name} has room for {seat.platform.gpu_slots} double-width cards, not for {_name(seat)}",
        remedy="use fewer cards, or a workstation or server board",
    ),
    Rule(
        code="card-width", severity="blocker", broken=_too_wide,
        reason=lambda seat: f"{_name(seat)} are too thick to sit side by side in {seat.platform.name}",
        remedy="use two-slot versions of the card, or a board with wider spacing",
    ),
    Rule(
        code="pcie-lanes", severity="blocker", broken=lambda seat: _lanes_below(seat, FEWEST_LANES), reason=_lanes_reason,
        remedy="use fewer cards or a processor with more lanes",
    ),
    Rule(
        code="power-supply", severity="blocker", broken=lambda seat: _load_above(seat, PSU_MOST_SHARE),
        reason=lambda seat: f"the machine draws about {_power(seat):,} W; the {seat.platform.psu_w:,} W supply of {seat.platform.name} "
        f"can carry {PSU_MOST_SHARE:.0%} of its rating for long",
        remedy="use a stronger power supply, or fewer or more frugal cards",
    ),
    Rule(
        code="power-supply-tight", severity="caution",
        broken=lambda seat: _load_above(seat, PSU_COMFORTABLE_SHARE) and not _load_above(seat, PSU_MOST_SHARE),
        reason=lambda seat: f"about {_power(seat):,} W of load leave a {seat.platform.psu_w:,} W supply little room for peaks",
        remedy="set a power limit on the cards or fit a stronger supply",
    ),
    Rule(
        code="pcie-x4", severity="caution",
        broken=lambda seat: _lanes_below(seat, 8) and not _lanes_below(seat, FEWEST_LANES), reason=_lanes_reason,
        remedy="fine for inference on one card; for training over several cards choose a processor with more lanes",
    ),
    Rule(
        code="pcie-x8", severity="note",
        broken=lambda seat: _lanes_below(seat, 16) and not _lanes_below(seat, 8), reason=_lanes_reason,
        remedy="loading is slower; steady inference and single-card training hardly notice",
    ),
    Rule(
        code="pcie-generation", severity="note", broken=_older_link,
        reason=lambda seat: f"{seat.platform.name} has PCIe {seat.platform.pcie_gen}, {_card_name(seat)} could use PCIe "
        f"{seat.gpu.pcie_gen if seat.gpu else ''}: each lane carries half as much with every generation less",
        remedy="felt where layers stay in RAM or cards exchange gradients; inference on one card hardly notices",
    ),
    Rule(
        code="thick-cards", severity="caution", broken=_thick_neighbours,
        reason=lambda seat: f"each {_card_name(seat)} takes more than {THICK_CARD_SLOTS} slots",
        remedy="check the spacing of the board's slots; risers or two-slot versions help",
    ),
    Rule(
        code="cooling", severity="caution", broken=_hot_neighbours,
        reason=lambda seat: f"{_name(seat)} give off {_cards_power(seat):,} W next to each other",
        remedy="use blower or water-cooled versions, or leave a slot between the cards",
    ),
    Rule(
        code="passive-cooling", severity="blocker", broken=_passive_in_office,
        reason=lambda seat: f"{_card_name(seat)} has no fan of its own: outside the air stream of a server it overheats in minutes",
        remedy="choose a server, or a card with fans",
    ),
    Rule(
        code="several-outlets", severity="caution", broken=lambda seat: _power(seat) > OUTLET_230V_W,
        reason=lambda seat: f"about {_power(seat):,} W is more than one ordinary outlet gives, even at 230 V",
        remedy="plan dedicated circuits",
    ),
    Rule(
        code="outlet-120v", severity="caution", broken=lambda seat: OUTLET_120V_W < _power(seat) <= OUTLET_230V_W,
        reason=lambda seat: f"about {_power(seat):,} W is more than a 120 V outlet gives",
        remedy="use a 230 V outlet or set a power limit on the cards",
    ),
    Rule(
        code="cpu-cores", severity="note",
        broken=lambda seat: seat.gpu is not None and seat.platform.cpu_cores < CORES_PER_GPU * seat.quantity,
        reason=lambda seat: f"{seat.platform.cpu_cores} processor cores have to feed {_name(seat)}",
        remedy="data that is prepared on the fly may hold the cards up; prepare it beforehand",
    ),
)  # fmt: skip


def seat_findings(seat: Seat) -> tuple[Finding, ...]:
    """What the seat rules say."""
    return findings(SEAT_RULES, seat)


def seat_blocker(seat: Seat) -> Finding | None:
    """The first seat rule that forbids it."""
    return next((rule.finding(seat) for rule in BLOCKING if rule.broken(seat)), None)


def cards_that_fit(platform: Platform, gpu: Gpu) -> int:
    """The most of this card that the platform takes: every blocking rule is harder to keep with each further card."""
    count = 0
    while not any(rule.broken(Seat(platform, gpu, count + 1)) for rule in BLOCKING):
        count += 1
    return count


BLOCKING = tuple(rule for rule in SEAT_RULES if rule.severity == "blocker")
