# SPDX-License-Identifier: Apache-2.0
"""How much of the dataset the long tests take."""

import os

WHOLE = bool(os.environ.get("WHOLE"))
"""Whether they take all of it, as ``make test-whole`` has it, or as much as every change can wait for."""
