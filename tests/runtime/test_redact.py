from __future__ import annotations

import pytest

from atlas.runtime.redact import redacted

VIEW = "http://host:5000/#/experiments/1/runs?workflowType=machine_learning&viewStateShareKey=task-order-1"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:pw@db:5432/atlas", "postgresql://***@db:5432/atlas"),
        ("http://me:p@ss/w:rd@host:5000", "http://***@host:5000"),
        ("s3://key:secret@bucket/a?endpoint_override=host", "s3://***@bucket/a?endpoint_override=host"),
        ("s3://b/a?access_key=K&secret_key=S&scheme=http", "s3://b/a?access_key=***&secret_key=***&scheme=http"),
        ("python x.py --tracking-uri=http://u:p@h --rank 4", "python x.py --tracking-uri=http://***@h --rank 4"),
        ("no http://h/a and mysql://u:p@h/b", "no http://h/a and mysql://***@h/b"),
    ],
)
def test_users_passwords_and_secret_parameters_are_hidden(text: str, shown: str) -> None:
    assert redacted(text) == shown


@pytest.mark.parametrize(
    "text",
    ["sqlite:////home/a@b/mlflow.db", "/data/x", "http://host:5000/a?b=c", "mail a@b", "models:/atlas@champion", VIEW],
)
def test_what_holds_no_secret_stays(text: str) -> None:
    assert redacted(text) == text
