"""Training: a packing plan, an objective, an optimizer, and the one loop that joins them.

    plan (packing) -> batches -> loop(objective, optim, schedule) -> hooks (metrics, held-out loss, checkpoints)

`training.train` assembles these for every step that trains: pretraining here, tuning in `ontogeny.finetune`.
"""
