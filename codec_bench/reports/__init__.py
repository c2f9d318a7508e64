"""What people read: tables, plots."""
