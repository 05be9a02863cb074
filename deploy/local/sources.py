# SPDX-License-Identifier: Apache-2.0
"""The platforms of a local installation: the Open University's, speaking the native dialect."""

import json

from deploy.local.cohort.submission import SOURCE, TENANT

SOURCES = (SOURCE,)
SOURCES_SETTING = json.dumps([{"name": SOURCE, "tenant": TENANT, "dialect": "native"}])
