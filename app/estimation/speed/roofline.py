"""Time of a tape's work on a card: every operator takes its FLOPs at the matrix rate plus its bytes at the bandwidth.

The two are added, not overlapped: the work of one key is that of many operators, some bound by one and some by the other.
Source of the idea: Williams, Waterman, Patterson 2009 (roofline).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.estimation.speed.devices import DeviceClass, device_class, matrix_flops, memory_bytes_per_second, vector_flops
from app.hardware import Gpu
from app.tape.recorder import Phase, Work, WorkKey

PRODUCTS = ("matmul", "convolution", "attention")
# The tape writes down pointwise operators when they run forward; their backward pass reads the gradient and what was saved and writes
# one gradient: three tensors for the two of the forward pass.
BACKWARD_TRAFFIC = 1.5
BACKWARD_CALLS = 1.5
FUSED_TRAFFIC = 0.45  # pointwise bytes left when a compiler fuses chains of operators (torch.compile)
MICRO = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Seconds:
    """Time on the device by what bounds it, and the time the host needs to launch the same operators."""

    compute: float = 0.0
    memory: float = 0.0
    launch: float = 0.0

    @property
    def device(self) -> float:
        """Time on the device."""
        return self.compute + self.memory

    @property
    def elapsed(self) -> float:
        """Launches run ahead of the device: the slower of the two decides."""
        return max(self.device, self.launch)

    @property
    def bottleneck(self) -> str:
        """What takes most of the time."""
        if self.launch > self.device:
            return "fixed overhead"
        return "compute" if self.compute >= self.memory else "memory bandwidth"

    def __add__(self, other: "Seconds") -> "Seconds":
        """Both, one after the other."""
        return Seconds(compute=self.compute + other.compute, memory=self.memory + other.memory, launch=self.launch + other.launch)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """How a kind of job runs on a card."""

    gpu: Gpu
    precision: str
    compiled: bool = False

    @property
    def device(self) -> DeviceClass:
        """The class of the card."""
        return device_class(self.gpu)

    def product_flops(self, dtype_name: str) -> float:
        """Matrix rate for operands that the tape keeps in this type, under the job's precision."""
        if dtype_name == "fp32" and self.precision in ("tf32", "fp8"):
            return matrix_flops(self.gpu, "tf32")
        if dtype_name == "bf16" and self.precision == "fp8":
            return matrix_flops(self.gpu, "fp8")
        return matrix_flops(self.gpu, dtype_name)


def seconds(work: Mapping[WorkKey, Work], phases: Iterable[Phase], rates: Rates) -> Seconds:
    """Time of the work of some phases."""
    wanted = frozenset(phases)
    total = Seconds()
    for key, item in work.items():
        if key.phase in wanted:
            total += _operator_seconds(key, item, rates)
        if key.phase is Phase.FORWARD and Phase.BACKWARD in wanted and key.operator not in (*PRODUCTS, "optimizer"):
            total += _pointwise_seconds(item, rates, BACKWARD_TRAFFIC, BACKWARD_CALLS)
    return total


def _operator_seconds(key: WorkKey, work: Work, rates: Rates) -> Seconds:
    if key.operator not in PRODUCTS:
        return _pointwise_seconds(work, rates, 1.0, 1.0)
    share = {"matmul": rates.device.matmul, "convolution": rates.device.convolution, "attention": rates.device.attention}[key.operator]
    return Seconds(
        compute=work.flops / (share * rates.product_flops(key.dtype.name)),
        memory=work.bytes_moved / (rates.device.bandwidth * memory_bytes_per_second(rates.gpu)),
        launch=work.calls * rates.device.host_launch_us * MICRO,
    )


def _pointwise_seconds(work: Work, rates: Rates, traffic: float, calls: float) -> Seconds:
    fused = FUSED_TRAFFIC if rates.compiled else 1.0
    return Seconds(
        compute=traffic * work.flops / vector_flops(rates.gpu),
        memory=fused * traffic * work.bytes_moved / (rates.device.bandwidth * memory_bytes_per_second(rates.gpu)),
        launch=fused * calls * work.calls * rates.device.host_launch_us * MICRO,
    )
