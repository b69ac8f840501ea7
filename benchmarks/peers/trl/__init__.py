"""TRL's `SFTTrainer` and transformers' `Trainer`, both with PEFT's LoRA."""
