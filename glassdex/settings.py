"""Settings from the environment (`GLASSDEX_*`), read once and then frozen."""

from pathlib import Path
from typing import Literal

from platformdirs import user_data_path
from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

ReadingPrecision = Literal["auto", "float32", "bfloat16"]


class Settings(BaseSettings):
    """What the environment decides. Command-line options override single fields."""

    model_config = SettingsConfigDict(
        env_prefix="GLASSDEX_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    home: Path = Field(default_factory=lambda: user_data_path("glassdex"))
    """Folder that holds the indexes and other state."""

    url: str | None = Field(
        default=None, validation_alias=AliasChoices("GLASSDEX_URL", "QDRANT_URL")
    )
    """Address of a Qdrant server or cluster; None keeps the index in a folder."""

    api_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("GLASSDEX_API_KEY", "QDRANT_API_KEY")
    )
    """Key of that server; never printed."""

    threads: int | None = Field(default=None, ge=1)
    """Threads that read and encode; None takes one for each processor."""

    precision: ReadingPrecision = "auto"
    """Number format of a BERT reader's products. `auto` is bfloat16 where the processor has
    instructions for it and float32 elsewhere. The cosine between an embedding in one and in the
    other is 0.9999, so an index made with one answers to the other.
    """

    max_document_chars: int = Field(default=1_000_000, ge=1)
    """A longer text is listed as failed instead of being cut off silently."""

    @property
    def indexes(self) -> Path:
        """Folder with one sub-folder per index."""
        return self.home / "indexes"
