"""What changed between two versions of a text, word by word, for people: made when it is read, never kept.

The texts are plain HTML of headings, paragraphs and lists (documents.py). What was added stands in <ins>, what went in
<del>, each begun by a word for those who hear the page instead of seeing it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from html import escape
from html.parser import HTMLParser
from itertools import groupby

from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

BLOCKS = ("h2", "h3", "p", "li")
WORD = re.compile(r"\s+|\w+|[^\w\s]")
ALIKE = 0.4  # of two passages: below it, one went and the other came


@dataclass(frozen=True, slots=True)
class Passage:
    """A heading, paragraph or item: its element and its words, without markup."""

    tag: str
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """One passage of the newer text; `old` is None where it is new, `new` where it went, both where it stays."""

    old: Passage | None
    new: Passage | None

    @property
    def is_change(self) -> bool:
        return self.old != self.new


class _Passages(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Passage] = []
        self._tag, self._words = "", ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in BLOCKS:
            self._tag, self._words = tag, ""
        elif tag == "br":
            self._words += " "

    def handle_endtag(self, tag: str) -> None:
        if tag == self._tag:
            self.found.append(Passage(tag, " ".join(self._words.split())))
            self._tag = ""

    def handle_data(self, data: str) -> None:
        self._words += data


def passages(text: str) -> tuple[Passage, ...]:
    """The passages of a legal text in their order."""
    parser = _Passages()
    parser.feed(text)
    parser.close()
    return tuple(parser.found)


@lru_cache(maxsize=64)
def changes(old: str, new: str) -> tuple[Change, ...]:
    """The whole newer text, with what went from the older one in its place."""
    before, after = passages(old), passages(new)
    found: list[Change] = []
    for kind, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            found += [Change(one, one) for one in after[k:m]]
        else:
            found += _paired(before[i:j], after[k:m])
    return tuple(found)


def _paired(old: Sequence[Passage], new: Sequence[Passage]) -> Iterator[Change]:
    """Each passage beside the one that it was before, if any is like it; order is kept."""
    done = 0
    for passage in new:
        likes = [(_likeness(passage, other), -index) for index, other in enumerate(old[done:], done)]
        likeness, index = max(likes, default=(0.0, 0))
        if likeness < ALIKE:
            yield Change(None, passage)
            continue
        yield from (Change(one, None) for one in old[done:-index])
        yield Change(old[-index], passage)
        done = -index + 1
    yield from (Change(one, None) for one in old[done:])


def _likeness(one: Passage, other: Passage) -> float:
    if one.tag != other.tag:
        return 0.0
    return SequenceMatcher(None, one.text.split(), other.text.split(), autojunk=False).ratio()


def number(old: str, new: str) -> int:
    """How many passages differ."""
    return sum(change.is_change for change in changes(old, new))


def marked(old: str, new: str) -> SafeString:
    """The whole newer text as HTML, with what came and went marked, in the words of the language in force."""
    html = []
    for is_list, group in groupby(changes(old, new), key=lambda one: (one.new or one.old).tag == "li"):  # type: ignore[union-attr]
        inner = "\n".join(_html(change) for change in group)
        html.append(f"<ul>\n{inner}\n</ul>" if is_list else inner)
    return mark_safe("\n".join(html))  # every word was escaped by `_html`


def _html(change: Change) -> str:
    tag = (change.new or change.old).tag  # type: ignore[union-attr]
    if not change.is_change and change.new:
        return f"<{tag}>{escape(change.new.text)}</{tag}>"
    old, new = (WORD.findall(one.text) if one else [] for one in (change.old, change.new))
    return f'<{tag} class="changed">{"".join(_words(old, new))}</{tag}>'


def _words(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    for kind, i, j, k, m in _merged(SequenceMatcher(None, old, new, autojunk=False).get_opcodes(), old):
        if kind == "equal":
            yield escape("".join(old[i:j]))
            continue
        if gone := "".join(old[i:j]):
            yield f'<del><span class="sr-only">{escape(_("removed:"))} </span>{escape(gone)}</del>'
        if came := "".join(new[k:m]):
            yield f'<ins><span class="sr-only">{escape(_("added:"))} </span>{escape(came)}</ins>'


Opcode = tuple[str, int, int, int, int]


def _merged(opcodes: Sequence[Opcode], old: Sequence[str]) -> Iterator[Opcode]:
    """Changes that only a space or a comma parts are one change: nobody reads confetti."""
    held: Opcode | None = None
    for position, (kind, i, j, k, m) in enumerate(opcodes):
        is_last = position == len(opcodes) - 1
        is_thin = kind == "equal" and held and not is_last and not re.search(r"\w", "".join(old[i:j]))
        if held and (kind != "equal" or is_thin):
            held = ("replace", held[1], j, held[3], m)
        elif kind == "equal":
            if held:
                yield held
                held = None
            yield kind, i, j, k, m
        else:
            held = (kind, i, j, k, m)
    if held:
        yield held
