"""datasketch, with 5-grams made in Python, as its documentation shows it."""
