"""Torture: kills, freezes, starves and lies at named points, and counts what is lost, doubled or made up.

    make torture                         everything, with figures and seeds; an hour and more
    python -m tests.torture kill --seed 7
"""
