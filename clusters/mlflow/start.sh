#!/bin/sh
# Start the MLflow server of compose.yaml: make the bucket and the file of basic authentication, then serve.
set -eu

python - <<'END'
import os
import time

import boto3
from botocore.exceptions import ClientError, EndpointConnectionError

client = boto3.client("s3", endpoint_url=os.environ["MLFLOW_S3_ENDPOINT_URL"], region_name="us-east-1")
for attempt in range(60):
    try:
        client.create_bucket(Bucket="mlflow")
        break
    except EndpointConnectionError:
        time.sleep(1)  # it is starting, too
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
            raise
        break
else:
    raise SystemExit("the store of artifacts does not answer")
END

database=postgresql+psycopg2://mlflow:$DATABASE_PASSWORD@database
umask 077
cat >/tmp/auth.ini <<END
[mlflow]
default_permission = EDIT
database_uri = $database/mlflow
admin_username = $ADMIN_USERNAME
admin_password = $ADMIN_PASSWORD
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
END
export MLFLOW_AUTH_CONFIG_PATH=/tmp/auth.ini

# In the environment, not on the command line, which others on the machine may read.
export MLFLOW_BACKEND_STORE_URI="$database/mlflow"
unset DATABASE_PASSWORD ADMIN_PASSWORD
exec mlflow server --app-name basic-auth --host 0.0.0.0 --port 5000 --workers 2 --artifacts-destination s3://mlflow
