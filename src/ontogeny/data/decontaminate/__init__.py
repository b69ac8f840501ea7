"""Finding evaluation items in training text: n-grams propose, a closer look at the place decides.

items      evaluation questions out of files of many forms
index      the n-grams of items, and where they stand in a text
match      the closer look: how much of an item stands together at one place
corpus     over a whole corpus: which documents go, and what an evaluation may want to know of each item
search     in the parts of a finished corpus: what of the items a model has read, and the words
planted    items as they leak, and texts that only look like them
self_check how far the search can be trusted: items planted into the corpus at hand, and looked for
"""
