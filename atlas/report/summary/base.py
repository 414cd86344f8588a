"""The values that `summary.json` is made of: splits, routes, scores, metrics, and the base of its parts."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, WithJsonSchema

from atlas.metrics import MetricValue, Undefined

Status = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]
TrialStatus = Literal["RUNNING", "FINISHED", "FAILED", "KILLED", "PRUNED"]

Score = Annotated[float, Field(ge=0, le=100, description="percent")]
AccuracyMatrix = tuple[tuple[Score | None, ...], ...]
"""R [T, T] in percent: `R[i][j]` is the score on the order's j-th task after training its i-th; None: not evaluated."""


class SummaryPart(BaseModel):
    """A part of the summary: frozen, of exact types, without unknown keys."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        validate_by_name=True,
        validate_by_alias=True,
    )

    def without(self, *names: str) -> Self:
        """The same with the defaults of these fields, so that they are not written."""
        kept = (name for name in type(self).model_fields if name in self.model_fields_set and name not in names)
        return type(self)(**{name: getattr(self, name) for name in kept})


def _read_metric(value: object) -> MetricValue:
    if isinstance(value, Undefined):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf"):
        return float(value)
    if isinstance(value, dict) and value.keys() == {"undefined"} and isinstance(value["undefined"], str):
        return Undefined(value["undefined"])
    raise ValueError(f'{value!r} is neither a finite number nor {{"undefined": the reason}}')


def _write_metric(value: MetricValue) -> float | dict[str, str]:
    return {"undefined": value.reason} if isinstance(value, Undefined) else value


RecordedMetric = Annotated[
    MetricValue,
    PlainValidator(_read_metric),
    PlainSerializer(_write_metric),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number"},
                {
                    "type": "object",
                    "properties": {"undefined": {"type": "string", "description": "why the metric has no value"}},
                    "required": ["undefined"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
"""A metric's value: in JSON a number, or `{"undefined": the reason}`."""
