"""Which number formats this processor multiplies quickly."""

from functools import cache
from typing import Literal

Precision = Literal["int8", "bfloat16", "float32"]
"""Of a product that is only a first look: see `glassdex.sae.screen`."""


@cache
def cpu_features() -> frozenset[str]:
    """Names of the instruction sets of this processor, as LLVM has them."""
    from llvmlite import binding

    return frozenset(name for name, there in binding.get_host_cpu_features().items() if there)


def native_bfloat16() -> bool:
    """Whether products of bfloat16 are computed by instructions of their own."""
    return bool(cpu_features() & {"avx512bf16", "amx-bf16"})


def native_int8() -> bool:
    """Whether products of int8 are computed by instructions of their own."""
    return bool(cpu_features() & {"avx512vnni", "amx-int8"})


def quickest() -> Precision:
    """int8, else bfloat16, else float32: in the order of their speed where they are native."""
    if native_int8():
        return "int8"
    return "bfloat16" if native_bfloat16() else "float32"
