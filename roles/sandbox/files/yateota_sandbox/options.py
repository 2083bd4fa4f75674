# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Define the sandbox's options once.

Python, the command line and the admin path use them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from .scenario import Scenario


class Options(BaseModel):
    """The options of one sandbox.

    A wrong value raises `pydantic.ValidationError`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    scenario: str | dict[str, Any] | Scenario = Field(
        default="small", description="A scenario of the sandbox (small, city, nation) or the path of a YAML file."
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=0, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    secret: SecretStr | None = Field(
        default=None, description="Secret of the X-Authentication header; without it, the server asks for none."
    )
    admin_token: SecretStr | None = Field(
        default=None, description="Token of the admin path's X-Sandbox-Token header; without it, the admin path is off."
    )
    database: str = Field(
        default=":memory:", description="SQLite file, overwritten at each start; in memory by default."
    )
    speed: float = Field(
        default=1.0, ge=0, allow_inf_nan=False, description="Simulated seconds for each real second; 0 stops the clock."
    )
    seed: int | None = Field(
        default=None, ge=0, lt=2**63, description="Seed of all random choices; the scenario's own by default."
    )
    tls: bool = Field(default=False, description="Serve HTTPS, with a certificate of a test CA created at the start.")
    ca_dest: Path | None = Field(default=None, description="File to write the test CA's certificate to (with TLS).")
    client_ca: Path | None = Field(
        default=None, description="CA of the client certificates that the server requires (with TLS)."
    )
    ids: Literal["string", "number"] = Field(default="string", description="How ids and counts are written in answers.")
    not_writeable: bool = Field(default=False, description='Append the "// Not writeable" line to every answer.')
    campaigns: Literal["bare", "full"] = Field(
        default="bare",
        description="Whether query_campaigns returns campaign_id and state (full), or not, as documented (bare).",
    )
    participant_state: Literal["state", "status", "none"] = Field(
        default="state", description="Key of a participant's state in lists; with none, lists have no state."
    )
    lists: Literal["array", "object"] = Field(
        default="array",
        description="How lists are written; with object, as objects keyed by number, and as {} if there is nothing, "
        "also for a campaign that does not exist.",
    )
    connection: Literal["keep-alive", "close"] = Field(
        default="keep-alive", description="Whether the server keeps connections open or closes them after an answer."
    )
    get_campaign: bool = Field(default=True, description="Whether the server knows the request get_campaign.")
    get_campaign_msisdn: Literal["participants", "campaigns", "bare"] = Field(
        default="participants",
        description="What get_campaign returns for an msisdn: its participants' states, the items of its campaigns, or "
        "these with no more than name and state.",
    )
    unallocated_count: Literal["none", "pending_build"] = Field(
        default="none", description="The count that a campaign's unallocated participants are in, if any."
    )
    refuse_writes: bool = Field(default=False, description="Refuse every action, with the body code 403.")
    strict_identification: bool = Field(
        default=True,
        description="Refuse an action that does not name its participant or SIM in a documented form.",
    )
    rerun_delay: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="Simulated seconds until a rerun begins. Before, the states are those from before the rerun.",
    )
    service_time: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="Seconds that each request occupies one of the node's places.",
    )
    front_end_timeout: float = Field(
        default=5.0, gt=0, allow_inf_nan=False, description="Seconds until the front end stops waiting for the node."
    )
    journal: bool = Field(default=True, description="Whether requests are recorded in the journal.")
    ready_file: Path | None = Field(
        default=None, description="JSON file with the server's address, written when it is ready."
    )

    @field_validator("secret", "admin_token", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return value or None

    def changed(self, changes: dict[str, Any]) -> Options:
        """Return a checked copy with new values for options that may change at run time.

        Raises:
            ValueError: an option that cannot change at run time, or an invalid value.
        """
        fixed = sorted(set(changes) - CHANGEABLE)
        if fixed:
            raise ValueError(f"{', '.join(fixed)}: cannot be changed at run time, only {', '.join(sorted(CHANGEABLE))}")
        return Options.model_validate({name: getattr(self, name) for name in Options.model_fields} | changes)


CHANGEABLE = frozenset(
    {
        "speed",
        "ids",
        "not_writeable",
        "campaigns",
        "participant_state",
        "lists",
        "connection",
        "get_campaign",
        "get_campaign_msisdn",
        "unallocated_count",
        "refuse_writes",
        "strict_identification",
        "rerun_delay",
        "service_time",
        "front_end_timeout",
        "journal",
    }
)
