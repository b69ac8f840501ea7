"""rensa, with 5-grams made in Python, as its README shows it."""
