"""How many rows a page may show; loads nothing, so that a wrong number is refused at once."""

from aae.system.errors import UsageError

__all__ = ["MAX_ROWS", "ROWS", "check_count"]

ROWS, MAX_ROWS = 5000, 20_000


def check_count(count: int) -> None:
    """Check how many rows are asked for.

    Raises:
        UsageError: None, or more than a page can show.
    """
    if not 1 <= count <= MAX_ROWS:
        raise UsageError(f"A page shows 1 to {MAX_ROWS:,} rows, not {count:,}; change --rows.")
