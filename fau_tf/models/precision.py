"""The type in which layers compute that 16 bits would spoil; trunk, decoder and head use it."""

import keras


def at_least_float32() -> str:
    """Return the type that layers compute in, or float32 where that has 16 bits."""
    policy = keras.config.dtype_policy().compute_dtype
    return "float32" if policy in ("bfloat16", "float16") else policy
