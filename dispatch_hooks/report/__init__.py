"""The report: one HTML page about tasks, whole in itself, for people who were not there.

    spans     when workers ran, side by side and one after another
    gather    all that is known of a task, as the page shows it
    page      the page: no script, nothing from outside, every word of a worker escaped
"""
