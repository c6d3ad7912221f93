"""Sources whose profile is kept."""

from datetime import datetime

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.catalogue.imports.profiles import Profile
from app.catalogue.imports.statements import reason_of
from app.catalogue.imports.tables import ImportSource
from app.errors import InvalidInput


def profile_of(session: Session, name: str) -> Profile | None:
    """What is known of a source, None where it is new."""
    kept = session.get(ImportSource, name)
    return None if kept is None else Profile.model_validate(kept.profile)


def source_names(session: Session) -> list[str]:
    """Every source that is known, in order."""
    return list(session.scalars(select(ImportSource.name).order_by(ImportSource.name)))


def keep_profile(session: Session, profile: Profile, at: datetime) -> None:
    """Remembers how a source is read, but for the day, which every file has of its own."""
    kept = profile.model_copy(update={"observed_on": None}).model_dump(mode="json")
    session.merge(ImportSource(name=profile.source, profile=kept, updated_at=at))


def made_profile(known: Profile | None, **said: object) -> Profile:
    """The profile with what is said now over what was known. Raises InvalidInput by field."""
    fields = {**(known.model_dump() if known else {}), **{name: value for name, value in said.items() if value}}
    try:
        return Profile.model_validate(fields)
    except ValidationError as error:
        raise InvalidInput(reason_of(error)) from None
