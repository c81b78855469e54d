"""What is not metered: fuel, shipments, purchases, travel, and whatever else is said in rows.

A row is an activity of a kind. A kind says which columns its rows have and how a row becomes
postings; to add one, write it in `kinds/` and name it in the table there.
"""
