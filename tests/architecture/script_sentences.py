"""Where does a script of a page branch on, parse or compare a sentence? The same walk as over Python, by patterns: none parses scripts."""

from __future__ import annotations

import re

from compared_sentences import LABEL, SENTENCE

TEXT = r"""(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)"""
EQUAL = r"[=!]==?"
METHODS = r"startsWith|endsWith|includes|indexOf|lastIndexOf|split|replace|replaceAll"
PATTERN = r"/(?![/*])(?:[^/\\\n]|\\.)+/[a-z]*"
COMMENT = re.compile(rf"({TEXT})|//[^\n]*|/\*.*?\*/", re.DOTALL)
NAMED = re.compile(rf"\bconst (\w+) = ({TEXT})")
WHOLE = [
    re.compile(rf"{EQUAL}\s*({TEXT}|[A-Z_]+\b)"),
    re.compile(rf"({TEXT}|\b[A-Z_]+)\s*{EQUAL}"),
    re.compile(rf"\bcase\s+({TEXT}|[A-Z_]+)\s*:"),
    re.compile(rf"\[((?:{TEXT}|[\s,])+)\]\.(?:includes|indexOf)\("),
]
"""A text held against another as a whole."""
PARTS = [
    re.compile(rf"\.(?:{METHODS})\(\s*({TEXT}|[A-Z_]+\b)"),
    re.compile(rf"\.(?:match|matchAll|search|replace|replaceAll|split)\(\s*({PATTERN})"),
    re.compile(rf"({PATTERN})\.(?:test|exec)\("),
]
"""A text taken apart: here labels count too."""


def compared_in_script(script: str) -> list[str]:
    """What is compared, in the order in which it is found."""
    code = COMMENT.sub(lambda match: match[1] or "", script)
    named = dict(NAMED.findall(code))

    def texts(found: str) -> list[str]:
        held = named.get(found, found)
        return [held[1:-1]] if held.startswith("/") else [text[1:-1] for text in re.findall(TEXT, held)]

    whole = [text for pattern in WHOLE for found in pattern.findall(code) for text in texts(found)]
    parts = [text for pattern in PARTS for found in pattern.findall(code) for text in texts(found)]
    return [text for text in whole if SENTENCE.search(text)] + [
        text for text in parts if SENTENCE.search(text) or LABEL.search(text)
    ]
