#!/usr/bin/env bash
# A run on SLURM: sbatch docs/clusters/slurm.sh STUDY STORE, from the root of the checkout. STORE is in a folder that all nodes share.
# A job that was preempted or ran out of time goes back into the queue and trains what the store lacks.
#SBATCH --job-name=explorer
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --gpus-per-node=4
#SBATCH --mem=0
#SBATCH --exclusive
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --no-kill
#SBATCH --open-mode=append
#SBATCH --signal=B:TERM@120
set -euo pipefail

study=${1:?usage: sbatch docs/clusters/slurm.sh STUDY STORE}
store=${2:?usage: sbatch docs/clusters/slurm.sh STUDY STORE}

# shellcheck disable=SC1091
source .venv/bin/activate
# Other users of the cluster reach these nodes: the token is a file of this user alone, in the home that all nodes share.
umask 077
test -s ~/.ray/auth_token || ray get-auth-token --generate > /dev/null
chmod 600 ~/.ray/auth_token
export RAY_AUTH_MODE=token
# Nodes import Ray from one file server, all at a time.
export RAY_SYMMETRIC_RUN_CLUSTER_WAIT_TIMEOUT=600
export OMP_NUM_THREADS=1
ulimit -n 65536 || true

head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)

# Two minutes before the time is over, SLURM tells this shell; what is in the store stays, the rest waits for the next turn.
trap 'scontrol requeue "$SLURM_JOB_ID"' TERM

srun --no-kill --kill-on-bad-exit=0 ray symmetric-run --address "$head:6379" --min-nodes "$SLURM_JOB_NUM_NODES" \
    --num-cpus "$SLURM_CPUS_PER_TASK" --num-gpus "${SLURM_GPUS_ON_NODE:-0}" \
    -- explorer run "$study" --address auto --out "$store" &
wait $!
