"""Audits a table into a folder, and prints the peak memory of the largest process in MiB."""

import resource
import sys

from lucency.workflows.audit import audit

audit(sys.argv[1], out=sys.argv[2])
kilobytes = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(kilobytes / 1024)
