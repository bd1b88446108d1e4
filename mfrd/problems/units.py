"""Units: rates are nats inside and bits outside, and this is the one place that says how many."""

import numpy as np

NATS_PER_BIT = np.log(2.0)
