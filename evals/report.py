"""What an evaluation found."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glassdex.evals.measures import Scores, mean


@dataclass(frozen=True, slots=True)
class DatasetScores:
    """One system on one dataset.

    queries: query id to measures. run: the file they were computed from. qrels: the judgements
    in TREC's form beside it, so that any tool can compute them again.
    """

    queries: Mapping[str, Scores]
    run: Path
    qrels: Path

    @property
    def mean(self) -> Scores:
        """Mean over the dataset's queries."""
        return mean(self.queries.values())


@dataclass(frozen=True, slots=True)
class EvalReport:
    """systems: system name to dataset name to scores."""

    systems: Mapping[str, Mapping[str, DatasetScores]]

    def mean(self, system: str) -> Scores:
        """Macro mean: every dataset counts the same, however many queries it has."""
        return mean(scores.mean for scores in self.systems[system].values())

    def per_query(self, system: str, measure: str = "AP") -> dict[str, dict[str, float]]:
        """Dataset to query to value of one measure, the input of a significance test."""
        return {
            dataset: {query: values[measure] for query, values in scores.queries.items()}
            for dataset, scores in self.systems[system].items()
        }

    def to_json(self) -> dict[str, Any]:
        """The contract of `glassdex eval --json`."""
        return {
            "systems": {
                name: {
                    "mean": dict(self.mean(name)),
                    "datasets": {d: dict(scores.mean) for d, scores in datasets.items()},
                }
                for name, datasets in self.systems.items()
            }
        }
