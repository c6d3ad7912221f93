"""Shapes of what the API answers with, for its description. The documents themselves are made by the rooms that own them."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """A part of an answer: the fields named here are always there, others may be beside them."""

    model_config = ConfigDict(extra="allow")


class FieldProblem(BaseModel):
    """One field at fault."""

    path: str
    message: str


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblem]


class MoneyAnswer(BaseModel):
    """An amount of money."""

    amount: str
    currency: str


class IntervalAnswer(Answer):
    """Where the true figure lies."""

    low_bytes: int
    high_bytes: int
    coverage: float
    basis: Literal["measured", "model", "size only"]


class TermAnswer(Answer):
    """One term of a ledger."""

    key: str
    label: str
    bytes: int
    formula: str
    inputs: dict[str, int | float | str]
    source: str


class FindingAnswer(Answer):
    """Something the reader should know."""

    severity: Literal["blocker", "caution", "note"]
    code: str
    message: str
    remedy: str


class ParametersAnswer(Answer):
    """Parameter counts."""

    total: int
    trainable: int
    active: int


class GpuMemoryAnswer(Answer):
    """Need of the fullest GPU; the terms sum to `required_bytes`."""

    peak_allocated_bytes: int
    required_bytes: int
    interval: IntervalAnswer
    peak_phase: str
    terms: list[TermAnswer]


class HostMemoryAnswer(Answer):
    """Need of system RAM; the terms sum to `required_bytes`."""

    peak_process_bytes: int
    required_bytes: int
    recommended_gb: int
    interval: IntervalAnswer
    terms: list[TermAnswer]


class StorageAnswer(Answer):
    """Need of disks."""

    ssd_bytes: int
    hdd_bytes: int
    read_bytes_per_second: int
    model_file_bytes: int
    checkpoint_bytes: int
    terms: list[TermAnswer]


class ComputeAnswer(Answer):
    """Work of one step."""

    flops_per_step: int
    tokens_or_samples_per_step: int


class VersionAnswer(Answer):
    """What answered."""

    estimator: str


class EstimateAnswer(Answer):
    """What a job needs."""

    parameters: ParametersAnswer
    gpu_memory: GpuMemoryAnswer | None
    host_memory: HostMemoryAnswer
    storage: StorageAnswer
    compute: ComputeAnswer
    findings: list[FindingAnswer]
    version: VersionAnswer


class ReservationAnswer(Answer):
    """What a serving runtime reserves of one card by default, and what its pool of cache blocks holds."""

    share: float
    reserved_bytes: int
    beside_cache_bytes: int
    block_tokens: int
    blocks: int
    cache_tokens: int
    concurrent_sequences: int


class VerdictAnswer(Answer):
    """Whether the model fits the cards, spills over into RAM or onto disk, or cannot run there."""

    outcome: Literal["fits", "spills", "impossible"]
    gpu_layers: int
    layers: int
    host_bytes: int
    disk_bytes: int
    tokens_per_second: float | None
    times_slower: float | None


class CapacityAnswer(Answer):
    """The largest value of each size that fits, all else as asked; 0 where not even one does, null where a size says nothing here."""

    gpu: str
    gpus: int
    fits: bool
    reason: str
    context_length: int | None
    concurrent_sequences: int | None
    batch_size: int | None
    micro_batch_size: int | None
    sequence_length: int | None
    weight_format: str | None
    bits_per_weight: float | None
    reservation: ReservationAnswer | None
    verdict: VerdictAnswer | None


class PartAnswer(Answer):
    """A part by its id and name."""

    id: str
    name: str


class WhyNotAnswer(Answer):
    """Why a part is not in the picked machine."""

    part: PartAnswer
    finding: FindingAnswer


class PriceAnswer(Answer):
    """What a machine costs."""

    total: MoneyAnswer
    lines: list[dict[str, Any]]


class MachineAnswer(Answer):
    """One machine."""

    id: str
    platform: dict[str, Any]
    gpus: dict[str, Any] | None
    ram: list[dict[str, Any]]
    ssd: list[dict[str, Any]]
    hdd: list[dict[str, Any]]
    price: PriceAnswer
    gpu_memory_utilisation: float
    speed: dict[str, Any]
    power_watts: int
    run: dict[str, Any] | None = None
    findings: list[FindingAnswer]


class DiskUseAnswer(Answer):
    """The drives of a pick at work: null for moments that the job does not have."""

    read_bytes_per_second: int
    read_operations_per_second: int
    checkpoint_stall_seconds: float | None
    cold_load_seconds: float | None
    written_bytes_per_day: int
    endurance_years: float | None
    comfort_rules: list[dict[str, Any]]


class PriceProofAnswer(Answer):
    """Whether a pick outlives a month of price moves of its own parts; null where most of its price has no history."""

    known: MoneyAnswer
    rise: MoneyAnswer
    survives: bool | None
    becomes: str
    own_history: list[str]
    history_of_kind: list[str]
    no_history: list[str]


class PickAnswer(Answer):
    """The best machine in one respect."""

    role: Literal["cheapest", "value", "fastest", "headroom"]
    machine: MachineAnswer
    price_proof: PriceProofAnswer
    disks: DiskUseAnswer
    capacity: CapacityAnswer | None


class AdviceAnswer(Answer):
    """The best machines for a job within the limits."""

    estimate: EstimateAnswer
    catalogue_revision: int
    exchange: dict[str, Any] | None = None
    picks: list[PickAnswer]
    frontier: list[MachineAnswer]
    near_misses: list[dict[str, Any]]
    levers: list[dict[str, Any]]
    ladder: list[dict[str, Any]]
    considered: int
    findings: list[FindingAnswer]


class JointPickAnswer(Answer):
    """The best machine for several jobs in one respect, with where each of them runs."""

    role: Literal["cheapest", "value", "fastest", "headroom"]
    machine: MachineAnswer
    price_proof: PriceProofAnswer
    jobs: list[dict[str, Any]]


class JointNeedsAnswer(Answer):
    """What the machine must have for all jobs; GPU memory on each GPU that all of them use."""

    gpu_memory_bytes: int
    host_memory_bytes: int
    ssd_bytes: int
    hdd_bytes: int


class JointAdviceAnswer(Answer):
    """The best machines for several jobs together."""

    together: Literal["either", "at_once"]
    needs: JointNeedsAnswer
    estimates: list[EstimateAnswer]
    catalogue_revision: int
    exchange: dict[str, Any] | None = None
    picks: list[JointPickAnswer]
    frontier: list[MachineAnswer]
    near_misses: list[dict[str, Any]]
    ladder: list[dict[str, Any]]
    considered: int
    findings: list[FindingAnswer]


class ResultAnswer(Answer):
    """A shared result as it was frozen."""

    id: str
    created_at: str
    schema_version: int
    fingerprint: str
    request: dict[str, Any]
    advice: dict[str, Any]


class SharedAnswer(Answer):
    """Where a result has been kept."""

    id: str
    url: str


class CatalogueAnswer(Answer):
    """Items of one kind, a page at a time."""

    kind: str
    revision: int
    total: int
    page: int
    pages: int
    items: list[dict[str, Any]]


class ModelAnswer(Answer):
    """One model of the library."""

    id: str
    name: str
    family: str
    parameters: int


class ModelsAnswer(Answer):
    """Models found."""

    models: list[ModelAnswer]
