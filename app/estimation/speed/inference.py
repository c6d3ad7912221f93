"""Inference speed: decoding and prompt processing of text, samples per second of everything else."""

from app.estimation.speed.decode import Split, decode_step
from app.estimation.speed.evidence import basis, interval_factor
from app.estimation.speed.interconnect import host_copy_seconds
from app.estimation.speed.passes import InferencePass
from app.estimation.speed.prefill import prefill_seconds
from app.estimation.speed.roofline import Rates, seconds
from app.estimation.speed.runtimes import DEFAULT, RUNTIMES, format_cost
from app.hardware import Gpu
from app.placement import Sharding, Speed
from app.tape.recorder import Phase

# How far the tokens that a pass gains vary between texts around the stated average. Set by hand; no public row measures it.
ACCEPTANCE_FACTOR = 1.35


def inference_speed(job: InferencePass, gpu: Gpu, quantity: int, sharding: Sharding) -> Speed:
    """Speed of a model on `quantity` cards. Rates are totals over sequences and cards."""
    split = card_split(job.runtime, quantity, sharding)
    return _forward_speed(job, gpu, quantity) if job.work else _text_speed(job, gpu, split)


def card_split(runtime: str, quantity: int, sharding: Sharding) -> Split:
    """How the runtime uses the cards: as `sharding` says, else tensor parallel where it can, else different layers on each."""
    if sharding.tensor * sharding.pipeline * sharding.data > 1:
        return Split(tensor=sharding.tensor, stages=sharding.pipeline, replicas=sharding.data)
    if RUNTIMES.get(runtime, DEFAULT).tensor_parallel:
        return Split(tensor=quantity)
    return Split(stages=quantity)


def _text_speed(job: InferencePass, gpu: Gpu, split: Split) -> Speed:
    step = decode_step(job, gpu, split)
    every_prompt = prefill_seconds(job, gpu, split, sequences=job.sequences)
    return Speed(
        decode_tokens_per_second=split.replicas * job.sequences * job.tokens_per_pass / step.total,
        prompt_tokens_per_second=split.replicas * job.sequences * job.prompt_tokens / every_prompt,
        time_to_first_token_s=prefill_seconds(job, gpu, split, sequences=1) + step.total,
        interval_factor=interval_factor(gpu, "decode") * (ACCEPTANCE_FACTOR if job.proposed_tokens else 1.0),
        basis=basis(gpu, "decode"),
        bottleneck=step.bottleneck,
    )


def _forward_speed(job: InferencePass, gpu: Gpu, quantity: int) -> Speed:
    """Batches are spread over the cards; each runs the whole network."""
    rates = Rates(gpu=gpu, precision=forward_precision(job.weight_format))
    one = seconds(job.work, (Phase.SETUP, Phase.FORWARD), rates)
    computing, copying = one.elapsed * job.passes, host_copy_seconds(job.copied_bytes, gpu)
    elapsed = computing + copying
    return Speed(
        samples_or_tokens_per_second=quantity * job.samples / elapsed,
        step_seconds=elapsed,
        interval_factor=interval_factor(gpu, "forward"),
        basis=basis(gpu, "forward"),
        bottleneck="interconnect" if copying > computing else one.bottleneck,
    )


def forward_precision(weight_format: str) -> str:
    """Precision of a forward pass over weights of this format: packed ones are unpacked to 16 bits."""
    product = format_cost(weight_format).product
    return "fp16" if product == "packed" else product
