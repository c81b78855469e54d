"""The files of a report: written, closed, corrected and checked."""
