"""What a machine draws under load: its cards at their board power, its processors, and everything else."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.hardware import Gpu, Platform


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerClass:
    """Watts of one kind of platform beside its cards."""

    cpu_w: int  # sustained package power of one processor
    rest_w: int  # board, memory, drives, fans
    share_of_gpus: float = 0.0  # what grows with the cards: switches, network cards, fans


# Package powers are the makers' figures for the class: AM5 170 W TDP (AMD Ryzen 9 9950X), LGA1700/1851 125 W base to 253 W turbo,
# Threadripper 350 W, EPYC 9004 200 to 400 W and 7003 120 to 280 W, Xeon Platinum 8480+ 350 W.
# HGX: DGX H100 draws 10.2 kW with 8 x 700 W cards and 2 x 350 W processors, DGX B200 14.3 kW with 8 x 1,000 W: in both cases
# the rest is 0.70 of the cards' power (NVIDIA's data sheets).
POWER_CLASSES: Mapping[str, PowerClass] = {
    "desktop": PowerClass(cpu_w=170, rest_w=60),
    "entry-server": PowerClass(cpu_w=170, rest_w=60),
    "egpu": PowerClass(cpu_w=45, rest_w=30),
    "system": PowerClass(cpu_w=0, rest_w=30),  # one chip holds processor and GPU, whose power is that of the chip
    "hedt": PowerClass(cpu_w=350, rest_w=80),
    "workstation": PowerClass(cpu_w=350, rest_w=100),
    "server": PowerClass(cpu_w=240, rest_w=120),
    "gpu-server": PowerClass(cpu_w=350, rest_w=400),
    "hgx": PowerClass(cpu_w=350, rest_w=0, share_of_gpus=0.70),
}
DEFAULT_CLASS = PowerClass(cpu_w=170, rest_w=80)
INTEGRATED_CHIP_W = 65  # of a mini system whose GPU is not used; Apple M4 and Ryzen mini systems are sold with 65 W chips

# A power supply keeps room for load peaks: makers ask for 1,000 W with a 575 W RTX 5090 and 850 W with a 450 W RTX 4090 beside
# a 150 W processor, which is 75 to 80 % of its rating; above 90 % a transient of the cards may switch it off.
PSU_COMFORTABLE_SHARE = 0.8
PSU_MOST_SHARE = 0.9

OUTLET_120V_W = 1800  # 15 A
OUTLET_230V_W = 3000  # 13 A


def machine_power_w(platform: Platform, gpu: Gpu | None, quantity: int) -> int:
    """Watts under full load of `quantity` of `gpu` on `platform`."""
    kind = POWER_CLASSES.get(platform.platform_class, DEFAULT_CLASS)
    cards = quantity * gpu.power_w if gpu else 0
    chip = INTEGRATED_CHIP_W if platform.included_gpu and not cards else 0
    return round(cards * (1 + kind.share_of_gpus)) + platform.cpu_sockets * kind.cpu_w + kind.rest_w + chip
