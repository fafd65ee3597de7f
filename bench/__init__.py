"""What the hooks cost, in ratios that were measured in one run: `python -m bench`, explained in docs/performance.md."""
