"""The report as one HTML page: no script, nothing from outside, formulas as MathML, pictures as data."""
