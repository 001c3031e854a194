"""What the documents promise is there: linked files, make targets, filled-in tables."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "android_demo_assets").rglob("README.md")),
]
LINK = re.compile(
    r"""\]\(\s*<?([^)>\s]+)|^\[[^\]]+\]:\s*<?([^>\s]+)|(?:src|href)="([^"]+)\"""", re.M
)
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.S)
MAKE = re.compile(r"(?:^|`)make ((?:[a-z][\w-]* ?)+)", re.M)
COMMENT = re.compile(r"<!-- (?!end )(.+?) -->[ \t]*\n(?:[ \t]*\n|[ \t]*<!-- end |\Z)")


def links(text):
    found = (next(filter(None, groups)) for groups in LINK.findall(CODE.sub("", text)))
    local = (link.split("#")[0] for link in found if "://" not in link)
    return sorted({link for link in local if link and not link.startswith("mailto:")})


def commands(text):
    return sorted({target for words in MAKE.findall(text) for target in words.split()})


def unfilled(text):
    return COMMENT.findall(text + "\n")


def rules(makefile):
    return set(re.findall(r"^([a-z][\w-]*):(?!=)", makefile, re.M))


def test_links_targets_and_placeholders_are_recognized():
    text = "![a](images/x.png) [b](y.md#part) [c](https://z.org) [d](#here) `e[0](f)`\n[g]: h.md\n"
    assert links(text) == ["h.md", "images/x.png", "y.md"]
    text = "Run `make lint`, which will make sense.\n```\nmake demo IMAGE=x.jpg  # y\n```\n"
    assert commands(text) == ["demo", "lint"]
    assert rules("BIN := .venv\ntrain: .venv/x\n\techo y: z\n.PHONY: test\n") == {"train"}
    assert unfilled("<!-- a -->\n\n<!-- b -->\n| c |\n<!-- end of b -->\n\n<!-- d -->") == [
        "a",
        "d",
    ]
    assert unfilled("<!-- results -->\n<!-- end of results -->\n") == ["results"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_local_link_leads_to_something(document):
    found = links(document.read_text(encoding="utf-8"))
    assert [link for link in found if not (document.parent / link).exists()] == []


def test_the_first_page_leads_to_every_page_of_the_site():
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").split("\nnav:\n")[1]
    entries = re.findall(r"^      - (.+): (\S+)$", navigation, re.M)
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    assert re.findall(r"^- \[(.+)\]\((\S+)\)$", index, re.M) == entries
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in ROOT.glob("docs/*/*.md")}
    assert {page for _, page in entries} == pages


def test_there_are_links_to_check():
    assert len(links((ROOT / "README.md").read_text(encoding="utf-8"))) > 5


def test_every_make_target_that_is_named_exists():
    # The changelog names targets of earlier versions, too.
    current = [path for path in DOCUMENTS if path.name != "CHANGELOG.md"]
    named = {name for path in current for name in commands(path.read_text(encoding="utf-8"))}
    assert {"train", "test"} <= named
    assert named - rules((ROOT / "Makefile").read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_no_placeholder_is_left_unfilled(document):
    """A comment names the table that follows it in the next line."""
    assert unfilled(document.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_no_merge_is_left_half_done(document):
    text = document.read_text(encoding="utf-8")
    assert re.findall(r"^(?:<{7} |={7}$|>{7} ).*", text, re.M) == []
