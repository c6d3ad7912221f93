"""Inference jobs: weights in their format, the cache by layer, and what the runtime needs to compute."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import cast

from app.architectures.autoencoder import LatentDecoder
from app.architectures.cache import KvCache
from app.architectures.diffusion_pipeline import Pipeline
from app.architectures.language_head import LanguageModel
from app.architectures.network import Inputs, Network, Options
from app.estimation import overheads
from app.estimation.estimate import GpuMemory, Parameters
from app.estimation.inference_cache import Cache, batch_of, cache_of, generating
from app.estimation.ledger import Ledger, Term
from app.estimation.memory_terms import terms_of
from app.estimation.pipeline_offload import PARTS, copied_bytes, fullest_stage
from app.estimation.prepared_network import PreparedNetwork, prepare_network
from app.estimation.residuals import SIZE_ONLY, UNMEASURED, Residual, interval
from app.estimation.runtime_buffers import PassShape
from app.estimation.runtimes import RUNTIMES, kv_bytes
from app.estimation.weight_formats import bytes_in_ram, largest_packed_matrix, weight_bytes
from app.hardware import Gpu
from app.placement import Sharding
from app.tape.dtypes import BF16, FP16, FP32, DType
from app.tape.recorder import Category, Moment
from app.tape.tensor import Tape
from app.tape.trace import Trace, trace_forward
from app.units import MIB, ceil_div, format_binary
from app.workloads.fields import invalid_field
from app.workloads.inference import GpuLayers, InferenceWorkload

COMPUTE_TYPES = {"fp32": FP32, "f32": FP32, "fp16": FP16, "f16": FP16}
# bitsandbytes 0.41 quantizes from fp16: with bf16 activations a product makes the fp16 matrix and its cast; transformers keeps one type.
UNPACKED_FORMATS = ("nf4", "fp4")
UNPACKED_COPIES = {"pytorch": 2}
SMALLEST_ARENA = MIB  # ONNX Runtime's first region


class PreparedInference:
    """An inference workload: its network, weights and cache, asked for many placements."""

    def __init__(self, workload: InferenceWorkload, *, alike: "PreparedInference | None" = None) -> None:
        """`alike`: the same model at other sizes or in another format, whose network serves; in the same format its traces serve too, and
        its weights are not recounted."""
        self.workload = workload
        self._model = alike
        self._alike = alike if alike and _format_of(alike.workload) == _format_of(workload) else None
        self._traces: dict[tuple[Inputs, int], Trace] = self._alike._traces if self._alike else {}  # noqa: SLF001 - of its own class
        self.runtime = RUNTIMES[workload.runtime]
        self.prepared: PreparedNetwork = alike.prepared if alike else prepare_network(workload, self._options)
        self.network = self.prepared.network
        if alike is None:
            self.network.finish()
        self.language: LanguageModel | None = alike.language if alike else _generator(self.network)
        if workload.cpu_offload in PARTS and not isinstance(self.network, Pipeline):
            raise invalid_field("cpu_offload", "only whole diffusion pipelines are offloaded part by part; choose none, auto or gpu_layers")

    @property
    def _options(self) -> Options:
        workload = self.workload
        denoiser_only = workload.components == "denoiser"
        return Options(attention=workload.attention, denoiser_only=denoiser_only, latent_decoding=workload.latent_decoding)

    @property
    def passes_of_one_batch(self) -> int:
        """Forward passes until a batch is done: as many as the sampler takes steps of a denoiser alone; a pipeline's pass has them all."""
        whole = isinstance(self.network, (Pipeline, LatentDecoder))
        return self.workload.denoising_steps if self.network.family == "diffusion" and not whole else 1

    @property
    def stands_in_for_images(self) -> bool:
        """Whether a network of the same size takes the place of one that works on images: good for its weights, not for its speed."""
        return self.prepared.exact_parameters is not None and self.workload.image_size is not None

    @cached_property
    def layers(self) -> int:
        """Blocks of the network, 0 where it has none."""
        return self.network.layer_count()

    @cached_property
    def parameters(self) -> Parameters:
        """Parameter counts; nothing is trained."""
        if self._model:
            return self._model.parameters
        total = self.prepared.exact_parameters or self.network.parameter_count()
        return Parameters(total=total, trainable=0, active=self.network.active_parameters() or total)

    @property
    def file_weights(self) -> int | None:
        """Bytes of the tensors of an uploaded file, where the workload keeps its format."""
        given = self.workload.model.weights
        return given.bytes if given and given.format == self.workload.weight_format else None

    @cached_property
    def weights(self) -> int:
        """Bytes of all weights as the runtime holds them: those of an uploaded file in its own format, else by the rules of the format."""
        if self._alike:
            return self._alike.weights
        if self.file_weights is not None:
            return self.file_weights
        return round(self._weights_of(self.network) * self.prepared.scale)

    def _weights_of(self, network: Network) -> int:
        workload = self.workload
        return weight_bytes(
            network, workload.weight_format, group_size=workload.group_size, bits_per_weight=workload.bits_per_weight,
            pack_heads=self._packs_heads,
        )  # fmt: skip

    @cached_property
    def copied_weights(self) -> int:
        """Bytes of weights that a pipeline offloaded part by part copies for one batch."""
        kind = self.workload.cpu_offload
        if not isinstance(self.network, Pipeline) or kind not in PARTS:
            return 0
        return copied_bytes(self.network, self.inputs, str(kind), self._weights_of)

    @cached_property
    def weights_in_ram(self) -> int:
        """Bytes of weights that stay in system RAM though all layers run on the card: embeddings, or parts that wait for their turn."""
        if self.workload.cpu_offload in PARTS:
            return self.weights
        if self._alike:
            return self._alike.weights_in_ram
        return round(bytes_in_ram(self.network, self.workload.weight_format, self.workload.runtime) * self.prepared.scale)

    @property
    def _packs_heads(self) -> bool:
        """transformers keeps heads in 16 bits; loaders that replace every linear layer do not, and tied heads are embeddings."""
        return self.workload.runtime == "pytorch" and self.language is not None and not self.language.tied

    @cached_property
    def weights_read(self) -> int:
        """Bytes of weights that one decoded token reads: all but an untied table of input embeddings, of which it needs one row."""
        tied = getattr(self.network, "tied", True)
        table = 0 if tied else (self.network.vocabulary or 0) * self.network.widths()[0]
        return round(self.weights * (1 - table / max(1, self.parameters.total)))

    @property
    def expert_bytes(self) -> int:
        """Bytes of all experts."""
        return round(self.weights * self.network.expert_parameters() / max(1, self.parameters.total))

    @property
    def gpu_share(self) -> float:
        """Share asked for of the layers, and of their cache, that lies on the GPU."""
        layers, offload = self.layers, self.workload.cpu_offload
        return min(1.0, offload.gpu_layers / layers) if isinstance(offload, GpuLayers) and layers else 1.0

    @property
    def offloaded_bytes(self) -> int:
        """Bytes of weights and cache that stay in system RAM."""
        return self.left_bytes(self.gpu_share)

    def left_bytes(self, gpu_share: float) -> int:
        """The same where this share of the layers is on the GPUs."""
        kept = self.weights_in_ram
        return kept + round((self.weights - kept + self.cache.bytes) * (1 - gpu_share)) if kept < self.weights else kept

    @cached_property
    def draft(self) -> "PreparedInference | None":
        """The model that proposes tokens in speculative decoding, in the same formats and over the same context."""
        speculative = self.workload.speculative
        if speculative is None or speculative.draft is None:
            return None
        changes = {"model": speculative.draft, "speculative": None, "cpu_offload": "none", "bits_per_weight": None}
        draft = PreparedInference(self.workload.model_copy(update=changes))
        if draft.language is None:
            raise invalid_field("speculative.draft", "the draft must be a model that generates text")
        return draft

    @cached_property
    def compute_type(self) -> DType:
        """The type of activations: 16 bits for every quantized format."""
        return COMPUTE_TYPES.get(self.workload.weight_format, BF16)

    @cached_property
    def inputs(self) -> Inputs:
        """Sizes of the pass that decides the need: the prompt in one prefill, or one image batch."""
        workload = self.workload
        writes = generating(self.network, workload) is not None
        return Inputs(
            batch=workload.concurrent_sequences if self.language else batch_of(workload) if writes else workload.batch_size,
            sequence=min(workload.prompt_tokens, workload.context_length) if self.language else workload.prompt_tokens,
            target=1 if writes else None,
            image=workload.image_size,
            frames=workload.frames,
            audio_seconds=workload.audio_seconds,
            text=workload.text_length,
            steps=workload.denoising_steps,
        )

    @cached_property
    def cache(self) -> Cache:
        """Keys and values of every layer, windows and padding respected."""
        return cache_of(self.network, self.workload, self.runtime)

    @cached_property
    def passes(self) -> tuple[Trace, ...]:
        """The passes of which one decides the need: the prefill of the prompt, and a decode step over the full cache; or one batch."""
        if self.language is None:
            return (self._traced(lambda tape: self.network.forward(tape, self.inputs)),)
        workload, prompt = self.workload, self.inputs
        found = []
        if workload.prompt_tokens > 1:
            found.append(self._generated(prompt, cached=0))
        if workload.context_length > workload.prompt_tokens:
            found.append(self._generated(Inputs(batch=prompt.batch, sequence=1), cached=workload.context_length))
        return tuple(found) or (self._generated(prompt, cached=1),)

    def _generated(self, inputs: Inputs, *, cached: int) -> Trace:
        """The pass of a model that generates text over so many cached positions; each is traced once for all sizes that have it."""
        if (inputs, cached) not in self._traces:
            self._traces[inputs, cached] = self._traced(lambda tape: self._generate(tape, inputs, cached=cached))
        return self._traces[inputs, cached]

    def _traced(self, run: Callable[[Tape], object]) -> Trace:
        return trace_forward(self.network, run, self.compute_type, self.network.vocabulary)

    def _generate(self, tape: Tape, inputs: Inputs, *, cached: int) -> object:
        language = cast("LanguageModel", self.language)
        cache = language.prefilled_cache(tape, inputs.batch, cached, self.compute_type) if cached else KvCache(tape)
        return language.generate(tape, inputs, cache, last_logits_only=self.workload.logits == "last"), cache

    @cached_property
    def residual(self) -> Residual:
        """Residual of the family on the tape, or of the runtime's own buffers."""
        if self.prepared.residual is SIZE_ONLY:
            return SIZE_ONLY
        if self.runtime.buffer or self.runtime.arena:
            return self.runtime.residual
        return UNMEASURED if generating(self.network, self.workload) else self.prepared.residual

    def gpu_memory(self, spread: Sharding, gpu: Gpu | None = None, gpu_share: float | None = None) -> GpuMemory:
        """The ledger of the fullest GPU, with this share of the layers on GPUs; None: as asked for."""
        share = self.gpu_share if gpu_share is None else gpu_share
        shared = [_shared(_on_gpu(term, share), spread, self.layers) for term in self._terms]
        shared += self._draft_terms
        allocated = sum(term.bytes for term in shared)
        extra = self._overheads(shared, spread, gpu)
        return GpuMemory(
            peak_allocated_bytes=allocated,
            ledger=Ledger((*shared, *extra)),
            interval=interval(allocated, sum(term.bytes for term in extra), self.residual),
            peak_phase="forward",
        )

    @cached_property
    def _terms(self) -> list[Term]:
        """What lies on one GPU that has everything, whichever it is."""
        return self._runtime_terms() if self.runtime.buffer else self._traced_terms()

    @cached_property
    def _draft_terms(self) -> list[Term]:
        """The draft model lies whole on every card."""
        draft = self.draft
        if draft is None:
            return []
        return [
            _term("draft_weights", "Draft model, weights", draft.weights, draft.weights_formula(draft.weights), "weights of the format"),
            _term("draft_cache", "Draft model, cache", draft.cache.bytes, draft.cache.formula, "model configuration"),
        ]

    def _traced_terms(self) -> list[Term]:
        """What is alive at the peak of the deciding pass, with the weights and the cache in their own formats."""
        kind = self.workload.cpu_offload
        if isinstance(self.network, Pipeline) and kind in PARTS:
            stage = fullest_stage(self.network, self.inputs, str(kind), self.compute_type, self._weights_of)
            shares = {Category.WEIGHTS: stage.weights}
            return terms_of(stage.moment, shares, {Category.WEIGHTS: f"the part that needs most ({kind} offload)"})
        peak = max((trace.peak for trace in self.passes), key=self._in_own_formats)
        shares = {Category.WEIGHTS: self._weights_at(peak), Category.KV_CACHE: self._cache_at(peak)}
        notes = {
            Category.WEIGHTS: self.weights_formula(shares[Category.WEIGHTS]),
            Category.KV_CACHE: self.cache.formula,
            Category.ACTIVATIONS: self._pass_formula(),
        }
        kept = self._cache_terms() if generating(self.network, self.workload) else []
        return [*terms_of(peak, shares, notes), *kept, *self._unpacked_terms()]

    def _unpacked_terms(self) -> list[Term]:
        """bitsandbytes unpacks a whole matrix for every product with more than one token."""
        if self.workload.weight_format not in UNPACKED_FORMATS or self.language is None:
            return []
        copies = UNPACKED_COPIES.get(self.workload.runtime, 1)
        elements = largest_packed_matrix(self.network, pack_heads=self._packs_heads)
        formula = f"{copies} x {elements:,} elements of the largest matrix x 2 B"
        return [_term("unpacked_matrix", "Unpacked matrix", 2 * copies * elements, formula, "bitsandbytes, MatMul4Bit")]

    def _in_own_formats(self, moment: Moment) -> int:
        return moment.total_bytes - moment.bytes_of(Category.KV_CACHE) + self._cache_at(moment)

    def _weights_at(self, moment: Moment) -> int:
        """As the allocator holds them where they are in the traced type, else as the format packs them."""
        plain = self.workload.weight_format in ("fp32", "fp16", "bf16") and self.prepared.scale == 1.0 and self.file_weights is None
        return moment.bytes_of(Category.WEIGHTS) if plain else self.weights

    def _cache_at(self, moment: Moment) -> int:
        return moment.bytes_of(Category.KV_CACHE) * kv_bytes(1024, self.workload.kv_cache_format) // (1024 * self.compute_type.bytes)

    def _runtime_terms(self) -> list[Term]:
        runtime = self.runtime
        buffer = runtime.buffer(self.pass_shape) if runtime.buffer else 0
        return [
            self._weights_term(self.weights - self.weights_in_ram),
            *self._cache_terms(),
            _term("compute_buffer", "Compute buffers", buffer, runtime.formula, runtime.source),
        ]

    def _cache_terms(self) -> list[Term]:
        cache = self.cache
        return [_term("kv_cache", "Key-value cache", cache.bytes, cache.formula, "model configuration")] if cache.bytes else []

    def _weights_term(self, count: int) -> Term:
        source = "per-tensor rules of the format" if self.file_weights is None else "tensor table of the uploaded file"
        kept = f"; {format_binary(self.weights_in_ram)} of embeddings in RAM" if self.weights_in_ram else ""
        return _term("weights", f"Weights, {self.workload.weight_format}", count, self.weights_formula(count) + kept, source)

    def weights_formula(self, count: int) -> str:
        """How so many bytes of weights come about."""
        bits = 8 * count / max(1, self.parameters.total)
        return f"{self.parameters.total:,} parameters x {bits:.3f} bits on average ({self.workload.weight_format})"

    def _pass_formula(self) -> str:
        inputs = self.inputs
        return f"{inputs.batch} x {inputs.sequence} tokens in one pass" if self.language else f"{inputs.batch} samples in one pass"

    @cached_property
    def pass_shape(self) -> PassShape:
        """Sizes that the runtime's buffers depend on, from the network's matrices."""
        hidden, feed_forward, heads = self.network.widths()
        return PassShape(
            hidden=hidden, feed_forward=feed_forward, vocabulary=self.network.vocabulary or 0, heads=heads,
            prompt=self.workload.prompt_tokens, context=self.workload.context_length, sequences=self.inputs.batch,
            kv_is_16_bit=self.workload.kv_cache_format in ("fp16", "bf16", "fp32"), flash=self.workload.attention != "eager",
        )  # fmt: skip

    def _overheads(self, terms: list[Term], spread: Sharding, gpu: Gpu | None) -> list[Term]:
        moving = sum(term.bytes for term in terms if term.key in ("activations", "logits_loss", "compute_buffer"))
        communicators = overheads.communicator_term(spread.tensor)
        context = overheads.context_term(gpu)
        if self.runtime.context_bytes is not None:
            count = self.runtime.context_bytes
            context = _term("device_context", "Device context and kernels", count, "context and cuBLAS", "llama.cpp start-up logs")
        return [
            overheads.fragmentation_term(moving, overheads.INFERENCE_FRAGMENTATION),
            *self._set_aside(terms),
            *([] if self.runtime.buffer else [overheads.workspace_term(gpu)]),
            *([communicators] if communicators else []),
            context,
        ]

    def _set_aside(self, terms: list[Term]) -> list[Term]:
        """CUDA graphs, and what an arena that grows in powers of two takes beyond what is asked of it."""
        runtime, found = self.runtime, []
        if runtime.graphs_bytes:
            found.append(_term("cuda_graphs", "CUDA graphs", runtime.graphs_bytes, "graphs of all batch sizes", runtime.source))
        if runtime.arena:
            moving = sum(term.bytes for term in terms if term.key != "weights")
            count = (1 << max(SMALLEST_ARENA, moving - 1).bit_length()) - moving
            found.append(_term("arena", "Arena beyond what is used", count, "the next power of two", runtime.source))
        return found


def _format_of(workload: InferenceWorkload) -> tuple[object, ...]:
    return (workload.weight_format, workload.bits_per_weight, workload.group_size)


def _generator(network: Network) -> LanguageModel | None:
    """The network where it generates text from a cache."""
    return network if isinstance(network, LanguageModel) and network.cache_layers() else None


def _term(key: str, label: str, count: int, formula: str, source: str) -> Term:
    return Term(key=key, label=label, bytes=count, formula=f"{formula} = {format_binary(count)}", source=source)


def _on_gpu(term: Term, share: float) -> Term:
    """A term's share that stays on the GPU when layers are kept in RAM."""
    if share == 1.0 or term.key not in ("weights", "kv_cache"):
        return term
    return replace(term, bytes=round(term.bytes * share), formula=f"{term.formula}; {share:.0%} of the layers on the GPU")


def _shared(term: Term, spread: Sharding, layers: int) -> Term:
    """A term's share on the fullest GPU: weights and cache go by whole layers, or evenly by tensor parallelism; buffers stay whole."""
    parts = spread.tensor * spread.pipeline
    if parts == 1 or term.key not in ("weights", "kv_cache"):
        return term
    if spread.pipeline > 1 and layers:
        count = ceil_div(term.bytes * ceil_div(layers, spread.pipeline), layers * spread.tensor)
        how = f"{ceil_div(layers, spread.pipeline)} of {layers} layers"
    else:
        count, how = ceil_div(term.bytes, parts), f"1 / {parts}"
    return replace(term, bytes=count, formula=f"{term.formula}; {how} on this GPU")
