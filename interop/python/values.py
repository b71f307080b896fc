"""Values that must survive the router unchanged."""

# The largest and smallest integers that every format and every client keeps exact.
MAX_SAFE_INTEGER = 2**53

# One of each: what an application may put into args and kwargs, in every format.
RICH = {
    "null": None,
    "booleans": [True, False],
    "integers": [
        0,
        -1,
        23,
        24,
        255,
        256,
        65535,
        65536,
        -32769,
        2**31,
        2**32,
        MAX_SAFE_INTEGER,
        -MAX_SAFE_INTEGER,
    ],
    "floats": [0.5, -1.25, 3.141592653589793, 1e308, 5e-324, -2.2250738585072014e-308],
    "text": [
        "",
        "plain",
        'quote " backslash \\ slash / tab \t newline \n',
        "Grüße, Ελλάδα, Ünïcödé",
        "日本語 한국어",
        "\U0001f980\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "inner \u0000 nul, \u2028 line separator",
        "x" * 70000,
    ],
    "nested": [[], {}, [[[[{"deep": [{"er": {}}]}]]]], {"a": {"b": {"c": [1, [2, [3]]]}}}],
    "ключ": {"": "empty key", "with space": 1, "\U0001f511": "key"},
}

# Binary values: bytes of their own in MessagePack and CBOR, a NUL and base64 in JSON.
BINARY = [b"\x00", b"flowgate", bytes(range(256)), b"\xff" * 5000]
