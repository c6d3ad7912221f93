"""What a job needs and does on a given number of a given GPU: the one thing that estimation tells recommendation."""

from dataclasses import dataclass
from typing import Literal, Protocol

from app.hardware import Gpu

Severity = Literal["blocker", "caution", "note"]
Offload = Literal["none", "optimizer", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something the reader should know: how bad, a stable code, the reason in plain words, and the remedy."""

    severity: Severity
    code: str
    message: str
    remedy: str = ""

    def to_json(self) -> dict[str, str]:
        """The finding as the contract spells it."""
        return {"severity": self.severity, "code": self.code, "message": self.message, "remedy": self.remedy}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharding:
    """How a job is spread over GPUs: degrees of data, tensor, pipeline and context parallelism, ZeRO stage, what moves to host RAM.

    `expert` divides experts over GPUs that `data` and `context` count already.
    """

    gpus: int = 1
    data: int = 1
    tensor: int = 1
    pipeline: int = 1
    context: int = 1
    expert: int = 1
    zero_stage: int = 0
    offload: Offload = "none"

    @property
    def holders(self) -> int:
        """GPUs that work with the same weights, on other samples or other parts of a sequence, and can share what belongs to them."""
        return self.data * self.context

    @property
    def communicators(self) -> int:
        """Kinds of parallelism that are used, each of which has a group of GPUs that talk to each other."""
        return sum(degree > 1 for degree in (self.data, self.tensor, self.pipeline, self.context, self.expert))


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Totals over all sequences and GPUs. Text counts tokens, everything else samples. None where not estimated."""

    decode_tokens_per_second: float | None = None
    prompt_tokens_per_second: float | None = None
    time_to_first_token_s: float | None = None
    samples_or_tokens_per_second: float | None = None
    step_seconds: float | None = None
    epoch_seconds: float | None = None
    run_seconds: float | None = None  # all epochs
    interval_factor: float = 1.0  # the likely range is [rate / factor, rate x factor]
    basis: str = "model"
    bottleneck: str = ""  # compute, memory bandwidth, disk, interconnect, fixed overhead

    @property
    def rate(self) -> float:
        """The one figure that ranks machines for this job: trained or processed per second, else decoded per second."""
        return self.samples_or_tokens_per_second or self.decode_tokens_per_second or self.prompt_tokens_per_second or 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RamTraffic:
    """One decoding step where some layers are left to the processor: how its time depends on the RAM of the machine."""

    reading_s: float  # of those layers' weights and cache, at `reference_gb_s`
    computing_s: float  # the processor's arithmetic, whatever the RAM: the longer of the two counts
    rest_s: float  # everything on the GPUs
    reference_gb_s: float  # bandwidth that the speed of the placement is told for
    rest_bottleneck: str

    def step_seconds(self, bandwidth_gb_s: float) -> float:
        """The whole step with RAM of this bandwidth."""
        return self.rest_s + max(self.reading_s * self.reference_gb_s / bandwidth_gb_s, self.computing_s)

    def pace(self, bandwidth_gb_s: float) -> float:
        """Decoding speed with RAM of this bandwidth, as a factor on that of the placement."""
        return self.step_seconds(self.reference_gb_s) / self.step_seconds(bandwidth_gb_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """A job on `quantity` of one GPU. Bytes are for the fullest GPU; host bytes for the whole machine."""

    sharding: Sharding
    gpu_bytes: int  # required on the fullest GPU
    gpu_bytes_high: int  # upper end of its interval
    host_bytes: int  # RAM the machine must have
    read_bytes_per_second: int  # what the disks must sustain
    speed: Speed
    findings: tuple[Finding, ...] = ()
    ram_traffic: RamTraffic | None = None  # None: the speed does not depend on the machine's RAM


@dataclass(frozen=True, slots=True, kw_only=True)
class Unplaceable:
    """The job cannot run there, and why, in one sentence."""

    reason: str
    code: str = "unsupported"


class Demand(Protocol):
    """A prepared job, as the recommender asks it: placements are arithmetic, never a new trace."""

    @property
    def needs_gpu(self) -> bool:
        """Whether the job runs on a GPU at all."""

    @property
    def ssd_bytes(self) -> int:
        """Hot storage: system, environment, data that is read again and again, checkpoints."""

    @property
    def hdd_bytes(self) -> int:
        """Cold storage: archives and old checkpoints."""

    def place(self, gpu: Gpu | None, quantity: int) -> Placement | Unplaceable:
        """The best way to run on `quantity` of `gpu` (None and 0: on the processor alone)."""
