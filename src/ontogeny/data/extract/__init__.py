"""Text out of HTML: fast, careful, or the best of several; and out of files that only a worker process may open."""
