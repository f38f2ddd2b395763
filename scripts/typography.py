"""How a text is set: curly apostrophes, French signs on the line of their word; what a machine reads is left as it is.

scripts/messages.py sets the catalogues so, and refuses what is not.
"""

import re

NAMED = re.compile(r"%\(\w+\)[-#0+]*\d*(?:\.\d+)?[a-zA-Z]")
POSITIONAL = re.compile(r"%[-#0+]*\d*(?:\.\d+)?[diouxXeEfFgGcrsa]")
BRACES = re.compile(r"\{[\w.\[\]]*(?:![rsa])?(?::[^{}]*)?\}")
TAG = re.compile(r"</?[A-Za-z][^<>]*>")
# What a machine reads: code and keys with what stands between their tags, tags with their attributes, addresses.
MACHINES = re.compile(
    rf"<(?P<code>code|kbd|pre)\b.*?</(?P=code)>|`[^`]*`|\w+://[^\s<>]+|{TAG.pattern}|{NAMED.pattern}|{BRACES.pattern}",
    re.DOTALL,
)
APOSTROPHE = re.compile(r"(?<!\d)'|'(?!\d)")  # between digits it is a length of time
BEFORE_A_SIGN = re.compile(r" (?=[:;?!»](?!\w))")  # a sign with a letter after it is a port or a query
NO_BREAK = "\N{NO-BREAK SPACE}"
AFTER_A_GUILLEMET = re.compile("(?<=«) ")


def typeset(text: str, language: str) -> str:
    """A text as a printer sets it: curly apostrophes, and French signs on the line of the word that they follow."""
    parts, end = [], 0
    for machine in MACHINES.finditer(text):
        parts += [_typeset(text[end : machine.start()], language), machine.group()]
        end = machine.end()
    return "".join([*parts, _typeset(text[end:], language)])


def _typeset(text: str, language: str) -> str:
    text = APOSTROPHE.sub("’", text)
    if language == "fr":
        text = AFTER_A_GUILLEMET.sub(NO_BREAK, BEFORE_A_SIGN.sub(NO_BREAK, text))
    return text
