"""From labels and scores to honest numbers: metrics, intervals, calibration, baselines, the report."""
