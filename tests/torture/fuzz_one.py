"""One target under atheris, our own modules instrumented: fuzz_one.py TARGET SECONDS SEED."""

import sys

import atheris

with atheris.instrument_imports(include=["dispatch_hooks"]):
    from tests.torture import fuzzing

if __name__ == "__main__":
    fuzzing.main(atheris, sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
