"""The verdict: indicators, statistics over seeds, summary, figures and the report."""
