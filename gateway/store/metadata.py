"""The one collection of tables, to which the files that define tables add theirs."""

from sqlalchemy import MetaData

metadata = MetaData()
