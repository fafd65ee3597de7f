"""One target under atheris, our own modules instrumented: fuzz_one.py TARGET, and libFuzzer's own words."""

import sys

import atheris

with atheris.instrument_imports(include=["dispatch_hooks"]):
    from tests.torture import fuzzing

if __name__ == "__main__":
    fuzzing.main(atheris, *sys.argv[1:])
