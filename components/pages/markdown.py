"""Tables in Markdown files."""

from collections.abc import Iterable, Sequence


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[bool]) -> str:
    """A table without a line end after its last row; a "|" in a cell would divide it and becomes a "/".

    Args:
        header: names of the columns.
        rows: cells as text.
        numbers: of each column, whether it is set to the right.
    """
    rule = ["---:" if right else "---" for right in numbers]
    lines = [header, rule, *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
