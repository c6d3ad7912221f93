"""What a card can do: its class, its peak rate by number type, and the shares of the peaks that kernels reach on that class.

Shares were fitted on the public measured rows of tests/ground_truth/published_speed.json (`benchmarks/accuracy_speed.py`), over all rows
of a class together; classes without rows take the values of the nearest measured class, and speeds there say "model".
"""

from dataclasses import dataclass

from app.hardware import Gpu

TERA = 1e12
GIGA = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceClass:
    """Cards whose kernels reach like shares of the peaks."""

    name: str
    matmul: float  # of the dense matrix rate, large products in training
    convolution: float
    attention: float  # fused attention kernels
    bandwidth: float  # elementwise, normalization, optimizer: streams of large tensors
    decode: float  # matrix-vector products of decoding, 16-bit weights
    prefill: float  # prompt processing: factor on the share of the matrix rate that a runtime reaches
    fixed_cost: float  # factor on a runtime's fixed cost of a block: wide cards wait longer for small kernels
    host_launch_us: float  # of one operator of an eager framework, on the host that such a card usually sits in


HBM = DeviceClass(
    name="NVIDIA with HBM",
    matmul=0.68,
    convolution=0.55,
    attention=0.45,
    bandwidth=0.75,
    decode=0.78,
    prefill=1.0,
    fixed_cost=1.9,
    host_launch_us=7,
)
GDDR = DeviceClass(
    name="NVIDIA with GDDR and tensor cores", matmul=0.75, convolution=0.6, attention=0.5, bandwidth=0.85, decode=0.9, prefill=1.0,
    fixed_cost=1.0, host_launch_us=6,
)  # fmt: skip
OLD = DeviceClass(
    name="NVIDIA without tensor cores", matmul=0.75, convolution=0.6, attention=0.4, bandwidth=0.75, decode=0.8, prefill=0.6,
    fixed_cost=1.5, host_launch_us=8,
)  # fmt: skip
CDNA = DeviceClass(
    name="AMD Instinct",
    matmul=0.45,
    convolution=0.35,
    attention=0.3,
    bandwidth=0.65,
    decode=0.6,
    prefill=0.7,
    fixed_cost=2.0,
    host_launch_us=9,
)
RDNA = DeviceClass(
    name="AMD Radeon",
    matmul=0.45,
    convolution=0.35,
    attention=0.25,
    bandwidth=0.75,
    decode=0.75,
    prefill=1.1,
    fixed_cost=1.2,
    host_launch_us=9,
)
APPLE = DeviceClass(
    name="Apple silicon",
    matmul=0.65,
    convolution=0.45,
    attention=0.35,
    bandwidth=0.8,
    decode=0.87,
    prefill=1.55,
    fixed_cost=1.5,
    host_launch_us=10,
)
XE = DeviceClass(
    name="Intel Arc",
    matmul=0.4,
    convolution=0.3,
    attention=0.25,
    bandwidth=0.65,
    decode=0.55,
    prefill=0.6,
    fixed_cost=2.0,
    host_launch_us=10,
)
MATRIX = DeviceClass(
    name="TPU and Gaudi",
    matmul=0.55,
    convolution=0.45,
    attention=0.4,
    bandwidth=0.7,
    decode=0.65,
    prefill=1.0,
    fixed_cost=2.0,
    host_launch_us=5,
)

_BY_VENDOR = {"apple": APPLE, "intel": XE, "google": MATRIX}


def device_class(gpu: Gpu) -> DeviceClass:
    """The class of a card, by vendor, memory and tensor cores."""
    architecture, vendor = gpu.architecture.lower(), gpu.vendor.lower()
    if architecture.startswith("gaudi") or vendor == "google":
        return MATRIX
    if vendor == "amd":
        return RDNA if architecture.startswith("rdna") else CDNA
    if vendor in _BY_VENDOR:
        return _BY_VENDOR[vendor]
    if not has_tensor_cores(gpu):
        return OLD
    return HBM if "HBM" in gpu.memory_type else GDDR


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
