"""What the speed model is told of a model that is run: bytes read, parameters multiplied, cache, what is left in RAM, what drafts."""

from dataclasses import replace

from app.architectures.cache import DecoderCache
from app.estimation.inference import PreparedInference
from app.estimation.inference_cache import generating
from app.estimation.speed import InferencePass


def inference_pass(prepared: PreparedInference, gpu_share: float) -> InferencePass:
    """One pass of `prepared`, with `gpu_share` of its layers on the GPUs."""
    workload = prepared.workload
    base = InferencePass(runtime=workload.runtime, weight_format=workload.weight_format)
    decoder = generating(prepared.network, workload)
    if decoder:
        return _decoding_from_states(prepared, decoder, base)
    if prepared.language is None:
        return replace(
            base,
            work=prepared.passes[0].work,
            samples=prepared.inputs.batch,
            passes=prepared.passes_of_one_batch,
            copied_bytes=prepared.copied_weights,
        )
    hidden, _, heads = prepared.network.widths()
    idle_experts = round(prepared.expert_bytes * (1 - prepared.network.experts_active()))
    found = replace(
        base,
        weight_bytes_read=max(0, prepared.weights_read - idle_experts),
        expert_bytes=prepared.expert_bytes,
        experts_active=prepared.network.experts_active(),
        active_parameters=round(prepared.parameters.active * prepared.weights_read / max(1, prepared.weights)),
        kv_bytes_per_position=prepared.cache.per_token,
        layers=prepared.layers,
        hidden=hidden,
        attention_width=heads * max(layer.key_size for layer in prepared.language.cache_layers()),
        prompt_tokens=workload.prompt_tokens,
        context=workload.context_length,
        sequences=workload.concurrent_sequences,
        gpu_share=gpu_share,
    )
    return _speculating(prepared, found)


def _decoding_from_states(prepared: PreparedInference, cache: DecoderCache, base: InferencePass) -> InferencePass:
    """A decoder that reads an encoder's states: each token reads the decoder and the table of words. The encoder, which reads the prompt,
    is taken to be as large."""
    workload, network = prepared.workload, prepared.network
    hidden, _, _ = network.widths()
    decoder = sum(p.size * p.times for name, p in network.named_parameters() if name.startswith("decoder.") and not p.buffer)
    read = decoder + (network.vocabulary or 0) * hidden
    return replace(
        base,
        weight_bytes_read=round(prepared.weights * min(1.0, read / prepared.parameters.total)),
        active_parameters=read,
        kv_bytes_per_position=prepared.cache.per_token,
        layers=cache.layers,
        hidden=hidden,
        attention_width=cache.width,
        prompt_tokens=workload.prompt_tokens,
        context=workload.context_length,
        sequences=prepared.inputs.batch,
    )


def _speculating(prepared: PreparedInference, alone: InferencePass) -> InferencePass:
    speculative = prepared.workload.speculative
    if speculative is None:
        return alone
    draft = inference_pass(prepared.draft, 1.0) if prepared.draft else None
    return replace(alone, proposed_tokens=speculative.proposed_tokens, tokens_per_pass=speculative.accepted_tokens, draft=draft)
