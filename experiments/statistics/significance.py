"""From which p on is something not said?"""

ALPHA = 0.05
"""Level of every test on which a statement hangs. Where several are made their p are corrected first."""
