"""How far members have read what the books tell them. What is told are facts that stand elsewhere."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from community.store.tables.columns import instant


class NotificationMarkRow(SQLModel, table=True):
    """Everything up to this notification has been read by the member. It moves forward only."""

    __tablename__ = "notification_mark"
    member_id: str = Field(primary_key=True, foreign_key="member.identity_id")
    upto_at: datetime = instant()
    upto_id: str
    read_at: datetime = instant()
