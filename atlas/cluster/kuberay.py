"""KubeRay: the nodes that its autoscaler may add, from the RayCluster, requested of Kubernetes as Ray does."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from atlas.cluster.ray_internals import autoscaling_config, ray_cluster

log = logging.getLogger(__name__)

NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")  # Kubernetes writes it into every pod


def kuberay_limits(namespace: Path = NAMESPACE) -> dict[str, Any] | None:
    """This pod's cluster, in the form of a file of Ray's cluster launcher; None where it is none or does not grow.

    KubeRay lets the head of a cluster that grows ask. Where a pod may not, or nobody answers, that is logged.
    """
    name = os.environ.get("RAY_CLUSTER_NAME")  # KubeRay sets it in every pod of a cluster
    if not name or not namespace.exists():
        return None
    try:
        cluster = ray_cluster(namespace.read_text().strip(), name)
    except OSError as error:  # the root of the errors of `requests`, too
        log.warning("Kubernetes gives no limits of %s (%s): only the nodes that are there count", name, error)
        return None
    if not cluster["spec"].get("enableInTreeAutoscaling"):
        return None
    return autoscaling_config(cluster)
