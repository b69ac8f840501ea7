"""`python -m ontogeny` is `ontogeny`."""

from ontogeny.cli.app import main

if __name__ == "__main__":
    main()
