"""The table of the backups that were made and verified, so that somebody notices when there are none."""

from datetime import datetime

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, UtcTime


class Backup(Base):
    """One verified copy of the database."""

    __tablename__ = "backup"

    id: Mapped[int] = mapped_column(primary_key=True)
    made_at: Mapped[datetime] = mapped_column(UtcTime)
    file: Mapped[str] = mapped_column(String(400))  # its name, without the folder
    size: Mapped[int] = mapped_column(BigInteger)  # bytes
    sha256: Mapped[str] = mapped_column(String(64))
    revision: Mapped[int]  # of the catalogue inside
