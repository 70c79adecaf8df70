"""Supervised fine-tuning of a low-rank change (TRL's SFTTrainer, PEFT), which goes on where it was cut off.

TRL's own checkpoints pickle the optimiser, so they are switched off: the state is one safetensors file of ours, and
a resumed run hands the trainer the batches that are left.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from strata.experiments.distill.config import DistillConfig, resolved_precision
from strata.experiments.distill.training_state import Curve, load_state, save_state
from strata.experiments.distill.twins import TrainingText
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.quiet_libraries import quietly
from strata.probes.errors import StrataError
from strata.probes.progress import Progress, silent

STAGE = "distill"
_WARM_UP = 0.05
_SAVE_EVERY = 25
_IGNORED = -100


def train(
    checkpoint: Checkpoint,
    rows: Sequence[TrainingText],
    config: DistillConfig,
    state: Path,
    *,
    scratch: Path,
    progress: Progress = silent,
) -> tuple[Any, Curve]:
    """(the PEFT model around `checkpoint.model`, its loss curve) after `config.steps` steps over `rows`.

    `state` is read when it is there and written every 25 steps and when the work is stopped; on a CPU with the same
    number of threads, a run that was cut off ends in the same bytes as one that was not. The checkpoint's model carries
    the adapter afterwards.

    Raises StrataError without the `distill` extra and for a state of another adapter.
    """
    trl = _trl()
    model = adapted(checkpoint, config)
    parameters = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    optimizer = torch.optim.AdamW(list(parameters.values()), lr=config.learning_rate, weight_decay=0.0)
    curve = load_state(state, parameters, optimizer) if state.exists() else Curve()
    left = list(rows[curve.steps * config.batch :])
    progress(STAGE, curve.steps, config.steps, "steps")
    if not left:
        return model, curve
    begun = curve.steps
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_share(begun + step, config.steps))
    watch = _watch(parameters, optimizer, curve, state, config.steps, progress)
    on_cpu = checkpoint.device.type == "cpu"
    arguments = quietly(
        lambda: trl.SFTConfig(
            output_dir=str(scratch),
            max_steps=config.steps - begun,
            per_device_train_batch_size=config.batch,
            gradient_checkpointing=False,
            max_grad_norm=1.0,
            bf16=resolved_precision(config, checkpoint.device) == "bfloat16",
            use_cpu=on_cpu,
            seed=config.seed,
            # The order was decided with the rows, so that it doesn't depend on where a run was cut off.
            train_sampling_strategy="sequential",
            dataset_kwargs={"skip_prepare_dataset": True},
            remove_unused_columns=False,
            dataloader_pin_memory=not on_cpu,
            save_strategy="no",
            logging_steps=1,
            report_to="none",
            disable_tqdm=True,
            max_length=None,
        )
    )
    trainer = quietly(
        lambda: trl.SFTTrainer(
            model=model,
            args=arguments,
            train_dataset=_dataset(left),
            processing_class=checkpoint.tokenizer,
            optimizers=(optimizer, schedule),
            callbacks=[watch],
        )
    )
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    quietly(trainer.train)
    save_state(state, parameters, optimizer, curve)
    return model, curve


def adapted(checkpoint: Checkpoint, config: DistillConfig) -> Any:
    """`checkpoint.model` with a low-rank change to every linear layer of its blocks, which is zero at first."""
    from peft import LoraConfig, get_peft_model

    settings = LoraConfig(
        r=config.rank,
        lora_alpha=2 * config.rank,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        return quietly(lambda: get_peft_model(checkpoint.model, settings))


def rate_share(step: int, steps: int) -> float:
    """Share of the highest learning rate at `step` (from 0): a linear rise over a twentieth, a linear fall to zero."""
    rise = max(1, math.ceil(_WARM_UP * steps))
    return min((step + 1) / rise, (steps - step) / max(1, steps - rise))


def _dataset(rows: Sequence[TrainingText]) -> Any:
    from datasets import Dataset

    ids = [list(row.ids) for row in rows]
    labels = [[_IGNORED] * (len(row.ids) - row.learnt) + list(row.ids[len(row.ids) - row.learnt :]) for row in rows]
    return Dataset.from_dict({"input_ids": ids, "labels": labels})


def _watch(
    parameters: dict[str, torch.Tensor],
    optimizer: torch.optim.Optimizer,
    curve: Curve,
    state: Path,
    steps: int,
    progress: Progress,
) -> Any:
    from transformers import TrainerCallback

    class Watch(TrainerCallback):  # type: ignore[misc]  # transformers does not export its type
        """Notes every step, saves now and then, and lets itself be stopped between two steps."""

        def on_log(self, args: Any, own: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
            if logs is None or "loss" not in logs:
                return
            curve.loss.append(float(logs["loss"]))
            curve.gradient.append(float(logs["grad_norm"]))
            curve.rate.append(float(logs["learning_rate"]))
            if curve.steps % _SAVE_EVERY == 0:
                save_state(state, parameters, optimizer, curve)
            try:
                progress(STAGE, curve.steps, steps, "steps")
            except BaseException:
                save_state(state, parameters, optimizer, curve)
                raise

    return Watch()


def _trl() -> Any:
    try:
        import trl
    except ImportError as error:
        raise StrataError(
            "Distilling needs TRL, which is not installed", "Install the extra: pip install 'strata-probes[distill]'"
        ) from error
    return trl
