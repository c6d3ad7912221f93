"""Fields of the tab "Images": networks that read or make pictures, trained or run."""

from app.web.forms.codecs import COUNT, IMAGE_SIZE
from app.web.forms.field import Choice, Tab, choices, chosen, typed
from app.web.forms.running_fields import FORMATS, RUNTIME
from app.web.forms.shared_fields import DATA, DATA_ADVANCED, FAMILY, LIMITS, LIMITS_ADVANCED, SPREADING
from app.web.forms.training_fields import (
    ADAPTER_ADVANCED,
    ATTENTION,
    CHECKPOINTING,
    DEVICE,
    METHOD,
    OPTIMIZER,
    PRECISION,
    RANK,
    TRAINED_PART,
    TRAINING_ADVANCED,
)

_METHODS = choices(full="Train all weights", frozen="Train the head only", lora="Fine-tune with LoRA", run="Run the model")
_RUNTIMES = (
    Choice("pytorch", "PyTorch"),
    Choice("diffusers", "Diffusers"),
    Choice("transformers", "Transformers"),
    Choice("onnxruntime", "ONNX Runtime"),
)
_OFFLOAD = choices(none="Nothing", model="Parts that wait (model offload)", sequential="All but one layer (sequential offload)")
_DECODING = choices(whole="All at once", sliced="Image by image (slicing)", tiled="Tile by tile (tiling)")
_COMPONENTS = choices(pipeline="The whole pipeline", denoiser="The denoiser alone")

IMAGES = Tab(
    name="images",
    label="Images",
    model_default="resnet50",
    job=(
        METHOD.but(default="full", choices=_METHODS),
        typed("size", "Image size, px", "workload.image_size", IMAGE_SIZE, "224"),
        typed("batch", "Batch per GPU", "workload.micro_batch_size", COUNT, "64", when="training"),
        typed("inputs", "Images at once", "workload.batch_size", COUNT, "1", when="running"),
        PRECISION.but(default="amp_fp16", when="training"),
        OPTIMIZER.but(default="sgd_momentum", when="training"),
        CHECKPOINTING.but(default="none", when="training"),
        RANK,
        TRAINED_PART,
        chosen("weights", "Weights", "workload.weight_format", FORMATS, when="running").but(default="fp16"),
        RUNTIME.but(default="pytorch", when="running", choices=_RUNTIMES),
    ),
    data=DATA,
    limits=LIMITS,
    advanced=(
        *(field.but(when="training") for field in TRAINING_ADVANCED),
        ATTENTION,
        DEVICE,
        *ADAPTER_ADVANCED,
        typed("steps", "Denoising passes", "workload.denoising_steps", COUNT, "30", when="running"),
        chosen("components", "Diffusion runs", "workload.components", _COMPONENTS, when="running"),
        chosen("waiting_parts", "Pipeline in RAM", "workload.cpu_offload", _OFFLOAD, when="running"),
        chosen("decoding", "Latents decoded", "workload.latent_decoding", _DECODING, when="running"),
        typed("frames", "Frames", "workload.frames", COUNT, hint="video models"),
        *SPREADING,
        *DATA_ADVANCED,
        FAMILY.but(default="convolutional"),
        *LIMITS_ADVANCED,
    ),
)
