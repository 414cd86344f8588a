"""The fields of the objects under clusters/, as their CRDs and specifications have them; `!` marks required ones.

KubeRay ray.io/v1 (1.5.1: RayCluster, RayJob), Kubernetes v1 (PersistentVolumeClaim and what pods use of it), and the
Compose specification. Of large types only what is used here or near it: an unknown field is more often a slip.
"""

from __future__ import annotations

from typing import Any

Fields = Any  # a type, a list of one Fields, or a dictionary of name → Fields
MAP = "*"  # any name
TEXTS: Fields = {MAP: str}
QUANTITY = str
METADATA: Fields = {"name!": str, "namespace": str, "labels": TEXTS, "annotations": TEXTS}
RESOURCES: Fields = {"limits": {MAP: QUANTITY}, "requests": {MAP: QUANTITY}}
ENVIRONMENT: Fields = [
    {"name!": str, "value": str, "valueFrom": {"secretKeyRef": {"name!": str, "key!": str, "optional": bool}}}
]
ENVIRONMENT_FROM: Fields = [
    {"secretRef": {"name!": str, "optional": bool}, "configMapRef": {"name!": str, "optional": bool}, "prefix": str}
]
MOUNTS: Fields = [{"name!": str, "mountPath!": str, "subPath": str, "readOnly": bool}]
CONTAINER: Fields = {
    "name!": str,
    "image!": str,
    "imagePullPolicy": str,
    "command": [str],
    "args": [str],
    "ports": [{"name": str, "containerPort!": int, "protocol": str}],
    "env": ENVIRONMENT,
    "envFrom": ENVIRONMENT_FROM,
    "resources": RESOURCES,
    "volumeMounts": MOUNTS,
    "securityContext": {MAP: object},
}
POD: Fields = {
    "containers!": [CONTAINER],
    "initContainers": [CONTAINER],
    "volumes": [
        {
            "name!": str,
            "persistentVolumeClaim": {"claimName!": str, "readOnly": bool},
            "emptyDir": {"medium": str, "sizeLimit": QUANTITY},
            "secret": {"secretName!": str},
        }
    ],
    "nodeSelector": TEXTS,
    "tolerations": [{"key": str, "operator": str, "value": str, "effect": str, "tolerationSeconds": int}],
    "affinity": {MAP: object},
    "securityContext": {"fsGroup": int, "runAsUser": int, "runAsGroup": int, "runAsNonRoot": bool},
    "serviceAccountName": str,
    "imagePullSecrets": [{"name!": str}],
    "priorityClassName": str,
    "terminationGracePeriodSeconds": int,
}
TEMPLATE: Fields = {"metadata": {"labels": TEXTS, "annotations": TEXTS}, "spec!": POD}
RAY_CLUSTER: Fields = {
    "rayVersion": str,
    "authOptions": {"mode": str, "secretName": str, "enableK8sTokenAuth": bool},
    "suspend": bool,
    "managedBy": str,
    "enableInTreeAutoscaling": bool,
    "autoscalerOptions": {
        "version": str,
        "upscalingMode": str,
        "idleTimeoutSeconds": int,
        "image": str,
        "imagePullPolicy": str,
        "resources": RESOURCES,
        "env": ENVIRONMENT,
        "envFrom": ENVIRONMENT_FROM,
        "volumeMounts": MOUNTS,
        "securityContext": {MAP: object},
    },
    "gcsFaultToleranceOptions": {"redisAddress!": str, MAP: object},
    "headServiceAnnotations": TEXTS,
    "headGroupSpec!": {
        "serviceType": str,
        "enableIngress": bool,
        "headService": {MAP: object},
        "rayStartParams": TEXTS,
        "resources": TEXTS,
        "labels": TEXTS,
        "template!": TEMPLATE,
    },
    "workerGroupSpecs": [
        {
            "groupName!": str,
            "replicas": int,
            "minReplicas": int,
            "maxReplicas": int,
            "numOfHosts": int,
            "idleTimeoutSeconds": int,
            "suspend": bool,
            "scaleStrategy": {"workersToDelete": [str]},
            "rayStartParams": TEXTS,
            "resources": TEXTS,
            "labels": TEXTS,
            "template!": TEMPLATE,
        }
    ],
    "upgradeStrategy": {"type": str},
}
RAY_JOB: Fields = {
    "entrypoint": str,
    "entrypointNumCpus": (int, float),
    "entrypointNumGpus": (int, float),
    "entrypointResources": str,
    "runtimeEnvYAML": str,
    "submissionMode": str,
    "submitterPodTemplate": TEMPLATE,
    "submitterConfig": {"backoffLimit": int},
    "clusterSelector": TEXTS,
    "jobId": str,
    "metadata": TEXTS,
    "shutdownAfterJobFinishes": bool,
    "ttlSecondsAfterFinished": int,
    "activeDeadlineSeconds": int,
    "backoffLimit": int,
    "suspend": bool,
    "managedBy": str,
    "deletionStrategy": {MAP: object},
    "rayClusterSpec": RAY_CLUSTER,
}
CLAIM: Fields = {
    "accessModes!": [str],
    "storageClassName": str,
    "volumeMode": str,
    "volumeName": str,
    "resources!": RESOURCES,
}


def _kind(spec: Fields) -> Fields:
    return {"apiVersion!": str, "kind!": str, "metadata!": METADATA, "spec!": spec}


KINDS: dict[tuple[str, str], Fields] = {
    ("ray.io/v1", "RayCluster"): _kind(RAY_CLUSTER),
    ("ray.io/v1", "RayJob"): _kind(RAY_JOB),
    ("v1", "PersistentVolumeClaim"): _kind(CLAIM),
}
SERVICE: Fields = {
    "image": str,
    "build": str,
    "command": str,
    "restart": str,
    "environment": TEXTS,
    "ports": [str],
    "volumes": [str],
    "configs": [{"source!": str, "target!": str}],
    "depends_on": {MAP: {"condition!": str}},
    "healthcheck": {"test!": [str], "interval": str, "timeout": str, "retries": int},
}
COMPOSE: Fields = {
    "name": str,
    "services!": {MAP: SERVICE},
    "configs": {MAP: {"content!": str}},
    "volumes": {MAP: type(None)},
}
