"""The arrays in which attempts are counted: one number for each, or for each of a few."""

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float64]
Whole = NDArray[np.int64]
