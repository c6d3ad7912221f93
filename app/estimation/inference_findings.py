"""What the reader of an inference estimate should know: what was assumed, and what the runtime does beside what is needed."""

from collections.abc import Iterator

from app.estimation.gguf_mixes import MIXES
from app.estimation.inference import PreparedInference
from app.estimation.runtimes import RESERVED_SHARE
from app.estimation.storage import conversion_bytes
from app.estimation.weight_formats import leaves_experts
from app.placement import Finding
from app.units import format_decimal

QUANTIZED_FILES = frozenset(MIXES) - {"f16", "f32"}


def inference_findings(prepared: PreparedInference) -> tuple[Finding, ...]:
    """The findings of the workload as it was written, whatever the card."""
    return (*prepared.prepared.findings, *_of_network(prepared), *_of_runtime(prepared.workload.runtime))


def _of_network(prepared: PreparedInference) -> Iterator[Finding]:
    if leaves_experts(prepared.network, prepared.workload.weight_format):
        yield Finding(
            severity="caution",
            code="experts_in_sixteen_bits",
            message="bitsandbytes packs linear layers; the fused experts of this mixture stay in 16 bits (transformers 5).",
            remedy="Take AWQ, GPTQ, FP8 or a GGUF file type, which pack experts too.",
        )
    if prepared.passes_of_one_batch > 1:
        yield Finding(
            severity="note",
            code="denoising_steps",
            message=f"Images a second count {prepared.workload.denoising_steps} passes of the denoiser for each image; "
            "the text encoder and the decoder of latents come on top.",
            remedy="Enter the sampler's steps, twice as many with classifier-free guidance.",
        )
    if prepared.workload.weight_format in QUANTIZED_FILES and prepared.file_weights is None and prepared.language:
        yield Finding(
            severity="note",
            code="conversion",
            message=f"Making this GGUF file oneself takes {format_decimal(conversion_bytes(prepared.parameters.total))} of disk besides: "
            "the 16-bit checkpoint and the 16-bit file that is quantized.",
            remedy="Most models can be downloaded as GGUF files.",
        )
    if prepared.copied_weights:
        yield Finding(
            severity="note",
            code="offloaded_parts",
            message="Parts of the pipeline wait in RAM and are copied to the GPU for their turn: less memory, slower images.",
            remedy="Without offload all parts stay on the GPU.",
        )


def _of_runtime(runtime: str) -> Iterator[Finding]:
    share = RESERVED_SHARE.get(runtime)
    if share:
        yield Finding(
            severity="note",
            code="reservation",
            message=f"{runtime} reserves {share:.0%} of the card whatever it needs; the figure here is the need, "
            "not what nvidia-smi will show.".replace("%", " %"),
            remedy="Everything above the need becomes blocks of cache for more users.",
        )
