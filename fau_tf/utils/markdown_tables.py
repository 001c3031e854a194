"""Markdown tables, and generated blocks between `<!-- name -->` and `<!-- end of name -->`."""

from collections.abc import Sequence


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table, without a line break at its end."""
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def filled(text: str, name: str, content: str) -> str:
    """Return a document with `content` as its block of that name.

    Raises:
        ValueError: If the document does not have exactly one such block.
    """
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(
            f"The document must have one {begin.strip()} and one {end}, got "
            f"{text.count(begin)} and {text.count(end)}. Put the block back."
        )
    head, rest = text.split(begin)
    return f"{head}{begin}{content}\n{end}{rest.split(end)[1]}"
