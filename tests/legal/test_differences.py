"""What changed between two versions, word by word, in the order of the text, escaped, and told to those who listen."""

import re

import pytest

from shared_apps.legal import differences, documents

OLD = "<p>Kept for <strong>three months</strong>.</p>\n<h2 id='s2'>2. Why</h2>\n<ul>\n<li>one</li>\n<li>two</li>\n</ul>"


def plain(html: str) -> str:
    return re.sub(r'<span class="sr-only">[^<]*</span>', "", html)


def test_a_word_that_changed_is_marked_and_the_rest_is_not() -> None:
    marked = differences.marked(OLD, OLD.replace("three", "six"))
    assert "Kept for <del>three</del><ins>six</ins> months." in plain(marked)
    assert (
        marked.count("<ins>")
        == marked.count("<del>")
        == differences.number(OLD, OLD.replace("three", "six"))
        == 1
    )
    assert '<ins><span class="sr-only">added: </span>' in marked
    assert '<del><span class="sr-only">removed: </span>' in marked


def test_equal_texts_have_no_difference() -> None:
    marked = differences.marked(OLD, OLD)
    assert differences.number(OLD, OLD) == 0 and "ins>" not in marked and "changed" not in marked
    assert "<ul>\n<li>one</li>\n<li>two</li>\n</ul>" in marked


def test_passages_that_came_or_went_stand_in_their_place() -> None:
    new = "<p>Kept for <strong>three months</strong>.</p>\n<p>A new one stands here.</p>\n<h2 id='s2'>2. Why</h2>\n<ul>\n"
    new += "<li>two</li>\n</ul>"
    marked = plain(differences.marked(OLD, new))
    assert marked.index("Kept") < marked.index("<ins>A new one stands here.</ins>") < marked.index("2. Why")
    assert (
        '<li class="changed"><del>one</del></li>\n<li>two</li>' in marked
        and differences.number(OLD, new) == 2
    )


def test_words_are_escaped() -> None:
    marked = differences.marked("<p>a &lt;b&gt;</p>", "<p>a &lt;script&gt; &amp; c</p>")
    assert "<script" not in marked and "&lt;" in marked and "&amp;" in marked


def test_nobody_reads_confetti() -> None:
    old, new = (
        "<p>We keep your name, your address, and the rest.</p>",
        "<p>We keep their phone, the mail, and the rest.</p>",
    )
    assert differences.marked(old, new).count("<ins>") <= 2


@pytest.mark.parametrize("document", documents.DOCUMENTS, ids=str)
def test_the_passages_of_a_text_are_all_of_its_words(document: documents.Document) -> None:
    for language in document.languages:
        text = document.text(language)
        found = " ".join(one.text for one in differences.passages(text))
        said = " ".join(re.sub(r"<[^>]+>", " ", text).replace("&amp;", "&").split())
        assert re.sub(r"\s", "", found) == re.sub(r"\s", "", said)
        assert differences.number(text, text) == 0
