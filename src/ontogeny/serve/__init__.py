"""A trained model behind the HTTP interface that OpenAI's clients speak, and one small page to talk to it."""
