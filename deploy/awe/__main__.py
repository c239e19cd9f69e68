"""`python -m deploy.awe`: the reference stack from a command line."""

from deploy.awe.cli import main

if __name__ == "__main__":
    main()
