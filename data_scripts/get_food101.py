"""Fetches Food-101, whole or in part, as scaled photos: the same as `minibnn data food101`, with the same options."""

import sys

from minibnn.cli import main

if __name__ == "__main__":
    sys.exit(main(["data", "food101", *sys.argv[1:]]))
