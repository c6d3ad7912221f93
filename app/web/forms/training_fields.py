"""Fields of the tab "Train"."""

from app.web.forms.codecs import COUNT, NAMES, NUMBER, PART_TRAINED, TOKENS, YES_NO
from app.web.forms.field import Choice, Tab, choices, chosen, typed
from app.web.forms.shared_fields import DATA, DATA_ADVANCED, FAMILY, LIMITS, LIMITS_ADVANCED, NO_OR_YES, SEQUENCES_AND_EXPERTS, SPREADING

OPTIMIZERS = choices(
    adamw="AdamW",
    adam="Adam",
    adamw_8bit="AdamW, 8-bit",
    paged_adamw_8bit="AdamW, 8-bit paged",
    paged_adamw="AdamW, paged",
    sgd="SGD",
    sgd_momentum="SGD, momentum",
    rmsprop="RMSprop",
    adagrad="Adagrad",
    adafactor="Adafactor",
    lion="Lion",
    muon="Muon",
)
PRECISIONS = choices(
    bf16="BF16", amp_bf16="BF16 mixed", amp_fp16="FP16 mixed", fp16="FP16", tf32="TF32", fp32="FP32", fp8="FP8", fp64="FP64"
)
METHODS = choices(lora="Fine-tune with LoRA", qlora="Fine-tune with QLoRA", full="Train all weights", frozen="Train the head only")

METHOD = chosen("method", "What are you doing?", "workload.tuning.method", METHODS, when="training", wide=True)
PRECISION = chosen("precision", "Precision", "workload.precision", PRECISIONS)
OPTIMIZER = chosen("optimizer", "Optimizer", "workload.optimizer", OPTIMIZERS)
CHECKPOINTING = chosen(
    "checkpointing",
    "Checkpointing",
    "workload.activation_checkpointing",
    choices(full="Full", selective="Selective", none="None"),
)
RANK = typed("rank", "LoRA rank", "workload.tuning.rank", COUNT, "16", when="adapter")
TRAINED_PART = typed("trainable", "Layers trained", "workload.tuning.trainable", PART_TRAINED, "head", when="frozen", hint="or e.g. 8")
ATTENTION = chosen("attention", "Attention kernel", "workload.attention", choices(sdpa="SDPA", flash="FlashAttention", eager="Eager"))
DEVICE = chosen("device", "Runs on", "workload.device", choices(gpu="GPU", cpu="Processor"))

TRAINING_ADVANCED = (
    typed("accumulate", "Accumulation steps", "workload.gradient_accumulation_steps", COUNT, "1"),
    typed("clipping", "Gradient clipping", "workload.gradient_clipping", NUMBER, hint="e.g. 1.0"),
    chosen("framework", "Framework", "workload.framework", choices(pytorch="PyTorch", tensorflow="TensorFlow", keras="Keras", jax="JAX")),
    chosen(
        "implementation",
        "Optimizer kernels",
        "workload.optimizer_implementation",
        (Choice("foreach", "foreach"), Choice("fused", "fused"), Choice("for_loop", "for loop")),
    ),
    chosen("averaging", "Averaged weights (EMA)", "workload.weight_averaging", NO_OR_YES, codec=YES_NO),
    chosen("fused_loss", "Fused cross-entropy", "workload.fused_cross_entropy", NO_OR_YES, codec=YES_NO),
    chosen("compile", "torch.compile", "workload.compile", NO_OR_YES, codec=YES_NO),
)
ADAPTER_ADVANCED = (
    chosen(
        "targets",
        "LoRA targets",
        "workload.tuning.target_modules",
        choices(all_linear="All linear layers", attention="Attention only"),
        when="adapter",
    ),
    chosen("dora", "DoRA", "workload.tuning.dora", NO_OR_YES, codec=YES_NO, when="adapter"),
    typed("dropout", "LoRA dropout", "workload.tuning.dropout", NUMBER, "0", when="adapter"),
    chosen(
        "adapters",
        "Adapter precision",
        "workload.tuning.adapter_precision",
        choices(fp32="FP32", bf16="BF16", fp16="FP16"),
        when="adapter",
    ),
    typed("also_train", "Also trained", "workload.tuning.modules_to_save", NAMES, hint="e.g. embed_tokens", when="adapter"),
)

TRAIN = Tab(
    name="train",
    label="Train",
    model_default="meta-llama/Llama-3.1-8B",
    job=(
        METHOD,
        typed("sequence", "Sequence length", "workload.sequence_length", TOKENS, "4096"),
        typed("batch", "Batch per GPU", "workload.micro_batch_size", COUNT, "4"),
        PRECISION,
        OPTIMIZER,
        CHECKPOINTING,
        RANK,
        TRAINED_PART,
    ),
    data=DATA,
    limits=LIMITS,
    advanced=(
        *TRAINING_ADVANCED,
        ATTENTION,
        DEVICE,
        *ADAPTER_ADVANCED,
        typed("target_length", "Target length", "workload.target_length", TOKENS, hint="a quarter of it"),
        *SPREADING,
        *SEQUENCES_AND_EXPERTS,
        *DATA_ADVANCED,
        FAMILY,
        *LIMITS_ADVANCED,
    ),
)
