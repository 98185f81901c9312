"""`python -m glassdex` is the `glassdex` command."""

from glassdex.api.cli import main

if __name__ == "__main__":
    main()
