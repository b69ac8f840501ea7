"""The ground everything stands on: errors, files, seeds, hardware, progress. Imports nothing of ours."""
