"""Signals: columns of numbers computed from texts in compiled passes, once; rules decide over them many times."""
