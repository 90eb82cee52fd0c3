#!/usr/bin/env bash
# The driver node: Ray's head, without capacity, and beside it the Prefect worker, whose runs are the cluster's drivers.
# It ends when either of them does, so that whatever restarts containers starts both again.
set -euo pipefail
export RAY_ADDRESS="${RAY_ADDRESS:-127.0.0.1:6379}"
trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT
trap 'exit 143' TERM INT
# KubeRay says how a node of its cluster is started.
${KUBERAY_GEN_RAY_START_CMD:-ray start --head --block --port=6379 --num-cpus=0 --num-gpus=0 --dashboard-host=0.0.0.0 --metrics-export-port=8080} &
python -m flows worker &
wait -n || true
exit 1
