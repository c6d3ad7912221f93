"""What the speed model is told of a model that is run: bytes read, parameters multiplied, cache, what is left in RAM, what drafts."""

from dataclasses import replace

from app.estimation.inference import PreparedInference
from app.estimation.speed import InferencePass


def inference_pass(prepared: PreparedInference, gpu_share: float) -> InferencePass:
    """One pass of `prepared`, with `gpu_share` of its layers on the GPUs."""
    workload = prepared.workload
    base = InferencePass(runtime=workload.runtime, weight_format=workload.weight_format)
    if prepared.language is None:
        return replace(base, work=prepared.passes[0].work, samples=prepared.inputs.batch, passes=prepared.passes_of_one_batch)
    hidden, _, heads = prepared.network.widths()
    idle_experts = round(prepared.expert_bytes * (1 - prepared.network.experts_active()))
    found = replace(
        base,
        weight_bytes_read=max(0, prepared.weights_read - idle_experts),
        expert_bytes=prepared.expert_bytes,
        experts_active=prepared.network.experts_active(),
        active_parameters=round(prepared.parameters.active * prepared.weights_read / max(1, prepared.weights)),
        kv_bytes_per_position=prepared.cache.per_token,
        layers=prepared.network.layer_count(),
        hidden=hidden,
        attention_width=heads * prepared.language.cache_layers()[0].key_size,
        prompt_tokens=workload.prompt_tokens,
        context=workload.context_length,
        sequences=workload.concurrent_sequences,
        gpu_share=gpu_share,
    )
    return _speculating(prepared, found)


def _speculating(prepared: PreparedInference, alone: InferencePass) -> InferencePass:
    speculative = prepared.workload.speculative
    if speculative is None:
        return alone
    draft = inference_pass(prepared.draft, 1.0) if prepared.draft else None
    return replace(alone, proposed_tokens=speculative.proposed_tokens, tokens_per_pass=speculative.accepted_tokens, draft=draft)
