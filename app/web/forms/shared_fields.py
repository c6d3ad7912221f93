"""Fields that several tabs share: the data and its keeping, the budget and the parts, how a job is spread over GPUs."""

from app.web.forms.codecs import BUDGET, BYTES, COUNT, GIGABYTES, NAMES, NUMBER, NUMERIC_CHOICE, SPREAD, TEXT, YES_NO
from app.web.forms.field import Choice, choices, chosen, ticked, typed
from app.workloads.datasets import known_datasets

NO_OR_YES = choices(no="No", yes="Yes")
YES_OR_NO = choices(yes="Yes", no="No")
CURRENCIES = tuple(Choice(code, code) for code in ("USD", "EUR", "GBP", "CHF", "JPY", "CAD", "AUD", "INR", "PLN", "SEK"))
ZERO_STAGES = tuple(Choice(str(stage), label) for stage, label in enumerate(("None", "1", "2", "3 (FSDP)")))

_DATASETS = (
    Choice("", "Your own"),
    *(Choice(known.id, f"{known.name}: {known.summary}", known.summary) for known in known_datasets().values()),
)
DATA = (
    chosen("dataset", "Known dataset", "workload.data.preset", _DATASETS, hint="brings its samples and size"),
    typed("data", "Dataset on disk", "workload.data.size_gb", GIGABYTES, hint="e.g. 120 GB; a known dataset brings its own"),
    typed("archive", "Archive", "workload.data.archive_gb", GIGABYTES, hint="kept, rarely read"),
)

LIMITS = (
    typed("budget", "Budget", "limits.budget", BUDGET, hint="e.g. £3,000, 2500 EUR"),
    chosen("condition", "Prices", "limits.condition", choices(any="New and used", new="New only", used="Used only")),
    typed("owned", "I already own", "limits.owned", TEXT, hint="e.g. RTX 3060 12 GB, 2 x RTX 3090", wide=True),
)

LIMITS_ADVANCED = (
    chosen(
        "objective",
        "Best means",
        "limits.objective",
        choices(value="Best value", cheapest="Cheapest", fastest="Fastest", headroom="Most headroom"),
    ),
    chosen("currency", "Currency without a budget", "limits.currency", CURRENCIES),
    typed("max_gpus", "Most GPUs", "limits.max_gpus", COUNT, "8"),
    typed("max_watts", "Most watts", "limits.max_watts", COUNT, hint="e.g. 1500 for one outlet"),
    ticked("vendors", "Only GPUs from", "limits.vendors", choices(nvidia="NVIDIA", amd="AMD", intel="Intel", apple="Apple"), codec=NAMES),
    ticked(
        "form_factors",
        "Only as",
        "limits.form_factors",
        choices(pcie="PCIe card", sxm="SXM module", oam="OAM module", system="Whole system"),
        codec=NAMES,
    ),
    typed("electricity", "Electricity, per kWh", "limits.electricity", BUDGET, hint="e.g. £0.30"),
    chosen("ecc", "Memory with ECC", "limits.ecc", choices(no="Not needed", yes="Required"), codec=YES_NO),
    chosen("cloud", "Compare with renting", "limits.include_cloud", YES_OR_NO, codec=YES_NO),
)

DATA_ADVANCED = (
    typed("samples", "Samples", "workload.data.samples", COUNT, hint="e.g. 1.28M"),
    typed("sample_size", "Size of a sample", "workload.data.bytes_per_sample", BYTES, hint="e.g. 110 kB"),
    typed("epochs", "Epochs", "workload.data.epochs", NUMBER, "1"),
    chosen("loading", "Loading", "workload.data.loading", choices(stream="Streamed from disk", in_memory="All in memory")),
    typed("workers", "Loader workers", "workload.data.loader_workers", COUNT, hint="usually 8 for images, none for text"),
    chosen("location", "Dataset lies on", "workload.data.location", choices(ssd="SSD", hdd="Hard disk")),
    typed("keep", "Checkpoints kept", "workload.checkpoints.keep", COUNT, "3"),
    typed("every", "Steps between", "workload.checkpoints.every_steps", COUNT, "1000"),
)

_DEGREES = "workload.parallelism"
SPREADING = (
    chosen(
        "spread",
        "Spread over GPUs",
        _DEGREES,
        choices(auto="Whatever suits each machine", fixed="As set here"),
        codec=SPREAD,
        wide=True,
    ),
    typed("gpus", "GPUs", f"{_DEGREES}.gpus", COUNT, "1", when="fixed"),
    typed("data_parallel", "Data parallel", f"{_DEGREES}.data", COUNT, "1", when="fixed"),
    typed("tensor", "Tensor parallel", f"{_DEGREES}.tensor", COUNT, "1", when="fixed"),
    typed("pipeline", "Pipeline parallel", f"{_DEGREES}.pipeline", COUNT, "1", when="fixed"),
    chosen("zero", "ZeRO stage", f"{_DEGREES}.zero_stage", ZERO_STAGES, codec=NUMERIC_CHOICE, when="fixed"),
    chosen(
        "offload",
        "Offload to RAM",
        f"{_DEGREES}.offload",
        choices(none="Nothing", optimizer="Optimizer states", all="Everything"),
        when="fixed",
    ),
)
SEQUENCES_AND_EXPERTS = (
    typed("context_parallel", "Context parallel", f"{_DEGREES}.context", COUNT, "1", when="fixed"),
    typed("expert_parallel", "Expert parallel", f"{_DEGREES}.expert", COUNT, "1", when="fixed", hint="within data and context"),
)

FAMILY = chosen(
    "family",
    "If only the size is known",
    "",
    choices(
        decoder="Decoder (LLM)",
        encoder="Encoder (BERT-like)",
        encoder_decoder="Encoder-decoder (T5-like)",
        vision="Vision transformer",
        convolutional="Convolutional network",
        diffusion="Diffusion model",
        recurrent="Recurrent network",
        dense="Dense layers",
    ),
    wide=True,
)
