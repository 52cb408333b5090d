"""What the goals of speed are checked with: each script starts both sides, runs them in turn, prints the ratio.

No test asserts a time, and the gate runs none of this.
"""
