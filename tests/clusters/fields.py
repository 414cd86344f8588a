"""The fields of the objects under clusters/, as their CRDs and specifications have them; `!` marks required ones.

RayCluster and RayJob: the fields that KubeRay's CRDs of ray.io/v1 have in every version from 1.5.1 (the first with
authOptions) to 1.7, read from helm-chart/kuberay-operator/crds of github.com/ray-project/kuberay at 017710c (between
1.5 and 1.6) and from the Go types that they are generated from (ray-operator/apis/ray/v1, of 1.5 and 1.7). What came
later than 1.5.1 (authOptions.secretName, enableK8sTokenAuth, a group's priority, tlsOptions, networkPolicy) is left
out: an older KubeRay drops it without a word. Pod templates are in those CRDs too, PersistentVolumeClaim is Kubernetes'
own (core/v1), Kueue's label and annotation are those of its controllers. Compose: its specification. Of large types
only what is used here or near it: an unknown field is more often a slip.
"""

from __future__ import annotations

from typing import Any

Fields = Any  # a type, the values allowed (a frozenset), a list of one Fields, or a dictionary of name → Fields
MAP = "*"  # any name
TEXTS: Fields = {MAP: str}
QUANTITY = str
LABELS: Fields = {"kueue.x-k8s.io/queue-name": str}
ANNOTATIONS: Fields = {"kueue.x-k8s.io/elastic-job": frozenset({"true"})}
METADATA: Fields = {"name!": str, "namespace": str, "labels": LABELS, "annotations": ANNOTATIONS}
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
    "ports": [{"name": str, "containerPort!": int, "protocol": frozenset({"TCP", "UDP", "SCTP"})}],
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
            "emptyDir": {"medium": frozenset({"", "Memory"}), "sizeLimit": QUANTITY},
            "secret": {"secretName!": str},
        }
    ],
    "nodeSelector": TEXTS,
    "tolerations": [
        {
            "key": str,
            "operator": frozenset({"Exists", "Equal"}),
            "value": str,
            "effect": frozenset({"NoSchedule", "PreferNoSchedule", "NoExecute"}),
            "tolerationSeconds": int,
        }
    ],
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
    "authOptions": {"mode": frozenset({"disabled", "token"})},
    "suspend": bool,
    "managedBy": str,
    "enableInTreeAutoscaling": bool,
    "autoscalerOptions": {
        "version": frozenset({"v1", "v2"}),
        "upscalingMode": frozenset({"Default", "Aggressive", "Conservative"}),
        "idleTimeoutSeconds": int,
        "image": str,
        "imagePullPolicy": str,
        "resources": RESOURCES,
        "env": ENVIRONMENT,
        "envFrom": ENVIRONMENT_FROM,
        "volumeMounts": MOUNTS,
        "securityContext": {MAP: object},
    },
    "gcsFaultToleranceOptions": {
        "redisAddress": str,
        "redisUsername": {MAP: object},
        "redisPassword": {MAP: object},
        "externalStorageNamespace": str,
    },
    "headServiceAnnotations": TEXTS,
    "headGroupSpec!": {
        "serviceType": frozenset({"ClusterIP", "NodePort", "LoadBalancer"}),
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
            "minReplicas!": int,
            "maxReplicas!": int,
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
    "upgradeStrategy": {"type": frozenset({"Recreate", "None"})},
}
RAY_JOB: Fields = {
    "entrypoint": str,
    "entrypointNumCpus": (int, float),
    "entrypointNumGpus": (int, float),
    "entrypointResources": str,
    "runtimeEnvYAML": str,
    "submissionMode": frozenset({"K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode"}),
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
    "accessModes!": [frozenset({"ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"})],
    "storageClassName": str,
    "volumeMode": frozenset({"Filesystem", "Block"}),
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
