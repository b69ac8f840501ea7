"""What the server counts about itself, in the text form that Prometheus reads.

The names follow vLLM's (docs/usage/metrics, v0.32) with our prefix, so that existing dashboards need one replacement.
"""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
"""Bucket bounds, wide enough for a small model on two cores."""


class ServingMetrics:
    """The counters of one app; each app has its own registry, so that several live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "ontogeny_requests", "Requests answered", ["path", "status"], registry=self.registry
        )
        self.finished = Counter(
            "ontogeny_request_success",
            "Answers ended, by reason",
            ["finished_reason"],
            registry=self.registry,
        )
        self.prompt_tokens = Counter("ontogeny_prompt_tokens", "Prompt tokens read", registry=self.registry)
        self.completion_tokens = Counter("ontogeny_generation_tokens", "Tokens made", registry=self.registry)
        self.queue_seconds = Histogram(
            "ontogeny_request_queue_time_seconds", "Waiting in line", buckets=SECONDS, registry=self.registry
        )
        self.first_token_seconds = Histogram(
            "ontogeny_time_to_first_token_seconds",
            "From arrival to the first token",
            buckets=SECONDS,
            registry=self.registry,
        )
        self._running = Gauge("ontogeny_num_requests_running", "Being answered", registry=self.registry)
        self._waiting = Gauge("ontogeny_num_requests_waiting", "Waiting in line", registry=self.registry)

    def watch(self, *, running: Callable[[], int], waiting: Callable[[], int]) -> None:
        """Read the two gauges from these functions whenever the metrics are asked for."""
        self._running.set_function(running)
        self._waiting.set_function(waiting)

    def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self.registry)
