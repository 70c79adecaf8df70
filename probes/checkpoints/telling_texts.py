"""On which texts do tokenizers differ, when they do?"""

from __future__ import annotations

TELLING = (
    *("a", " ", "Paris", " Paris", "  Paris", "Paris  is", "Paris ", "Paris  \t ", "\u00a0Paris\u2003is", "\u200bParis"),
    *("7", "12", "4567", "12345678", "3.14159", "1,234,567", "x = 12 + 34", "2024-07-26 10:05", "\u0663\u0664", "t½≈3h", "x²"),
    *("don't", "I'LL we've they'RE it's", "’s don’t", "rock'n'roll", "MiXeD CaSe camelCase HTTPServer", "naïve Zürich ÉCOLE"),
    *("café", "cafe\u0301", "ﬁ Å Å", "東京 は日本", "中文，测试。", "한국어", "שלום עולם", "Привет, мир!", "ไทย", "🙂", "🇵🇪 👩‍👩‍👧 👍🏽"),
    *("\n", "\n\n", "a\nb", "a\n\n\n b\r\nc", "a\tb\t\tc", " \n \n", ".\n\n", "a\n\tb  c"),
    *("...", "!!! ???", "«a»—b…", "a/b\\c_d-e@f.g", "$100 50% #1 & * ~ ^ | <>", "“a” ‘b’", "(a)[b]{c}", "``a``"),
    *("def f(x):\n    return x**2  # y\n", "if (a != b) { c += 1; }", "https://a.example/b?c=d&e=1", "<b>a</b>", "\\frac{1}{2}"),
    *("Dosage: 2.5mg/kg", "ALL CAPS", "supercalifragilistic", "aaaaaaaaaaaa", "\x00\x07", "▁Paris", "ĠParis", "<0x41>"),
    "Question: Which city is the capital of France?\nAnswer:",
)  # fmt: skip
"""Texts on which pipelines differ when they do: digits, contractions, white space, scripts, accents, signs, code."""
