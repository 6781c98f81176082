"""`python -m mlship`, and the `mlship` script."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from mlship.cli.app import run

    run()


if __name__ == "__main__":
    main()
