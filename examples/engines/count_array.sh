#!/bin/bash
#SBATCH --array=0-3
#SBATCH --requeue
exec segpost count "$1" --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" --quiet
