"""Time of a tape's work on a card, operator by operator, after the roofline model (Williams, Waterman, Patterson 2009).

Matrix products and fused attention take the longer of compute and memory. Convolutions take both, one after the other: the work under one
key is that of many layers, 1 x 1 ones bound by memory and 3 x 3 ones by compute. Everything else takes its bytes at the bandwidth.
Factors without another source: least squares over the training rows named in devices.py.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from app.estimation.speed.devices import DeviceClass, device_class, matrix_flops, memory_bytes_per_second, vector_flops
from app.hardware import Gpu
from app.tape.recorder import Phase, Work, WorkKey

CONVOLUTION_SHARE = 0.53  # of what matrix products reach
ATTENTION_SHARE = 0.4  # the same for fused kernels, forward and backward together
CONVOLUTION_TRAFFIC = 1.33  # changes of layout, workspaces
PRODUCT_SHARES = {"matmul": 1.0, "convolution": CONVOLUTION_SHARE, "attention": ATTENTION_SHARE}
# The tape writes down most pointwise operators when they run forward. Their backward pass moves this many times the forward bytes
# (an addition passes its gradient on; an activation reads two tensors and writes one; a normalization goes over its input twice).
BACKWARD_TRAFFIC = 1.4
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


@dataclass(frozen=True, kw_only=True)
class Rates:
    """How a kind of job runs on a card."""

    gpu: Gpu
    precision: str
    compiled: bool = False

    @cached_property
    def device(self) -> DeviceClass:
        """The class of the card."""
        return device_class(self.gpu)

    @cached_property
    def stream_bytes_per_second(self) -> float:
        """Bandwidth that streams of large tensors reach."""
        return self.device.bandwidth * memory_bytes_per_second(self.gpu)

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
        if key.phase in wanted and not _written_forward(key, wanted):
            total += _operator_seconds(key, item, rates)
    if Phase.BACKWARD in wanted:
        total += _pointwise_backward(work, rates)
    return total


def _written_forward(key: WorkKey, wanted: frozenset[Phase]) -> bool:
    """Pointwise work of the backward pass is derived from the forward pass as a whole."""
    return key.phase is Phase.BACKWARD and Phase.BACKWARD in wanted and key.operator not in PRODUCT_SHARES


def _pointwise_backward(work: Mapping[WorkKey, Work], rates: Rates) -> Seconds:
    forward, recorded = _pointwise_total(work, Phase.FORWARD), _pointwise_total(work, Phase.BACKWARD)
    whole = Work(
        calls=max(forward.calls, recorded.calls),
        flops=forward.flops,
        bytes_moved=max(round(BACKWARD_TRAFFIC * forward.bytes_moved), recorded.bytes_moved),
    )
    return _pointwise_seconds(whole, rates)


def _pointwise_total(work: Mapping[WorkKey, Work], phase: Phase) -> Work:
    chosen = [item for key, item in work.items() if key.phase is phase and key.operator not in PRODUCT_SHARES]
    return Work(
        calls=sum(item.calls for item in chosen),
        flops=sum(item.flops for item in chosen),
        bytes_moved=sum(item.bytes_moved for item in chosen),
    )


def _operator_seconds(key: WorkKey, work: Work, rates: Rates) -> Seconds:
    if key.operator not in PRODUCT_SHARES:
        return _pointwise_seconds(work, rates)
    compute = work.flops / (PRODUCT_SHARES[key.operator] * rates.device.matmul * rates.product_flops(key.dtype.name))
    memory = work.bytes_moved / rates.stream_bytes_per_second
    launch = work.calls * rates.device.launch_us * MICRO
    if key.operator == "convolution":
        return Seconds(compute=compute, memory=CONVOLUTION_TRAFFIC * memory, launch=launch)
    return Seconds(compute=compute, launch=launch) if compute >= memory else Seconds(memory=memory, launch=launch)


def _pointwise_seconds(work: Work, rates: Rates) -> Seconds:
    fused = FUSED_TRAFFIC if rates.compiled else 1.0
    return Seconds(
        memory=max(fused * work.bytes_moved / rates.stream_bytes_per_second, work.flops / vector_flops(rates.gpu)),
        launch=fused * work.calls * rates.device.launch_us * MICRO,
    )
