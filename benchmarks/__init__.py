"""Speed against peers and against this machine's own peak: `python -m benchmarks`, or `make bench`.

Whatever is compared runs in the same sitting, alternately, and the medians of the rounds are what is written down.
"""
