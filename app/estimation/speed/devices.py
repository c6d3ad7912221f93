"""What a card can do: its class, its peak rate by number type, and the shares of the peaks that kernels reach on that class.

Shares were fitted on the public measured rows of tests/ground_truth/published_speed.json (`benchmarks/accuracy_speed.py`), over all rows
of a class together; classes without rows take the values of the nearest measured class, and speeds there say "model".
"""

from dataclasses import dataclass, replace

from app.hardware import Gpu

TERA = 1e12
GIGA = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceClass:
    """Cards whose kernels reach like shares of the peaks."""

    name: str
    matmul: float  # of the dense matrix rate: large products of a training step
    bandwidth: float  # elementwise, normalization, optimizer: streams of large tensors
    decode: float  # of the bandwidth: matrix-vector products of decoding with 16-bit weights
    prefill: float = 1.0  # prompt processing: factor on the share of the matrix rate that a runtime reaches
    fixed_cost: float = 1.0  # factor on a runtime's fixed cost of a block: wide cards wait longer for small kernels
    launch_us: float = 20.0  # one operator of an eager framework on the host; set by hand, BERT rows of one sequence suggest more


# Training shares of NVIDIA's classes: least squares over 73 training rows (MPT, BERT, Llama, ResNet-50), each source weighing the same.
# MPT and BERT were traced as GPT-NeoX networks of their dimensions; llm.c, llmq, timm and Detectron2 rows were left out of the fit.
# Half-rate GeForce cards come close to their peak; the larger the peak, the less of it is reached.
VOLTA = DeviceClass(name="NVIDIA Volta", matmul=0.69, bandwidth=0.62, decode=0.78, fixed_cost=1.9)
AMPERE = replace(VOLTA, name="NVIDIA Ampere with HBM", matmul=0.81)
HOPPER = replace(VOLTA, name="NVIDIA Hopper", matmul=0.63)
BLACKWELL = replace(VOLTA, name="NVIDIA Blackwell with HBM", matmul=0.47)
GEFORCE = DeviceClass(name="NVIDIA GeForce RTX", matmul=0.92, bandwidth=0.84, decode=0.9)
WORKSTATION = replace(GEFORCE, name="NVIDIA RTX at full rate, GDDR", matmul=0.61)
OLD = DeviceClass(name="NVIDIA without tensor cores", matmul=0.75, bandwidth=0.75, decode=0.8, prefill=0.6, fixed_cost=1.5)
RDNA = DeviceClass(name="AMD Radeon", matmul=0.45, bandwidth=0.75, decode=0.75, prefill=1.1, fixed_cost=1.2)
APPLE = DeviceClass(name="Apple silicon", matmul=0.65, bandwidth=0.8, decode=0.87, prefill=1.55, fixed_cost=1.5)
# No public row measures the classes below: cautious shares, and speeds there are marked "model".
CDNA = DeviceClass(name="AMD Instinct", matmul=0.45, bandwidth=0.6, decode=0.6, prefill=0.7, fixed_cost=2.0)
XE = DeviceClass(name="Intel Arc", matmul=0.4, bandwidth=0.65, decode=0.55, prefill=0.6, fixed_cost=2.0)
MATRIX = DeviceClass(name="TPU and Gaudi", matmul=0.55, bandwidth=0.65, decode=0.65, fixed_cost=2.0)

_BY_VENDOR = {"apple": APPLE, "intel": XE, "google": MATRIX}
_WITH_HBM = {"Volta": VOLTA, "Ampere": AMPERE, "Hopper": HOPPER}


def device_class(gpu: Gpu) -> DeviceClass:
    """The class of a card, by vendor, architecture, memory and tensor cores."""
    vendor = gpu.vendor.lower()
    if vendor == "amd":
        return RDNA if gpu.architecture.startswith("RDNA") else CDNA
    if gpu.architecture.startswith("Gaudi"):
        return MATRIX
    return _BY_VENDOR.get(vendor) or _nvidia_class(gpu)


def _nvidia_class(gpu: Gpu) -> DeviceClass:
    if not has_tensor_cores(gpu):
        return OLD
    if "HBM" in gpu.memory_type:
        return _WITH_HBM.get(gpu.architecture, BLACKWELL)
    return GEFORCE if halved_accumulation(gpu) else WORKSTATION


def has_tensor_cores(gpu: Gpu) -> bool:
    """Whether an NVIDIA card has them: Volta and later, but not the GTX 16 series."""
    capability = float(gpu.compute_capability or 0)
    if capability < 7.0:
        return bool(not gpu.compute_capability and gpu.fp16_tflops and gpu.fp16_tflops > 1.5 * (gpu.fp32_tflops or 0))
    return "GTX" not in gpu.name


def halved_accumulation(gpu: Gpu) -> bool:
    """Whether accumulating in FP32 halves the matrix rate: GeForce RTX. Source: NVIDIA's architecture papers (Turing, Ampere, Ada)."""
    return gpu.segment == "consumer" and "RTX" in gpu.name and "TITAN" not in gpu.name.upper() and "NVIDIA" in gpu.vendor.upper()


def vector_flops(gpu: Gpu) -> float:
    """FP32 rate of the ordinary units, FLOP/s; where the catalogue has none, a sixteenth of the matrix rate (A100: 19.5 of 312)."""
    if gpu.fp32_tflops:
        return gpu.fp32_tflops * TERA
    matrix = gpu.fp16_tflops or gpu.bf16_tflops
    return (matrix / 16 if matrix else gpu.bandwidth_gb_s / 50) * TERA


def half_flops(gpu: Gpu, *, bf16: bool, fp16_accumulation: bool = False) -> float:
    """Matrix rate for 16-bit numbers, FLOP/s. Cards without the type compute in FP32."""
    rate = gpu.bf16_tflops if bf16 else gpu.fp16_tflops or gpu.bf16_tflops
    if rate is None:
        return vector_flops(gpu)
    return rate * TERA * (2 if fp16_accumulation and halved_accumulation(gpu) else 1)


def matrix_flops(gpu: Gpu, dtype: str) -> float:
    """Dense matrix rate for operands of a type, FLOP/s: fp64 fp32 tf32 fp16 bf16 fp8 int8; fallbacks where a card lacks the type."""
    if dtype == "fp64":
        return vector_flops(gpu) / (2 if "HBM" in gpu.memory_type else 64)
    if dtype == "fp32":
        return vector_flops(gpu)
    bf16 = half_flops(gpu, bf16=True)
    if dtype == "tf32":
        return max(vector_flops(gpu), bf16 / 2 if gpu.bf16_tflops else 0.0)
    if dtype == "fp8":
        return gpu.fp8_tflops * TERA if gpu.fp8_tflops else bf16
    if dtype == "int8":
        return gpu.int8_tops * TERA if gpu.int8_tops else half_flops(gpu, bf16=False)
    return half_flops(gpu, bf16=dtype == "bf16")


def quantized_flops(gpu: Gpu, *, fp16_accumulation: bool) -> float:
    """Matrix rate for products with packed weights, FLOP/s.

    Tensor cores run them in 16 bits; cards without multiply 8-bit integers, four at a time (dp4a, Pascal and later; llama.cpp's MMQ).
    """
    if device_class(gpu) is OLD:
        return gpu.int8_tops * TERA if gpu.int8_tops else 4 * vector_flops(gpu)
    return half_flops(gpu, bf16=False, fp16_accumulation=fp16_accumulation)


def memory_bytes_per_second(gpu: Gpu) -> float:
    """Specified memory bandwidth, bytes per second."""
    return gpu.bandwidth_gb_s * GIGA
